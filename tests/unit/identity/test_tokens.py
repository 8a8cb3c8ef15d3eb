"""Validation of bearer tokens: claims, form, signatures, and algorithms."""

import hmac
import json
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.identity.caller import Caller
from gateway.identity.errors import AuthenticationFailure
from tests.support.authority import AUDIENCE, ISSUER, TokenIssuer, jwks
from tests.support.token_verification import Verifying
from tests.support.x509_chain import rsa_key


@pytest.fixture(scope="module")
def issuer() -> TokenIssuer:
    return TokenIssuer()


@pytest.fixture
def verifying(tmp_path: Path, issuer: TokenIssuer) -> Verifying:
    return Verifying(tmp_path, issuer.jwks())


async def test_valid_token_is_accepted(verifying: Verifying, issuer: TokenIssuer) -> None:
    claims: dict[str, Any] = {"groups": ["b", "a", "b"], "scope": "keys.read  keys.write", "scp": ["keys.read", "x"]}
    expected = Caller("orders", "jwt", ISSUER, ("a", "b"), ("keys.read", "keys.write", "x"))
    assert await verifying.caller(issuer.token(**claims)) == expected
    assert await verifying.caller(issuer.token(groups="one group", scp="x y")) == Caller(
        "orders", "jwt", ISSUER, ("one group",), ("x", "y")
    )
    assert await verifying.caller(issuer.token(aud=["other", AUDIENCE])) == Caller("orders", "jwt", ISSUER)


INVALID = AuthenticationFailure.INVALID_TOKEN


@pytest.mark.parametrize(
    ("changes", "fault", "reason"),
    [
        ({"iss": "https://other.test"}, INVALID, "iss is not the configured issuer"),
        ({"iss": ISSUER + "/"}, INVALID, "iss is not the configured issuer"),
        ({"iss": None}, INVALID, "no iss"),
        ({"aud": "other"}, INVALID, "aud does not contain the configured audience"),
        ({"aud": None}, INVALID, "no aud"),
        ({"aud": []}, INVALID, "no aud"),
        ({"aud": AUDIENCE + "2"}, INVALID, "aud does not contain the configured audience"),
        ({"exp": None}, INVALID, "no exp"),
        ({"exp": 1}, AuthenticationFailure.EXPIRED_TOKEN, "exp has passed"),
        ({"exp": "soon"}, INVALID, "the token cannot be decoded"),
        ({"exp": [1]}, INVALID, "the token cannot be decoded"),
        ({"exp": float("inf")}, INVALID, "the token cannot be decoded"),
        ({"exp": float("nan")}, INVALID, "the token cannot be decoded"),
        ({"nbf": 2**33}, INVALID, "nbf or iat is in the future"),
        ({"nbf": "later"}, INVALID, "the token cannot be decoded"),
        ({"iat": 2**33}, INVALID, "nbf or iat is in the future"),
        ({"sub": None}, INVALID, "no sub"),
        ({"sub": ""}, INVALID, "sub is not printable text"),
        ({"sub": "a\nb"}, INVALID, "sub is not printable text"),
        ({"sub": "\ud800"}, INVALID, "sub is not printable text"),
        ({"sub": "a" * 2049}, INVALID, "sub is not printable text"),
        ({"groups": {"a": 1}}, INVALID, "groups is not a list of strings"),
        ({"groups": ["a", 1]}, INVALID, "groups is not a list of strings"),
        ({"groups": ["a\0"]}, INVALID, "groups is not a list of strings"),
        ({"scope": 7}, INVALID, "scope is not a list of strings"),
    ],
)
async def test_invalid_claims_are_rejected(
    verifying: Verifying, issuer: TokenIssuer, changes: dict[str, Any], fault: AuthenticationFailure, reason: str
) -> None:
    assert await verifying.refusal(issuer.token(**changes)) == (fault, reason)


async def test_subject_that_is_not_a_string_is_rejected(verifying: Verifying, issuer: TokenIssuer) -> None:
    assert await verifying.refusal(signed({"sub": 7, **_GOOD}, issuer)) == (INVALID, "sub is not a string")


async def test_claims_that_are_not_an_object_are_rejected(verifying: Verifying, issuer: TokenIssuer) -> None:
    for payload in (b"[]", b"7", b"{", b"\xff", b"[" * 3000):
        token = jwt.PyJWS().encode(payload, issuer.key, "ES256", headers={"kid": "k1"})
        assert await verifying.refusal(token) == (INVALID, "the token cannot be decoded")


_SPKI = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
_GOOD = {"iss": ISSUER, "aud": AUDIENCE, "exp": 2**33}


def signed(claims: Any, issuer: TokenIssuer, **headers: Any) -> str:
    """Return a token with these claims, without the checks of the library's signing function."""
    return jwt.PyJWS().encode(json.dumps(claims).encode(), issuer.key, "ES256", headers={"kid": "k1", **headers})


class TestForm:
    @pytest.mark.parametrize(
        "token", ["", "a", "a.b", "a.b.c.d", "a.b.", "..", "a b.c.d", "ä.b.c", "\ud800.b.c", "e30=.e30=.e30="]
    )
    async def test_malformed_token_is_rejected(self, verifying: Verifying, token: str) -> None:
        assert (await verifying.refusal(token))[0] is AuthenticationFailure.MALFORMED_TOKEN

    @pytest.mark.parametrize("header", [b"[]", b"7", b"{", b"\xff\xfe", b"[" * 5000, b'{"alg":' * 700])
    async def test_malformed_header_is_rejected(self, verifying: Verifying, header: bytes) -> None:
        assert await verifying.refusal(f"{encoded(header)}.e30.AAAA") == (
            AuthenticationFailure.MALFORMED_TOKEN,
            "the header is not a JSON object",
        )

    async def test_oversized_token_is_rejected(self, verifying: Verifying, issuer: TokenIssuer) -> None:
        def padded(size: int) -> str:
            # Three characters for each two of padding, nearly.
            claims: dict[str, Any] = {"sub": "orders", **_GOOD, "x": ""}
            while len(token := signed(claims, issuer)) < size:
                claims["x"] += "x" * max(1, (size - len(token)) * 3 // 4 - 2)
            return token

        fits, large = padded(8190), padded(8193)
        assert len(fits) <= 8192 < len(large)
        assert (await verifying.caller(fits)).name == "orders"
        assert await verifying.refusal(large) == (AuthenticationFailure.MALFORMED_TOKEN, "longer than 8192 characters")


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class TestSignatures:
    async def test_unsigned_token_is_rejected(self, verifying: Verifying, issuer: TokenIssuer) -> None:
        header, payload, _ = issuer.token().split(".")
        algorithms: list[Any] = ["none", "None", "NONE", "", None, 7, ["ES256"], {"a": 1}]
        for algorithm in algorithms:
            header = encoded(json.dumps({"alg": algorithm, "kid": "k1"}).encode())
            refused = await verifying.refusal(f"{header}.{payload}.AAAA")
            assert refused == (INVALID, "alg is not one of the configured algorithms")
            assert (await verifying.refusal(f"{header}.{payload}."))[0] is AuthenticationFailure.MALFORMED_TOKEN

    async def test_public_key_as_hmac_secret_is_rejected(self, tmp_path: Path) -> None:
        issuer = TokenIssuer(rsa_key(), algorithm="RS256")
        verifying = Verifying(tmp_path, issuer.jwks())
        public = issuer.key.public_key().public_bytes(*_SPKI)
        header, payload = encoded(b'{"alg":"HS256","kid":"k1"}'), issuer.token().split(".")[1]
        mac = hmac.new(public, f"{header}.{payload}".encode(), sha256).digest()
        refused = await verifying.refusal(f"{header}.{payload}.{encoded(mac)}")
        assert refused == (INVALID, "alg is not one of the configured algorithms")

    async def test_changed_token_is_rejected(self, verifying: Verifying, issuer: TokenIssuer) -> None:
        header, payload, signature = issuer.token().split(".")
        other = issuer.token(sub="admin").split(".")
        for token in (f"{header}.{other[1]}.{signature}", f"{header}.{payload}.{other[2]}", f"{header}.{payload}.AAAA"):
            assert await verifying.refusal(token) == (INVALID, "the signature does not verify")

    async def test_key_of_another_issuer_with_the_same_id_is_rejected(self, verifying: Verifying) -> None:
        assert await verifying.refusal(TokenIssuer().token()) == (INVALID, "the signature does not verify")

    async def test_keys_in_the_token_are_ignored(self, verifying: Verifying) -> None:
        foreign_issuer = TokenIssuer(key_id="mine")
        headers = {
            "jwk": foreign_issuer.public(),
            "jku": "https://127.0.0.1:1/jwks.json",
            "x5u": "https://127.0.0.1:1/",
        }
        assert await verifying.refusal(foreign_issuer.token(headers=headers)) == (INVALID, "kid is unknown")

    async def test_critical_headers_are_rejected(self, verifying: Verifying, issuer: TokenIssuer) -> None:
        for critical in (["exp"], ["b64"], [], "b64", None):
            token = signed({"sub": "orders", **_GOOD}, issuer, crit=critical, exp=1)
            assert await verifying.refusal(token) == (INVALID, "crit is not supported")

    @pytest.mark.parametrize("key_id", [None, "", 7, ["k1"], {}])
    async def test_token_without_a_key_id_is_rejected(
        self, verifying: Verifying, issuer: TokenIssuer, key_id: Any
    ) -> None:
        header, payload, signature = issuer.token().split(".")
        header = encoded(json.dumps({"alg": "ES256", "kid": key_id}).encode())
        assert await verifying.refusal(f"{header}.{payload}.{signature}") == (INVALID, "no kid")


@pytest.mark.parametrize(
    "issuer",
    [
        *(TokenIssuer(rsa_key(), algorithm=name) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        TokenIssuer(ec.generate_private_key(ec.SECP384R1()), algorithm="ES384"),
        TokenIssuer(ec.generate_private_key(ec.SECP521R1()), algorithm="ES512"),
        TokenIssuer(ed25519.Ed25519PrivateKey.generate(), algorithm="EdDSA"),
        TokenIssuer(ed448.Ed448PrivateKey.generate(), algorithm="EdDSA"),  # type: ignore[arg-type]
    ],
    ids=lambda issuer: issuer.algorithm,
)
async def test_configured_algorithms_are_accepted(tmp_path: Path, issuer: TokenIssuer) -> None:
    token = issuer.token()
    assert (await Verifying(tmp_path, issuer.jwks()).caller(token)).name == "orders"
    assert (await Verifying(tmp_path, jwks(issuer.public(alg=None, use=None))).caller(token)).name == "orders"
    other = ["ES256"] if issuer.algorithm != "ES256" else ["RS256"]
    refused = await Verifying(tmp_path, issuer.jwks(), algorithms=other).refusal(token)
    assert refused == (INVALID, "alg is not one of the configured algorithms")
