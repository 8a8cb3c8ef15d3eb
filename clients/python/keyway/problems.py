"""Problems of a connection: one sentence each, which names the fix.

The names in backquotes are arguments of `keyway.connect`, options of the command line (`--ca`), and keys of its
configuration file.
"""

from enum import Enum
from typing import Final


class Problem(Enum):
    """A problem. The value is its sentence."""

    REFUSED = "nothing listens on this address: start the gateway, or correct `address`"
    UNRESOLVED = "the host name of `address` does not exist in DNS: correct `address`, or check DNS"
    UNREACHABLE = "there is no network route to this address: check the network, and correct `address`"
    TIMEOUT = "nothing responds at this address: check that the gateway runs and that no firewall blocks the port"
    SILENT = "the server accepts the connection but does not respond: check that `address` is that of a gateway"
    TLS_REQUIRED = "the gateway uses TLS, but the client does not: connect with TLS, and set `ca` to its CA bundle"
    PLAINTEXT_REQUIRED = (
        "the client uses TLS, but the gateway does not: correct the port, or use `plaintext` if the connection stays "
        "on this machine"
    )
    TLS_FAILED = "the TLS handshake failed: check that `address` is that of a gateway, and whether a proxy is between"
    UNTRUSTED = (
        "no authority that the client trusts issued the gateway's certificate: set `ca` to the CA bundle of the gateway"
    )
    HOST_NAME = (
        "the gateway's certificate is not valid for this host name: use a host name that it contains in `address`, or "
        "set `server_name`"
    )
    EXPIRED = (
        "the gateway's certificate has expired, or the clock of this machine is wrong: correct the clock, or have the "
        "operator renew the certificate"
    )
    NOT_YET_VALID = (
        "the gateway's certificate is not valid yet, or the clock of this machine is wrong: correct the clock, or have "
        "the operator replace the certificate"
    )
    INVALID_FILES = (
        "`ca`, `certificate` or `private_key` is not valid: use PEM files, with the private key of the certificate"
    )
    CLIENT_CERTIFICATE_MISSING = "the gateway requires a client certificate: set `certificate` and `private_key`"
    CLIENT_CERTIFICATE_EXPIRED = (
        "the client certificate has expired, or the clock of this machine is wrong: renew the certificate, or correct "
        "the clock"
    )
    CLIENT_CERTIFICATE_REJECTED = (
        "the gateway rejects the client certificate: set `certificate` to one that is valid now and that an authority "
        "in the gateway's `trust_bundle_file` issued"
    )
    NOT_HTTP2 = "the server at this address does not offer gRPC (HTTP/2): correct the host and the port of `address`"
    NOT_SERVING = (
        "the gateway reports that it does not serve calls, because it is shutting down or cannot write its journal: "
        "use another gateway, or read the log of this one"
    )
    DRAINING = "the gateway is shutting down: retry later, or use another gateway"
    CREDENTIALS_MISSING = (
        "the gateway does not know the caller: send a token (`token`, `token_file`) or a client certificate "
        "(`certificate` and `private_key`)"
    )
    TOKEN_EXPIRED = "the token has expired, or the clock of this machine is wrong: request a new token"  # noqa: S105
    TOKEN_REJECTED = "the gateway rejects the token: use one of the issuer and for the audience that it expects"  # noqa: S105
    CALLER_REJECTED = (
        "the gateway does not accept the caller's certificate as an identity: use a certificate with a name that the "
        "gateway accepts"
    )
    NOT_PERMITTED = (
        "the gateway knows the caller, but policy does not permit this call: have the operator permit it "
        "(`keyway-gateway policy explain` shows the decision)"
    )
    CALL_FAILED = "the gateway responded with an error: look up its reason in docs/troubleshooting.md"


_TEXTS: Final = (
    ("Connection refused", Problem.REFUSED),
    ("Domain name not found", Problem.UNRESOLVED),
    ("No route to host", Problem.UNREACHABLE),
    ("Network is unreachable", Problem.UNREACHABLE),
    ("WRONG_VERSION_NUMBER", Problem.PLAINTEXT_REQUIRED),
    ("certificate has expired", Problem.EXPIRED),
    ("certificate is not yet valid", Problem.NOT_YET_VALID),
    ("CERTIFICATE_VERIFY_FAILED", Problem.UNTRUSTED),
    ("Hostname Verification Check failed", Problem.HOST_NAME),
    ("is not in peer certificate", Problem.HOST_NAME),  # grpcio before 1.73
    ("Failed to create security handshaker", Problem.INVALID_FILES),
    ("Cannot check peer: missing selected ALPN property", Problem.NOT_HTTP2),
)


_NOT_CONNECTED: Final = "connections to all backends failing"


def recognized(text: str, *, plaintext: bool, certificate: bool) -> Problem | None:
    """Return the problem that gRPC describes in the text of an UNAVAILABLE error; None if the cause is not known.

    plaintext: the client does not use TLS. certificate: it has a client certificate.
    """
    for part, problem in _TEXTS:
        if part in text:
            return problem
    # An open connection that breaks also has this text, but not the beginning.
    if "Socket closed" not in text or _NOT_CONNECTED not in text:
        return None
    if plaintext:
        return Problem.TLS_REQUIRED
    return Problem.CLIENT_CERTIFICATE_REJECTED if certificate else Problem.CLIENT_CERTIFICATE_MISSING
