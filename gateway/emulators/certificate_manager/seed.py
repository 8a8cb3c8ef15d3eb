"""Seed data: its format on the control port, and writing it to the state. The default set is in `demo`.

Files are not checked: a seeded file can have any content, so that downloads of broken files can be tested.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from gateway.emulators.base import SeedError
from gateway.emulators.certificate_manager import pem
from gateway.emulators.certificate_manager.paging import ListQuery, Status
from gateway.emulators.certificate_manager.state import CertificateManagerState, StoredFile

DEFAULT_APP_KEY = "certmanager-demo"

_Word = Annotated[str, StringConstraints(pattern=r"^[!-.0-~]+$")]  # fits a path segment and a header
_Name = Annotated[
    str, StringConstraints(pattern=r"^[0-9A-Za-z가-힣ㄱ-ㅎㅏ-ㅣ\u1100-\u11ff._*-]+$")
]  # reported; NFD too
_FileName = Annotated[str, StringConstraints(pattern=r"^[^/\\\x00-\x1f\x7f]+$")]


class _Model(BaseModel):
    # Messages must not repeat input, which can be key material.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class AccessKeySeed(_Model):
    """A user access key, for v1.1 and v1.2."""

    id: _Word
    secret: _Word


class FileSeed(_Model):
    """A certificate's file: any text, PEM or not."""

    file_name: _FileName
    content: str


class CertificateSeed(_Model):
    """A registered certificate. Missing facts are taken from the last readable file.

    authority: later uploads must have this authority; without it, any authority is accepted.
    """

    name: _Name
    app_key: _Word = DEFAULT_APP_KEY
    authority: str | None = None
    signature_algorithm: str | None = None
    domains: tuple[str, ...] | None = None
    file_creation_date: dt.date | None = None
    expiration_date: dt.date | None = None
    files: tuple[FileSeed, ...] = ()


class SeedData(_Model):
    """The body of `POST /seed`. App keys of certificates need not be listed. Existing objects are replaced."""

    app_keys: tuple[_Word, ...] = ()
    access_keys: tuple[AccessKeySeed, ...] = ()
    bearer_tokens: tuple[_Word, ...] = ()
    certificates: tuple[CertificateSeed, ...] = ()
    require_access_key_in_v1_2: bool | None = None
    check_downloads: bool | None = None


def parse(data: Mapping[str, Any]) -> SeedData:
    """Parse seed data from JSON. SeedError names the first invalid field."""
    try:
        return SeedData.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise SeedError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def add(state: CertificateManagerState, data: SeedData) -> None:
    """Write the described objects. Call it in a transaction."""
    for app_key in data.app_keys:
        state.add_app_key(app_key)
    for access_key in data.access_keys:
        state.put_access_key(access_key.id, access_key.secret)
    for token in data.bearer_tokens:
        state.add_bearer_token(token)
    if data.require_access_key_in_v1_2 is not None:
        state.require_access_key_in_v1_2(data.require_access_key_in_v1_2)
    if data.check_downloads is not None:
        state.check_downloads(data.check_downloads)
    for certificate in data.certificates:
        _add_certificate(state, certificate)


def describe(state: CertificateManagerState) -> dict[str, Any]:
    """Return the state, without secrets and key material."""
    everything = ListQuery(page_size=1, page_number=1, everything=True, status=Status.ALL)
    return {
        "app_keys": state.app_keys(),
        "access_keys": state.access_key_ids(),
        "require_access_key_in_v1_2": state.requires_access_key_in_v1_2,
        "check_downloads": state.checks_downloads,
        "authority_certificate": state.authority_certificate,
        "certificates": [
            {
                "app_key": app_key,
                "name": certificate.name,
                "files": [file.name for file in state.files(certificate.id)],
            }
            for app_key in state.app_keys()
            for certificate in state.certificates(app_key, everything, dt.date.min)[1]
        ],
    }


def _add_certificate(state: CertificateManagerState, seed: CertificateSeed) -> None:
    certificate = state.put_certificate(seed.app_key, seed.name, seed.authority)
    files = [StoredFile(file.file_name, file.content.encode()) for file in seed.files]
    read = _facts(files)
    facts = pem.Facts(
        authority=seed.authority or read.authority,
        signature_algorithm=seed.signature_algorithm or read.signature_algorithm,
        domains=read.domains if seed.domains is None else seed.domains,
        file_creation_date=seed.file_creation_date or read.file_creation_date,
        expiration_date=seed.expiration_date or read.expiration_date,
    )
    state.replace_files(certificate.id, files, facts)


def _facts(files: list[StoredFile]) -> pem.Facts:
    for file in reversed(files):
        try:
            return pem.read(file.content).facts
        except pem.NotPemError:
            continue
    return pem.Facts()
