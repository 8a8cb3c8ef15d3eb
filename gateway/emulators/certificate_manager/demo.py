"""The default set: one certificate for each case that callers can encounter. Names and credentials are fixed."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from gateway.emulators.certificate_manager import authority
from gateway.emulators.certificate_manager.authority import DemoAuthority
from gateway.emulators.certificate_manager.seed import (
    DEFAULT_APP_KEY,
    AccessKeySeed,
    CertificateSeed,
    FileSeed,
    SeedData,
)

APP_KEY = DEFAULT_APP_KEY
ACCESS_KEY_ID = "demo-access-key"
ACCESS_KEY_SECRET = "demo-access-secret"  # noqa: S105 - public demo credentials
BEARER_TOKEN = "demo-token"  # noqa: S105
PASSPHRASE = "demo-passphrase"  # noqa: S105
BROKEN_CONTENT = "This file is not a certificate.\n"


@dataclass(frozen=True, slots=True)
class _File:
    """One generated file: validity in days from now, key type, and the end of its chain."""

    name: str
    days: tuple[int, int] = (-30, 335)
    key: Literal["rsa", "rsa-pkcs8", "ec", "ec-encrypted"] = "rsa"
    domains: tuple[str, ...] | None = None
    with_root: bool = True


_FILES: dict[str, tuple[_File, ...]] = {
    "www.example.com": (_File("www.example.com.pem", domains=("www.example.com", "example.com")),),
    "*.example.com": (_File("wildcard.example.com.pem", domains=("*.example.com", "example.com"), with_root=False),),
    # No alternative name: a DNS name cannot contain Hangul.
    "인증서-예시": (_File("인증서-예시.pem", domains=()),),
    "ec.example.com": (_File("ec.example.com.pem", key="ec"),),
    "pkcs8.example.com": (_File("pkcs8.example.com.pem", key="rsa-pkcs8"),),
    "encrypted.example.com": (_File("encrypted.example.com.pem", key="ec-encrypted"),),
    "expired.example.com": (_File("expired.example.com.pem", days=(-395, -30)),),
    "expiring.example.com": (_File("expiring.example.com.pem", days=(-358, 7)),),
    "no-file.example.com": (),
    "two-files.example.com": (
        _File("two-files.example.com-old.pem", days=(-360, 5)),
        _File("two-files.example.com-new.pem"),
    ),
}
_BROKEN = CertificateSeed(
    name="broken-file.example.com", files=(FileSeed(file_name="broken-file.pem", content=BROKEN_CONTENT),)
)


async def default_set(now: dt.datetime) -> tuple[SeedData, str]:
    """Return the default objects, and the root certificate of their authority in PEM."""
    ca = await DemoAuthority.create(now)
    generated = [
        CertificateSeed(name=name, files=tuple(_generate(ca, now, name, file) for file in files))
        for name, files in _FILES.items()
    ]
    data = SeedData(
        app_keys=(APP_KEY,),
        access_keys=(AccessKeySeed(id=ACCESS_KEY_ID, secret=ACCESS_KEY_SECRET),),
        bearer_tokens=(BEARER_TOKEN,),
        certificates=(*generated, _BROKEN),
    )
    return data, authority.certificate_text(ca.root).decode("ascii")


def _generate(ca: DemoAuthority, now: dt.datetime, name: str, file: _File) -> FileSeed:
    is_ec = file.key.startswith("ec")
    issuer, key = (ca.ec_issuer, ca.ec_key) if is_ec else (ca.rsa_issuer, ca.rsa_key)
    valid = now + dt.timedelta(days=file.days[0]), now + dt.timedelta(days=file.days[1])
    chain = issuer.issue(name, key, valid, (name,) if file.domains is None else file.domains)
    content = authority.file_text(
        chain if file.with_root else chain[:-1],
        key,
        pkcs8=file.key == "rsa-pkcs8",
        passphrase=PASSPHRASE if file.key == "ec-encrypted" else "",
    )
    return FileSeed(file_name=file.name, content=content)
