"""Operations on the two trust stores: list, show, import, and delete authorities.

`server` contains the authorities trusted for client authentication, `client` those for server authentication. Complete
files and stores are parsed in threads.
"""

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

from cryptography import x509

from gateway.emulators.asteria import certificates, describe
from gateway.emulators.asteria.errors import AsteriaError
from gateway.emulators.asteria.state import AsteriaState, Authority, Store
from gateway.emulators.base import Clock


class TrustStores:
    """The trust stores of the server and the client."""

    def __init__(self, state: AsteriaState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def list(self, store: Store) -> Sequence[dict[str, str]]:
        """Return all authorities, oldest first."""
        return await asyncio.to_thread(_summaries, self._state.authorities(store))

    def show(self, store: Store, alias: str) -> dict[str, Any]:
        """Return one authority in detail."""
        authority = self._state.authority(store, alias)
        if authority is None:
            raise AsteriaError(4012)
        try:
            return describe.detail(certificates.parse(authority.certificate))
        except certificates.CertificateError as error:
            raise AsteriaError(5304) from error

    def delete(self, store: Store, alias: str) -> None:
        """Remove an authority."""
        if not self._state.delete_authority(store, alias):
            raise AsteriaError(4012)

    async def import_file(self, store: Store, file: bytes) -> None:
        """Add all certificates of a file, or none if one has expired."""
        try:
            parsed = await asyncio.to_thread(certificates.parse_all, file)
        except certificates.CertificateError as error:
            raise AsteriaError(2204, str(error)) from error
        if any(each.not_valid_after_utc < self._clock.now() for each in parsed):
            raise AsteriaError(2802)
        self._state.add_authorities(store, [_authority(each) for each in parsed])


def _summaries(authorities: Sequence[Authority]) -> Sequence[dict[str, str]]:
    try:
        return [describe.summary(each.alias, certificates.parse(each.certificate)) for each in authorities]
    except certificates.CertificateError as error:
        raise AsteriaError(5304) from error


def _authority(certificate: x509.Certificate) -> Authority:
    return Authority(str(uuid.uuid4()), certificates.to_der(certificate))
