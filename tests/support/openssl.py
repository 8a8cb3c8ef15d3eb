"""Certificates and keys made by the program `openssl`, which shares no code with the gateway."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.programs import program

_NEW_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def run(*arguments: str | Path, data: bytes | None = None) -> bytes:
    """Run openssl and return its standard output."""
    done = attempt(*arguments, data=data)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def attempt(*arguments: str | Path, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run openssl, which may fail."""
    return subprocess.run([program("openssl"), *map(str, arguments)], input=data, capture_output=True, check=False)


def version() -> tuple[int, int]:
    """Return the first two numbers of the version of OpenSSL."""
    major, minor = run("version").split()[1].decode().split(".")[:2]
    return int(major), int(minor)


def expired() -> tuple[str, ...]:
    """Return the options of `openssl x509 -req` for a certificate that has expired.

    OpenSSL 3.4 and later reject negative days. Older versions have no option for the end.
    """
    if version() < (3, 4):
        return ("-days", "-1")
    return ("-not_before", "20200101000000Z", "-not_after", "20200201000000Z")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The PEM files of a certificate and of its private key."""

    certificate: Path
    key: Path


class OpensslAuthority:
    """A certificate authority with its own folder."""

    def __init__(self, folder: Path, name: str = "Test Authority") -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.pair = KeyPair(folder / "ca.pem", folder / "ca.key")
        run(
            *(
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "30",
                "-subj",
                f"/CN={name}",
            ),
            *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"),
            *("-out", self.pair.certificate, "-keyout", self.pair.key),
        )

    def issue(self, name: str, *, validity: Sequence[str] = ("-days", "30"), host: str = "localhost") -> KeyPair:
        """Issue a certificate for `host`. validity: options for its dates."""
        pair = KeyPair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName=DNS:{host}\nbasicConstraints=CA:FALSE\n")
        run(
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            f"/CN={name}",
            "-out",
            request,
            "-keyout",
            pair.key,
        )
        run(
            *("x509", "-req", "-in", request, "-CA", self.pair.certificate, "-CAkey", self.pair.key),
            "-CAcreateserial",
            *validity,
            *("-extfile", extensions, "-out", pair.certificate),
        )
        return pair


def encrypted_key(pair: KeyPair, password: str, target: Path) -> Path:
    """Write the private key, encrypted, and return its path."""
    run("pkcs8", "-topk8", "-in", pair.key, "-out", target, "-passout", f"pass:{password}", "-v2", "aes-256-cbc")
    return target


def pkcs12(pair: KeyPair, password: str, target: Path) -> Path:
    """Write a PKCS#12 file of the pair and return its path."""
    run(
        *("pkcs12", "-export", "-in", pair.certificate, "-inkey", pair.key),
        *("-out", target, "-passout", f"pass:{password}"),
    )
    return target
