"""The problems of a connection: the sentences that every client uses, and how the gateway reports some of them."""

from collections.abc import Mapping
from typing import Final

SENTENCES: Final[Mapping[str, str]] = {
    "REFUSED": "nothing listens on this address: start the gateway, or correct the address",
    "UNRESOLVED": "the host name of the address does not exist in DNS: correct the address, or check DNS",
    "UNREACHABLE": "there is no network route to this address: check the network, and correct the address",
    "TIMEOUT": "nothing responds at this address: check that the gateway runs and that no firewall blocks the port",
    "SILENT": "the server accepts the connection but does not respond: check that the address is that of a gateway",
    "TLS_REQUIRED": (
        "the server closes connections without TLS: connect with TLS, and pass the gateway's CA bundle ({ca}), or "
        "check that the gateway runs and that the address is right"
    ),
    "PLAINTEXT_REQUIRED": (
        "the client uses TLS, but the gateway does not: correct the port, or use {plaintext} if the connection stays "
        "on this machine"
    ),
    "TLS_FAILED": (
        "the TLS handshake failed: check that the address is that of a gateway, and whether a proxy is between"
    ),
    "UNTRUSTED": (
        "no authority that the client trusts issued the gateway's certificate: pass the gateway's CA bundle ({ca})"
    ),
    "HOST_NAME": (
        "the gateway's certificate is not valid for this host name: use an address with a host name that it contains, "
        "or pass that name ({server_name})"
    ),
    "EXPIRED": (
        "the gateway's certificate has expired, or the clock of this machine is wrong: correct the clock, or have the "
        "operator renew the certificate"
    ),
    "NOT_YET_VALID": (
        "the gateway's certificate is not valid yet, or the clock of this machine is wrong: correct the clock, or have "
        "the operator replace the certificate"
    ),
    "INVALID_FILES": (
        "a TLS file of the client is not valid: pass PEM files ({ca}, {certificate}), with the private key of the "
        "certificate"
    ),
    "CLIENT_CERTIFICATE_MISSING": (
        "the gateway requires a client certificate: pass one with its private key ({certificate})"
    ),
    "CLIENT_CERTIFICATE_EXPIRED": (
        "the client certificate has expired, or the clock of this machine is wrong: renew the certificate, or correct "
        "the clock"
    ),
    "CLIENT_CERTIFICATE_REJECTED": (
        "the gateway rejects the client certificate: pass one ({certificate}) that is valid now and that an authority "
        "in the gateway's `trust_bundle_file` issued"
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
        "the gateway does not know the caller: pass a token ({token}) or a client certificate ({certificate})"
    ),
    "TOKEN_EXPIRED": (
        "the token has expired, or the clock of this machine is wrong: request a new token, or correct the clock"
    ),
    "TOKEN_REJECTED": (
        "the gateway rejects the token: use a token of the issuer and for the audience that the gateway expects"
    ),
    "CALLER_REJECTED": (
        "the gateway does not accept the caller's certificate as an identity: use a certificate with a name that the "
        "gateway accepts"
    ),
    "NOT_PERMITTED": (
        "the gateway knows the caller, but policy does not permit this call: have the operator permit it "
        "(`keyway-gateway policy explain` shows the decision)"
    ),
    "CALL_FAILED": "the gateway responded with an error: look up its reason in docs/troubleshooting.md",
}
"""The sentence of each problem: its cause, a colon, and its fix. The names in braces are those of OPTIONS."""

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
"""The options of each client. Those of Python are also the options of the command line and the keys of its file.

Only the command line has `token_file`.
"""

BY_REASON: Final[Mapping[str, str]] = {"PERMISSION_DENIED": "NOT_PERMITTED", "SERVER_DRAINING": "DRAINING"}
"""The problem of an error of the gateway, by its reason."""

BY_MESSAGE: Final[Mapping[str, str]] = {
    "no bearer token was sent": "CREDENTIALS_MISSING",
    "no client certificate was presented": "CREDENTIALS_MISSING",
    "the bearer token has expired": "TOKEN_EXPIRED",
    "the bearer token is malformed": "TOKEN_REJECTED",
    "the bearer token is invalid": "TOKEN_REJECTED",
    "the client certificate contains no usable name": "CALLER_REJECTED",
}
"""The problem of an error with the reason UNAUTHENTICATED, by the message of the gateway."""


def sentences(language: str) -> dict[str, str]:
    """Return the sentence of each problem, with the options of a client."""
    return {name: sentence.format_map(OPTIONS[language]) for name, sentence in SENTENCES.items()}
