"""Operations on the two key stores: create, show, export, import, CSR and its response, delete.

Uses Python values and AsteriaError; routes.py handles requests and responses. Key derivation and key generation run in
threads. A lock per store prevents lost updates between reading and writing.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from gateway.emulators.asteria import archive, certificates, describe, importing, issuing, sealing
from gateway.emulators.asteria.errors import AsteriaError
from gateway.emulators.asteria.parameters import CreateParameters
from gateway.emulators.asteria.sealing import OpenStore, Passwords
from gateway.emulators.asteria.state import AsteriaState, Store, StoredKeyStore
from gateway.emulators.base import Clock


class KeyStores:
    """The key stores of the server and the client."""

    def __init__(self, state: AsteriaState, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._locks = {store: asyncio.Lock() for store in Store}

    def exists(self, store: Store) -> bool:
        """Return whether a certificate exists."""
        return self._state.key_store(store) is not None

    async def show(self, store: Store, password: str) -> dict[str, Any]:
        """Return the certificate in detail."""
        _, opened = await self._open(store, password, damaged=5304)
        return _describe(opened.chain, unreadable=5304)

    async def create(self, store: Store, parameters: CreateParameters) -> None:
        """Replace the content by a new key pair with a self-signed certificate and a CSR."""
        order = issuing.Order(
            parameters.subject, parameters.key_algorithm, parameters.key_size,
            parameters.signature, parameters.valid_days, self._clock.now(),
        )  # fmt: skip
        async with self._locks[store]:
            content = await asyncio.to_thread(_create, order, parameters.passwords)
            self._state.put_key_store(store, content)

    async def delete(self, store: Store, password: str) -> None:
        """Empty the store."""
        async with self._locks[store]:
            await self._open(store, password, damaged=5306)
            self._state.delete_key_store(store)

    async def import_file(self, store: Store, file: bytes, file_password: str, passwords: Passwords) -> dict[str, Any]:
        """Replace the content by the key and certificate of a PKCS#12 or JKS file; return the same as `show`."""
        async with self._locks[store]:
            described, sealed = await asyncio.to_thread(_import, file, file_password, passwords)
            self._state.put_key_store(store, StoredKeyStore(sealed, None))
        return described

    async def csr(self, store: Store, passwords: Passwords) -> bytes:
        """`csr.zip`."""
        stored, opened = await self._open(store, passwords.store, damaged=5102)
        await asyncio.to_thread(_private_key, opened, passwords.private_key, damaged=5102)
        if stored.csr is None:
            raise AsteriaError(5310)
        return archive.request(store, stored.csr, self._clock.now())

    async def accept(self, store: Store, passwords: Passwords, leaf_file: bytes, chain_file: bytes | None) -> None:
        """Install the certificate that an authority issued for the CSR, with its chain."""
        async with self._locks[store]:
            stored, opened = await self._open(store, passwords.store, damaged=5306)
            sealed = await asyncio.to_thread(_accept, opened, passwords, leaf_file, chain_file)
            self._state.put_key_store(store, StoredKeyStore(sealed, stored.csr))

    async def export(
        self, store: Store, password: str, output: archive.OutputFormat, data: archive.DataFormat
    ) -> bytes:
        """`certs.zip`."""
        _, opened = await self._open(store, password, damaged=5303)
        return archive.certificates(store, opened.chain, output, data, self._clock.now())

    async def _open(self, store: Store, password: str, *, damaged: int) -> tuple[StoredKeyStore, OpenStore]:
        """Return the content of the store, if it is not empty and the password is correct."""
        stored = self._state.key_store(store)
        if stored is None:
            raise AsteriaError(4012)
        try:
            return stored, await asyncio.to_thread(sealing.open_store, stored.sealed, password)
        except sealing.WrongPasswordError as error:
            raise AsteriaError(2401, "password") from error
        except sealing.DamagedError as error:
            raise AsteriaError(damaged) from error


def _describe(chain: Sequence[x509.Certificate], *, unreadable: int) -> dict[str, Any]:
    try:
        return describe.detail(chain[0], chain)
    except certificates.CertificateError as error:
        raise AsteriaError(unreadable, str(error)) from error


def _create(order: issuing.Order, passwords: Passwords) -> StoredKeyStore:
    try:
        issued = issuing.issue(order)
    except issuing.KeyGenerationError as error:
        raise AsteriaError(5307, str(error)) from error
    except issuing.SigningError as error:
        raise AsteriaError(5309, str(error)) from error
    return StoredKeyStore(sealing.seal(issued.key, [issued.certificate], passwords), issued.csr)


def _import(file: bytes, file_password: str, passwords: Passwords) -> tuple[dict[str, Any], bytes]:
    imported = importing.read(file, file_password)
    described = _describe(imported.chain, unreadable=2204)
    return described, sealing.seal(imported.key, imported.chain, passwords)


def _accept(opened: OpenStore, passwords: Passwords, leaf_file: bytes, chain_file: bytes | None) -> bytes:
    key = _private_key(opened, passwords.private_key, damaged=5306)
    try:
        offered = certificates.parse_all(leaf_file)
        above = [] if chain_file is None else certificates.parse_all(chain_file)
    except certificates.CertificateError as error:
        raise AsteriaError(2204, str(error)) from error
    public_key = certificates.public_key_bytes(key.public_key())
    leaf = next((each for each in offered if certificates.public_key_bytes(each.public_key()) == public_key), None)
    if leaf is None:
        raise AsteriaError(2801, "no certificate belongs to the private key")
    chain, unrelated = certificates.order_chain(leaf, [*offered, *above])
    if unrelated:
        raise AsteriaError(2801, "a certificate is not part of the chain")
    return sealing.seal(key, chain, passwords)


def _private_key(opened: OpenStore, password: str, *, damaged: int) -> PrivateKeyTypes:
    try:
        return opened.private_key(password)
    except sealing.WrongPasswordError as error:
        raise AsteriaError(2401, "privateKeyPassword") from error
    except sealing.DamagedError as error:
        raise AsteriaError(damaged) from error
