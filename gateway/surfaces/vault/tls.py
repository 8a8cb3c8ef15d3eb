"""The TLS context of the listener, which is replaced when the files of `identity` change.

`ssl` cannot replace the context of a listener. The listener's context therefore selects the current one at the
beginning of every handshake.
"""

import ssl
from typing import Final

import structlog

from gateway.identity.tls_files import TlsFiles, TlsMaterial
from gateway.upstream.tls import load_pem

_PROTOCOLS: Final = ["http/1.1"]
_log = structlog.get_logger(__name__)


class ServerContexts:
    """Creates contexts. listening: the context for the listener."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._current = self._context(files.current)
        self.listening: Final = self._context(files.current)
        self.listening.sni_callback = self._select

    def _select(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Give a new connection the context of the current files. OpenSSL calls it even if the client sends no name."""
        material = self._files.renewed()
        if material is not None:
            try:
                self._current = self._context(material)
            except (ssl.SSLError, ValueError):
                _log.warning("tls_files_rejected", error="OpenSSL rejects them", effect="the last files stay in use")
        connection.context = self._current

    def _context(self, material: TlsMaterial) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(_PROTOCOLS)
        load_pem(context, material.private_key + material.chain, "")
        if material.trust_bundle is not None:
            # A client that resumes a session sends no certificate. In TLS 1.3, sessions can be disabled.
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.num_tickets = 0
            context.verify_mode = ssl.CERT_REQUIRED
            context.verify_flags = ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_TRUSTED_FIRST
            context.load_verify_locations(cadata=material.trust_bundle.decode())
        return context
