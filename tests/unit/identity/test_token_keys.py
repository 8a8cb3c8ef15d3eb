"""Keys that verify bearer tokens, and the cache of verified tokens."""

import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.identity import tokens
from gateway.identity.errors import AuthenticationError, AuthenticationFailure
from tests.support.authority import TokenIssuer, jwks
from tests.support.token_verification import Verifying
from tests.support.x509_chain import rsa_key


@pytest.fixture(scope="module")
def issuer() -> TokenIssuer:
    return TokenIssuer()


@pytest.fixture
def verifying(tmp_path: Path, issuer: TokenIssuer) -> Verifying:
    return Verifying(tmp_path, issuer.jwks())


INVALID = AuthenticationFailure.INVALID_TOKEN


class TestKeys:
    async def test_key_with_an_algorithm_accepts_no_other(self, tmp_path: Path) -> None:
        """An RSA key could verify both algorithms; its `alg` selects one."""
        issuer = TokenIssuer(rsa_key(), algorithm="RS256")
        verifying = Verifying(tmp_path, jwks(issuer.public(alg="PS256")))
        assert await verifying.refusal(issuer.token()) == (INVALID, "alg does not match the key")

    async def test_algorithm_of_another_key_type_is_rejected(self, tmp_path: Path, issuer: TokenIssuer) -> None:
        rsa_issuer = TokenIssuer(rsa_key(), algorithm="RS256")
        verifying = Verifying(tmp_path, jwks(rsa_issuer.public(alg=None)))
        assert await verifying.refusal(issuer.token()) == (INVALID, "alg does not match the key")

    async def test_keys_can_share_an_id(self, tmp_path: Path, issuer: TokenIssuer) -> None:
        others = [TokenIssuer(), TokenIssuer(rsa_key(), algorithm="RS256"), TokenIssuer()]
        for order in ([issuer, *others], [*others, issuer]):
            verifying = Verifying(tmp_path, jwks(*(each.public() for each in order)))
            assert (await verifying.caller(issuer.token())).name == "orders"
            assert await verifying.refusal(TokenIssuer().token()) == (INVALID, "the signature does not verify")
            assert (await verifying.refusal(issuer.token(exp=1)))[0] is AuthenticationFailure.EXPIRED_TOKEN
            assert (await verifying.refusal(issuer.token(exp=10**400)))[0] is AuthenticationFailure.INVALID_TOKEN

    @pytest.mark.parametrize(
        "changes",
        [
            *({"use": "enc"}, {"key_ops": ["sign"]}, {"key_ops": "verify"}, {"kid": None}, {"kid": ""}, {"kid": 7}),
            *({"alg": "HS256"}, {"alg": 7}, {"alg": "ES384"}, {"crv": "P-384"}, {"crv": "secp256k1"}, {"x": "AAAA"}),
            *({"kty": "oct", "k": "c2VjcmV0"}, {"kty": None}, {"kty": ["EC"]}, {"y": 7}),
        ],
        ids=str,
    )
    async def test_unusable_keys_are_ignored(
        self, tmp_path: Path, issuer: TokenIssuer, changes: dict[str, Any]
    ) -> None:
        good = TokenIssuer(key_id="good")
        verifying = Verifying(tmp_path, jwks(issuer.public(**changes), good.public()))
        assert await verifying.refusal(issuer.token()) == (INVALID, "kid is unknown")
        assert (await verifying.caller(good.token())).name == "orders"

    @pytest.mark.parametrize(
        "changes",
        [
            {"use": "sig", "key_ops": [], "x5c": [], "oth": []},
            {"use": None, "alg": None, "key_ops": None, "x5t": None},
            {"d": None},
        ],
        ids=str,
    )
    async def test_null_and_empty_members_are_absent(
        self, tmp_path: Path, issuer: TokenIssuer, changes: dict[str, Any]
    ) -> None:
        document = json.dumps({"keys": [issuer.public() | changes, None, []]})
        for mark in ("", "\ufeff"):
            verifying = Verifying(tmp_path, f"{mark}{document}\n\n".encode())
            assert (await verifying.caller(issuer.token())).name == "orders"

    async def test_short_rsa_key_is_ignored(self, tmp_path: Path) -> None:
        short = TokenIssuer(rsa.generate_private_key(65537, 1024), algorithm="RS256", key_id="short")
        verifying = Verifying(tmp_path, jwks(short.public(), TokenIssuer().public()))
        with pytest.warns(jwt.InsecureKeyLengthWarning):
            token = short.token()
        assert await verifying.refusal(token) == (INVALID, "kid is unknown")


class TestMemory:
    async def test_repeated_token_is_not_verified_again(
        self, verifying: Verifying, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = issuer.token()
        first = await verifying.caller(token)
        monkeypatch.setattr(jwt, "decode", None)
        assert await verifying.caller(token) is first
        header, payload, signature = token.split(".")
        assert (await verifying.refusal(f"{header}.{payload}.{signature[:-4]}AAAA"))[0] is INVALID

    async def test_cached_token_expires(
        self, verifying: Verifying, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = int(time.time())
        token = issuer.token(exp=now + 60)
        await verifying.caller(token)
        monkeypatch.setattr(time, "time", lambda: now + 59.9)
        await verifying.caller(token)
        monkeypatch.setattr(time, "time", lambda: now + 60)
        assert await verifying.refusal(token) == (AuthenticationFailure.EXPIRED_TOKEN, "exp has passed")

    async def test_leeway_applies_to_expiry_and_start(self, tmp_path: Path, issuer: TokenIssuer) -> None:
        now = int(time.time())
        verifying = Verifying(tmp_path, issuer.jwks(), leeway=30)
        late = issuer.token(exp=now - 20)
        assert await verifying.caller(late) is await verifying.caller(late)
        assert (await verifying.caller(issuer.token(nbf=now + 20))).name == "orders"
        assert await verifying.refusal(issuer.token(exp=now - 40)) == (
            AuthenticationFailure.EXPIRED_TOKEN,
            "exp has passed",
        )
        assert (await verifying.refusal(issuer.token(nbf=now + 40)))[0] is INVALID

    async def test_cache_is_cleared_when_the_keys_change(self, verifying: Verifying, issuer: TokenIssuer) -> None:
        token, successor = issuer.token(), TokenIssuer(key_id="k2")
        await verifying.caller(token)
        verifying.file.write_bytes(successor.jwks())
        assert await verifying.refusal(token) == (INVALID, "kid is unknown")
        assert (await verifying.caller(successor.token())).name == "orders"

    async def test_cache_size_is_limited(
        self, verifying: Verifying, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tokens, "_MAXIMUM_CACHED_TOKENS", 3)
        made = [issuer.token(sub=f"s{number}") for number in range(4)]
        firsts = [await verifying.caller(token) for token in made[:3]]
        assert await verifying.caller(made[0]) is firsts[0]  # used, so that the second is the oldest
        await verifying.caller(made[3])
        assert await verifying.caller(made[0]) is firsts[0]
        assert await verifying.caller(made[1]) is not firsts[1]

    async def test_tokens_are_not_kept_in_memory(self, verifying: Verifying, issuer: TokenIssuer) -> None:
        token = issuer.token()
        await verifying.caller(token)
        assert token not in repr(vars(verifying.verifier))
        with pytest.raises(AuthenticationError) as caught:
            await verifying.verifier.verify(issuer.token(aud="other"))
        assert caught.value.__cause__ is None
