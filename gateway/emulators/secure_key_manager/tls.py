"""Server TLS for key stores that authenticate by client certificate.

Responsible for the TLS context only: which certificate opens which key store is checked call by call in `access.py`.
"""

import ssl
from pathlib import Path


def server_context(certificate: Path, private_key: Path, client_authorities: Path) -> ssl.SSLContext:
    """A context for `HostOptions.tls` that asks for, but doesn't demand, a client certificate.

    All three are PEM files. A certificate that no one in `client_authorities` issued fails the handshake.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, private_key)
    context.load_verify_locations(client_authorities)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
