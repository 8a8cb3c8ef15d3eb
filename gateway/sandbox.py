"""A gateway to test clients against: the emulators in memory, and over them a listener of every kind that there is.

Responsible for the files that such listeners need, made anew in a temporary folder that goes when this ends, and for
telling where everything is. Not responsible for what the gateway does: it is the one that serves real providers.

Beside everybody's listener there is one for a caller with a certificate and one for a caller with a token. Both may do
everything, except that the caller with the token may read no secrets. An upstream is asked once and no breaker stands
before it, so that every fault that is armed at a control port reaches the client.
"""

import asyncio
import contextlib
import datetime as dt
import json
import os
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from jwt.algorithms import ECAlgorithm

from gateway import app, demo, gateway_settings
from gateway.emulators.host import EmulatorHost
from gateway.gateway_settings import GatewaySettings
from gateway.providers.catalog import SETTINGS

_CALLER: Final = "spiffe://keyway.test/sandbox"
_SUBJECT: Final = "sandbox"
_ISSUER: Final = "https://issuer.keyway.test"
_AUDIENCE: Final = "keyway"
_KEY_ID: Final = "sandbox"
_VALID: Final = dt.timedelta(days=1)
_EARLIER: Final = dt.timedelta(minutes=5)  # clocks differ

_POLICIES: Final = f"""
@id("the-sandbox-has-everything")
permit (principal in Keyway::Group::"sandbox", action, resource);
@id("private-material-has-to-be-named")
permit (
  principal in Keyway::Group::"sandbox",
  action in [
    Keyway::Action::"GetSymmetricKey", Keyway::Action::"GetPrivateKey",
    Keyway::Action::"DownloadCertificateWithPrivateKey"
  ],
  resource
);
@id("secrets-are-for-who-has-a-certificate")
permit (principal == Keyway::Caller::"{_CALLER}", action == Keyway::Action::"GetSecret", resource);
"""
_UNLIMITED: Final = {"rate": 1_000_000, "burst": 1_000_000, "concurrency": 1_000_000}
_ONCE: Final = {"retry": {"attempts": 1}, "breaker": {"enabled": False}}


async def run(stop: asyncio.Event) -> None:
    """Serve until `stop`, or until whoever started this closes the pipe that is its standard input.

    One line of JSON on standard output says when everything is ready, and where.
    """
    with tempfile.TemporaryDirectory(prefix="keyway-sandbox-") as folder:
        async with sandbox(Path(folder)) as ready:
            await _stop_with_input(stop)
            print(json.dumps(ready), flush=True)
            await stop.wait()


@contextlib.asynccontextmanager
async def sandbox(folder: Path) -> AsyncIterator[Mapping[str, Any]]:
    """Everything running, with its files in `folder`; what the line of JSON says."""
    token = _write_files(folder)
    async with contextlib.AsyncExitStack() as stack:
        running = await stack.enter_async_context(demo.emulators(None, fixed_ports=False))
        addresses = {
            kind: (await stack.enter_async_context(app.gateway(_settings(kind, folder, running)))).address
            for kind in _LISTENERS
        }
        yield {
            **addresses,
            "controls": {kind: host.control_url for kind, host in running.items()},
            "tls": {
                "ca": str(folder / "ca.pem"),
                "certificate": str(folder / "client.pem"),
                "private_key": str(folder / "client.key"),
            },
            "token": token,
        }


_LISTENERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "plain": {"listen": "127.0.0.1:0"},
    "mtls": {"listen": "localhost:0", "identity": {"mtls": {"trust_bundle_file": "ca.pem"}}},
    "jwt": {
        "listen": "localhost:0",
        "identity": {"jwt": {"issuer": _ISSUER, "audience": _AUDIENCE, "jwks_file": "jwks.json"}},
    },
}
"""What each gateway has of its own."""


def _settings(kind: str, folder: Path, running: Mapping[str, EmulatorHost]) -> GatewaySettings:
    listener = dict(_LISTENERS[kind])
    if "identity" in listener:
        certificate = {"certificate_file": "server.pem", "private_key_file": "server.key"}
        listener["identity"] = {**certificate, **listener["identity"]}
        listener["policy"] = {"policy_files": ["policies.cedar"], "entities_file": "entities.json"}
    providers = [
        {**provider, **_ONCE, **_CHANGES.get(provider["id"], {}), "endpoint": running[provider["type"]].url}
        for provider in demo.DEMO_PROVIDERS
    ]
    tree = {
        "drain_delay": 0,
        "drain_timeout": 2,
        "limits": {"server_concurrency": 100_000, "caller": _UNLIMITED},
        "audit": {"directory": f"audit-{kind}", "durability": "os"},
        "providers": providers,
        **listener,
    }
    return gateway_settings.parse(tree, SETTINGS, base=folder)


_CHANGES: Final = {"nhn-certs": {"api_version": "v1.0"}}
"""Of the demonstration's providers: only this version takes uploads."""


def _write_files(folder: Path) -> str:
    """Authority, certificates, keys, policies; answers the token."""
    authority = _Authority()
    (folder / "ca.pem").write_bytes(authority.pem)
    hosts: list[x509.GeneralName] = [x509.DNSName("localhost")]
    authority.issue(folder, "server", hosts, ExtendedKeyUsageOID.SERVER_AUTH)
    authority.issue(folder, "client", [x509.UniformResourceIdentifier(_CALLER)], ExtendedKeyUsageOID.CLIENT_AUTH)
    (folder / "policies.cedar").write_text(_POLICIES)
    (folder / "entities.json").write_text(json.dumps(_entities()))
    signing = ec.generate_private_key(ec.SECP256R1())
    public = ECAlgorithm.to_jwk(signing.public_key(), as_dict=True)
    keys = {"keys": [{**public, "kid": _KEY_ID, "use": "sig", "alg": "ES256"}]}
    (folder / "jwks.json").write_text(json.dumps(keys))
    now = dt.datetime.now(dt.UTC)
    claims = {"iss": _ISSUER, "aud": _AUDIENCE, "sub": _SUBJECT, "iat": now - _EARLIER, "exp": now + _VALID}
    return jwt.encode(claims, signing, "ES256", headers={"kid": _KEY_ID})


def _entities() -> list[dict[str, Any]]:
    """The group that both callers are in."""
    group = {"type": "Keyway::Group", "id": "sandbox"}
    callers = ({"type": "Keyway::Caller", "id": caller} for caller in (_CALLER, f"sub:{_SUBJECT}"))
    return [
        {"uid": group, "attrs": {}, "parents": []},
        *({"uid": caller, "attrs": {}, "parents": [group]} for caller in callers),
    ]


class _Authority:
    """Issues certificates that are good for a day."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("Keyway sandbox CA")
        certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = certificate.public_bytes(Encoding.PEM)

    def issue(self, folder: Path, name: str, names: list[x509.GeneralName], purpose: x509.ObjectIdentifier) -> None:
        """Write NAME.pem and NAME.key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            self._builder(_named(name), key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        private = folder / f"{name}.key"
        private.touch(0o600)
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - _EARLIER)
            .not_valid_after(now + _VALID)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(issuer_key, critical=False)
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


class _Input(asyncio.Protocol):
    """Notices the end of a pipe; what comes through it means nothing."""

    def __init__(self, ended: asyncio.Event) -> None:
        self._ended = ended

    def connection_lost(self, _error: Exception | None) -> None:
        """Whoever had the other end is gone, or wants no more."""
        self._ended.set()


async def _stop_with_input(stop: asyncio.Event) -> None:
    """A terminal and /dev/null end nothing: there it is a signal that does."""
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        await asyncio.get_running_loop().connect_read_pipe(lambda: _Input(stop), sys.stdin)
