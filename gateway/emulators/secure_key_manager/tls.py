"""Server TLS for key stores that authenticate by client certificate.

`access.py` checks for each call which certificate may use which key store.
"""

import ssl
from pathlib import Path


def server_context(certificate: Path, private_key: Path, client_authorities: Path) -> ssl.SSLContext:
    """Return a context for `HostOptions.tls` that requests, but does not require, a client certificate.

    All three are PEM files. A certificate that was not issued by one of `client_authorities` fails the handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, private_key)
    context.load_verify_locations(client_authorities)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
