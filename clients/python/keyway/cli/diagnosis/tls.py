"""The TLS steps of a diagnosis: handshake, certificate of the gateway, HTTP/2, and client certificate.

OpenSSL performs the handshake with the files that gRPC would use, because its errors name the violated rule.
"""

import os
import ssl
from collections.abc import Iterator
from importlib import resources
from typing import Final

from cryptography import x509

from keyway.cli.diagnosis import certificates
from keyway.cli.diagnosis.http2 import Reply, greet, greet_without_tls, unverified
from keyway.cli.diagnosis.sockets import Endpoint
from keyway.cli.diagnosis.steps import Step, StepFailed
from keyway.connection import Connection, read_pem
from keyway.problems import Problem

_FILES: Final = "TLS files"
_TLS: Final = "TLS"
_CERTIFICATE: Final = "gateway certificate"
_HOST: Final = "host name"
_DATES: Final = "dates"
_HTTP2: Final = "HTTP/2"
_CLIENT: Final = "client certificate"
_ROOTS_VARIABLE: Final = "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"
_BY_VERIFY_CODE: Final = {
    9: (_DATES, Problem.NOT_YET_VALID),
    10: (_DATES, Problem.EXPIRED),
    62: (_HOST, Problem.HOST_NAME),
    64: (_HOST, Problem.HOST_NAME),
}
"""The codes of `X509_verify_cert_error_string`. With any other code, the chain is not trusted."""


def check_tls(endpoint: Endpoint, connection: Connection) -> Iterator[Step]:
    """Yield the steps. Raises StepFailed."""
    name = connection.server_name or endpoint.host
    context = _context(connection)
    try:
        with endpoint.connect() as raw, context.wrap_socket(raw, server_hostname=name) as tls:
            yield Step(_TLS, (str(tls.version()),))
            yield from _verified(certificates.decode(tls.getpeercert(binary_form=True)), name)
            yield from _http2(tls, connection)
    except ssl.SSLCertVerificationError as error:
        yield from _rejected(error, endpoint, name)
    except OSError as error:
        raise _failed(error, endpoint, connection) from error


def _context(connection: Connection) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # As in gRPC, an intermediate authority in the bundle is trusted.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["h2"])
    try:
        context.load_verify_locations(cadata=_roots(connection))
        if connection.certificate is not None and connection.private_key is not None:
            # A password makes OpenSSL fail for an encrypted key instead of reading a password from the terminal.
            context.load_cert_chain(os.fspath(connection.certificate), os.fspath(connection.private_key), password="")
    except (ssl.SSLError, ValueError) as error:
        raise StepFailed(_FILES, Problem.INVALID_FILES, str(getattr(error, "reason", None) or error)) from error
    return context


def _roots(connection: Connection) -> str:
    """Return the CA bundle that gRPC would use."""
    own = read_pem(connection.ca)
    if own is not None:
        return own.decode("ascii", errors="ignore")
    if path := os.environ.get(_ROOTS_VARIABLE):
        return (read_pem(path) or b"").decode("ascii", errors="ignore")
    return resources.files("grpc").joinpath("_cython/_credentials/roots.pem").read_text()


def _verified(certificate: x509.Certificate | None, name: str) -> Iterator[Step]:
    """Yield the steps of a certificate that OpenSSL accepted."""
    yield _found(certificate)
    yield Step(_HOST, (name,))
    yield Step(_DATES, () if certificate is None else (certificates.dates(certificate),))


def _found(certificate: x509.Certificate | None) -> Step:
    details = () if certificate is None else (certificates.subject(certificate), certificates.issuer(certificate))
    return Step(_CERTIFICATE, details)


def _rejected(error: ssl.SSLCertVerificationError, endpoint: Endpoint, name: str) -> Iterator[Step]:
    """Yield the steps up to the violated rule, which fails."""
    certificate = _certificate_of(endpoint, name)
    step, problem = _BY_VERIFY_CODE.get(error.verify_code, (_CERTIFICATE, Problem.UNTRUSTED))
    yield Step(_TLS)
    details = [f"OpenSSL: {error.verify_message}"]
    if step != _CERTIFICATE:
        yield _found(certificate)
    elif certificate is not None:
        details += [certificates.subject(certificate), certificates.issuer(certificate)]
    if step == _HOST:
        known = "unknown" if certificate is None else ", ".join(certificates.names(certificate)) or "none"
        details = [f"host name: {name}", f"names in the certificate: {known}"]
    if step == _DATES:
        yield Step(_HOST, (name,))
        details = [*([] if certificate is None else [certificates.dates(certificate)]), certificates.clock()]
    raise StepFailed(step, problem, *details) from error


def _certificate_of(endpoint: Endpoint, name: str) -> x509.Certificate | None:
    """Return the certificate that the server presents for a host name, without verification."""
    try:
        with endpoint.connect() as raw, unverified().wrap_socket(raw, server_hostname=name) as tls:
            return certificates.decode(tls.getpeercert(binary_form=True))
    except OSError:
        return None


def _failed(error: OSError, endpoint: Endpoint, connection: Connection) -> StepFailed:
    """Return the failure of a handshake in which the certificate of the gateway was not the problem."""
    if isinstance(error, TimeoutError):
        return StepFailed(_TLS, Problem.SILENT, f"waited {endpoint.seconds:g} s")
    reason = str(getattr(error, "reason", None) or error)
    if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
        return _client_certificate(connection, f"alert of the gateway: {reason}")
    match greet_without_tls(endpoint):
        case Reply.HTTP2:
            return StepFailed(_TLS, Problem.PLAINTEXT_REQUIRED)
        case Reply.OTHER:
            return StepFailed(_TLS, Problem.NOT_HTTP2, reason)
        case _:
            return StepFailed(_TLS, Problem.TLS_FAILED, reason)


def _http2(tls: ssl.SSLSocket, connection: Connection) -> Iterator[Step]:
    """Yield the steps after the handshake.

    With TLS 1.3, a client finishes the handshake before the server verifies the client certificate. A server that
    rejects it closes the connection instead of starting HTTP/2.
    """
    if tls.selected_alpn_protocol() != "h2":
        raise StepFailed(_HTTP2, Problem.NOT_HTTP2, "the server did not select h2 in the TLS handshake (ALPN)")
    match greet(tls):
        case Reply.HTTP2:
            certificate = certificates.read(connection.certificate)
            if certificate is not None:
                yield Step(_CLIENT, (certificates.subject(certificate), certificates.dates(certificate)))
            yield Step(_HTTP2)
        case Reply.CLOSED:
            raise _client_certificate(connection, "the gateway closes the connection after the TLS handshake")
        case Reply.SILENCE:
            raise StepFailed(_HTTP2, Problem.SILENT)
        case _:
            raise StepFailed(_HTTP2, Problem.NOT_HTTP2)


def _client_certificate(connection: Connection, observed: str) -> StepFailed:
    certificate = certificates.read(connection.certificate)
    if certificate is None:
        return StepFailed(_CLIENT, Problem.CLIENT_CERTIFICATE_MISSING, observed)
    own = (certificates.subject(certificate), certificates.issuer(certificate), certificates.dates(certificate))
    if not certificates.is_current(certificate):
        return StepFailed(_CLIENT, Problem.CLIENT_CERTIFICATE_EXPIRED, *own, certificates.clock())
    return StepFailed(_CLIENT, Problem.CLIENT_CERTIFICATE_REJECTED, *own, observed)
