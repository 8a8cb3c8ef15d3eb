"""Reads in the form of the key/value engine, version 2: secrets, and certificates with their private keys."""

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from gateway import pem
from gateway.surfaces.vault.api_request import Answer, BodyFields, VaultRequest
from gateway.surfaces.vault.errors import VaultError
from gateway.x509_reader.der import X509Error
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys

CERTIFICATES: Final = "certificates"
_VERSION: Final = 1
"""The only version: upstreams return the current content, without a version number."""
_UNKNOWN_TIME: Final = datetime.fromtimestamp(0, UTC)


async def read_secret(request: VaultRequest) -> Answer:
    """Return a secret as the member `value`, or as `value_base64` if it is not text. Raises GatewayError."""
    _check_version(request)
    name = request.resource("secrets", request.path[2])
    payload = (await request.calls.call("get_secret", keys.GetSecretRequest(name=name))).payload
    try:
        values = {"value": payload.decode()}
    except UnicodeDecodeError:
        values = {"value_base64": b64encode(payload).decode()}
    return _answer(values, _UNKNOWN_TIME)


async def read_certificate(request: VaultRequest) -> Answer:
    """Return a certificate with its chain and its private key, all in PEM. Raises GatewayError and VaultError.

    A certificate without its private key is an error, because programs would write incomplete files.
    """
    _check_version(request)
    name = request.resource(CERTIFICATES, request.path[3])
    found = await request.calls.call(
        "download_certificate", certificates.DownloadCertificateRequest(name=name, include_private_key=True)
    )
    if not found.private_key_pem or not found.certificate_chain:
        raise VaultError(404, "the provider returned no private key for this certificate")
    leaf, *rest = map(_terminated, found.certificate_chain)
    values = {"certificate": leaf, "chain": "".join(rest), "private_key": _terminated(found.private_key_pem)}
    return _answer(values, _begin(leaf))


def _check_version(request: VaultRequest) -> None:
    """Raise VaultError if the caller requests an earlier version."""
    if BodyFields(request.query).number("version") not in (0, _VERSION):
        raise VaultError(404, "only the current version can be read")


def _answer(values: Mapping[str, str], created: datetime) -> Answer:
    metadata: dict[str, Any] = {
        "created_time": f"{created:%Y-%m-%dT%H:%M:%SZ}",
        "custom_metadata": None,
        "deletion_time": "",
        "destroyed": False,
        "version": _VERSION,
    }
    return Answer({"data": values, "metadata": metadata})


def _begin(certificate: str) -> datetime:
    """Return the time from which a certificate is valid."""
    try:
        return pem.certificates(certificate.encode())[0].not_before.astimezone(UTC)
    except (pem.PemError, X509Error):
        return _UNKNOWN_TIME


def _terminated(text: str) -> str:
    """Return the text with a newline at its end, so that texts can be concatenated."""
    return text if text.endswith("\n") else f"{text}\n"
