"""Verification of server certificates with `ssl`: the same rules under every version of Python, and failures explained.

The defaults of `ssl` depend on the version of Python: from 3.13 on, they reject certificates that lack extensions of
RFC 5280, as those of many private authorities do.
"""

import functools
import ssl
from collections.abc import Iterable
from typing import Any, Final

from gateway.x509_reader import certificate
from gateway.x509_reader.certificate import ParsedCertificate

_FLAGS: Final = ssl.VERIFY_X509_TRUSTED_FIRST
_MAXIMUM_CERTIFICATES: Final = 5
_MAXIMUM_NAME_CHARACTERS: Final = 200


def verifying_context(authorities: str | None = None) -> ssl.SSLContext:
    """Return a context that verifies the certificate and the name of servers.

    authorities: PEM certificates to trust; None trusts those of the system. Raises ssl.SSLError or ValueError for
    certificates that OpenSSL rejects.
    """
    context = ssl.create_default_context(cadata=authorities)
    context.verify_flags = _FLAGS
    context.sslobject_class = _ExplainingSSLObject
    return context


@functools.cache
def system_context() -> ssl.SSLContext:
    """Return the context that trusts the system's authorities, created once because loading them is slow."""
    return verifying_context()


def system_authorities() -> str:
    """Return the certificates of the system's trust store in PEM; empty if there are none."""
    known = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(map(ssl.DER_cert_to_PEM_cert, known))


def verification_rule(error: BaseException | None) -> str | None:
    """Return the rule that a server certificate violated, or None if something else caused the error.

    The text is one of OpenSSL's constants. It contains nothing that the peer sent.
    """
    failure = _verification_error(error)
    return failure.verify_message.partition(",")[0] if failure is not None else None


def explanation(error: BaseException | None) -> str | None:
    """Return the violated rule and the certificates that the server sent, for operators. None as above.

    The certificates are not verified: their names are what the peer claims.
    """
    failure = _verification_error(error)
    if failure is None:
        return None
    return "; ".join((failure.verify_message.rstrip("."), *getattr(failure, "__notes__", ())))


def _verification_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    found = None
    while error is not None:
        found = error if isinstance(error, ssl.SSLCertVerificationError) else found
        error = error.__cause__
    return found


class _ExplainingSSLObject(ssl.SSLObject):
    """Adds the certificates of the peer to a verification error, as a note."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except ssl.SSLCertVerificationError as error:
            for encoded in self._sent_certificates()[:_MAXIMUM_CERTIFICATES]:
                error.add_note(_described(encoded))
            raise

    def _sent_certificates(self) -> list[bytes]:
        """Return the certificates that the peer sent, in DER. Before Python 3.13, the method is not public."""
        own: Any = self
        holder = own if hasattr(own, "get_unverified_chain") else own._sslobj
        chain: Iterable[Any] = holder.get_unverified_chain() or ()
        return [item if isinstance(item, bytes) else item.public_bytes(_DER) for item in chain]


_DER: Final = 2
"""The constant `ENCODING_DER` of the module `_ssl`."""


def _described(encoded: bytes) -> str:
    try:
        return _summary(certificate.parse(encoded))
    except ValueError:
        return "a certificate that cannot be parsed"


def _summary(parsed: ParsedCertificate) -> str:
    subject, issuer = (repr(name.text[:_MAXIMUM_NAME_CHARACTERS]) for name in (parsed.subject, parsed.issuer))
    validity = f"{parsed.not_before:%Y-%m-%d} to {parsed.not_after:%Y-%m-%d}"
    return f"certificate {subject} of issuer {issuer}, valid {validity}"
