"""Connection problems: the sentences that all clients use, and the errors of the gateway that state a problem."""

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "REFUSED": "nothing listens on this address: start the gateway, or correct the address",
    "UNRESOLVED": "the host name of the address does not exist in DNS: correct the address, or check DNS",
    "UNREACHABLE": "there is no network route to this address: check the network, and correct the address",
    "TIMEOUT": "nothing responds at this address: check that the gateway runs and that no firewall blocks the port",
    "SILENT": (
        "the server accepts the connection but does not respond: check that the address is the address of a gateway"
    ),
    "TLS_REQUIRED": (
        "the server closes connections without TLS: connect with TLS, and pass the gateway's CA bundle ({ca}), or "
        "check that the gateway runs and that the address is correct"
    ),
    "PLAINTEXT_REQUIRED": (
        "the client uses TLS, but the gateway does not: correct the port, or use {plaintext} if the connection stays "
        "on this machine"
    ),
    "TLS_FAILED": (
        "the TLS handshake failed: check that the address is the address of a gateway, and that no proxy intercepts "
        "the connection"
    ),
    "UNTRUSTED": (
        "the gateway's certificate was not issued by an authority that the client trusts: pass the gateway's CA bundle "
        "({ca})"
    ),
    "HOST_NAME": (
        "the gateway's certificate is not valid for this host name: use an address with a host name from the "
        "certificate, or pass such a name ({server_name})"
    ),
    "EXPIRED": (
        "the gateway's certificate has expired, or the clock of this machine is wrong: correct the clock, or ask the "
        "operator to renew the certificate"
    ),
    "NOT_YET_VALID": (
        "the gateway's certificate is not valid yet, or the clock of this machine is wrong: correct the clock, or ask "
        "the operator to replace the certificate"
    ),
    "INVALID_FILES": (
        "a TLS file of the client is not valid: pass PEM files ({ca}, {certificate}), and the private key that belongs "
        "to the certificate"
    ),
    "CLIENT_CERTIFICATE_MISSING": (
        "the gateway requires a client certificate: pass a certificate and its private key ({certificate})"
    ),
    "CLIENT_CERTIFICATE_EXPIRED": (
        "the client certificate has expired, or the clock of this machine is wrong: renew the certificate, or correct "
        "the clock"
    ),
    "CLIENT_CERTIFICATE_REJECTED": (
        "the gateway rejects the client certificate: pass a valid certificate ({certificate}) from an authority in the "
        "gateway's `trust_bundle_file`"
    ),
    "NOT_HTTP2": (
        "the server at this address does not offer gRPC (HTTP/2): correct the host and the port of the address"
    ),
    "NOT_SERVING": (
        "the gateway reports that it does not serve calls, because it is shutting down or cannot write its journal: "
        "use another gateway, or read the log of this one"
    ),
    "DRAINING": "the gateway is shutting down: retry later, or use another gateway",
    "CREDENTIALS_MISSING": (
        "the call has no credentials that the gateway accepts: pass a token ({token}) or a client certificate "
        "({certificate})"
    ),
    "TOKEN_EXPIRED": (
        "the token has expired, or the clock of this machine is wrong: request a new token, or correct the clock"
    ),
    "TOKEN_REJECTED": (
        "the gateway rejects the token: use a token with the issuer and the audience that the gateway expects"
    ),
    "CALLER_REJECTED": (
        "the gateway does not accept the client certificate as an identity: use a certificate with a name that the "
        "gateway accepts"
    ),
    "NOT_PERMITTED": (
        "the caller is authenticated, but policy does not permit this call: ask the operator for the permission "
        "(`keyway-gateway policy explain` shows the decision)"
    ),
    "CALL_FAILED": "the gateway responded with an error: look up its reason in docs/troubleshooting.md",
}
"""The sentence of each problem: its cause, a colon, and its fix. The names in braces are keys of OPTIONS."""

OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "python": {
        "ca": "`ca`",
        "server_name": "`server_name`",
        "certificate": "`certificate`, `private_key`",
        "token": "`token`, `token_file`",
        "plaintext": "`plaintext`",
    },
    "go": {
        "ca": "`WithTLS`",
        "server_name": "`WithServerName`",
        "certificate": "`WithMTLS`",
        "token": "`WithBearerToken`",
        "plaintext": "`WithPlaintext`",
    },
    "java": {
        "ca": "`tls`",
        "server_name": "`overrideAuthority`",
        "certificate": "`mtls`",
        "token": "`bearerToken`",
        "plaintext": "`plaintext`",
    },
    "typescript": {
        "ca": "`tls.ca`",
        "server_name": "`tls.serverName`",
        "certificate": "`tls.certificate`, `tls.privateKey`",
        "token": "`token`",
        "plaintext": "`plaintext`",
    },
}
"""The options of each client. The Python names are also options of the command line and keys of its file.

Only the command line has `token_file`.
"""

BY_REASON: Final[Mapping[str, str]] = {"PERMISSION_DENIED": "NOT_PERMITTED", "SERVER_DRAINING": "DRAINING"}
"""The problem that a reason of the gateway states."""

BY_MESSAGE: Final[Mapping[str, str]] = {
    "no bearer token was sent": "CREDENTIALS_MISSING",
    "no client certificate was presented": "CREDENTIALS_MISSING",
    "the bearer token has expired": "TOKEN_EXPIRED",
    "the bearer token is malformed": "TOKEN_REJECTED",
    "the bearer token is invalid": "TOKEN_REJECTED",
    "the client certificate contains no usable name": "CALLER_REJECTED",
}
"""The problem that a message of the gateway states, for errors with the reason UNAUTHENTICATED."""


def sentences(language: str) -> dict[str, str]:
    """Return the sentence of each problem, with the options of a client."""
    return {name: sentence.format_map(OPTIONS[language]) for name, sentence in SENTENCES.items()}
