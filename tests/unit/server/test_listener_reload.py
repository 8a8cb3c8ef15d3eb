"""Certificates that change on disk: no call fails, and new connections use the new files."""

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import grpc
import pytest
from structlog.testing import capture_logs

from gateway.config import file_watcher
from gateway.identity.settings import IdentitySettings
from gateway.identity.tls_files import TlsFiles
from tests.support import identity_server
from tests.support.authority import CertificateAndKey, CertificateAuthority
from tests.support.identity_server import WhoServer, channel, server_serial, serving, who
from tests.support.waiting import eventually

ROTATIONS = 50
CLIENTS = 8


@dataclass
class Rotating:
    """A server with files as Kubernetes mounts them: links through `..data` to a folder that is replaced."""

    folder: Path
    authority: CertificateAuthority
    server: WhoServer
    client_credentials: CertificateAndKey

    def swap(self, credentials: CertificateAndKey, bundle: bytes | None = None) -> None:
        """Replace all files in one step."""
        publish(self.folder, credentials, bundle or self.authority.pem)

    async def serial(self, client_credentials: CertificateAndKey | None = None) -> int:
        return await server_serial(self.server.address, self.folder, client_credentials or self.client_credentials)

    async def shows(self, credentials: CertificateAndKey) -> None:
        async def is_shown() -> bool:
            return await self.serial() == credentials.certificate.serial_number

        await eventually(is_shown)


def publish(folder: Path, credentials: CertificateAndKey, bundle: bytes) -> None:
    version = folder / f"..{credentials.certificate.serial_number:x}-{len(os.listdir(folder))}"
    version.mkdir()
    (version / "tls.crt").write_bytes(credentials.chain_pem)
    (version / "tls.key").write_bytes(credentials.key_pem)
    (version / "ca.crt").write_bytes(bundle)
    link = folder / "..data_tmp"
    link.symlink_to(version.name)
    link.replace(folder / "..data")


def settings(folder: Path) -> IdentitySettings:
    for name in ("tls.crt", "tls.key", "ca.crt"):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data", name))
    files = {"certificate_file": folder / "tls.crt", "private_key_file": folder / "tls.key"}
    return IdentitySettings.model_validate({**files, "mtls": {"trust_bundle_file": folder / "ca.crt"}})


@pytest.fixture
async def rotating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rotating]:
    authority = CertificateAuthority()
    publish(tmp_path, authority.server(), authority.pem)
    # Check more often than in production, so that a step of the test takes less than a second.
    monkeypatch.setattr(identity_server, "TlsFiles", lambda identity: TlsFiles(identity, interval=0.01))
    async with serving(settings(tmp_path)) as server:
        yield Rotating(tmp_path, authority, server, authority.issue("web"))


async def test_rotation_under_load_fails_no_call(rotating: Rotating) -> None:
    """Half of the clients keep their connection. The others open a new one for each call."""
    stop, calls = asyncio.Event(), [0] * CLIENTS

    async def keep_calling(number: int) -> None:
        kept = channel(rotating.server.address, rotating.authority, rotating.client_credentials)
        async with kept:
            while not stop.is_set():
                if number % 2:
                    await who(kept)
                else:
                    async with channel(
                        rotating.server.address, rotating.authority, rotating.client_credentials
                    ) as fresh:
                        await who(fresh)
                calls[number] += 1

    async def any_since(before: int) -> bool:
        return sum(calls) > before

    async with asyncio.TaskGroup() as clients:
        for number in range(CLIENTS):
            clients.create_task(keep_calling(number))
        for _ in range(ROTATIONS):
            successor, before = rotating.authority.server(), sum(calls)
            rotating.swap(successor)
            await rotating.shows(successor)
            await eventually(partial(any_since, before))
        stop.set()
    assert min(calls) > 5


def test_files_are_checked_again_after_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, successor, start = CertificateAuthority(), CertificateAuthority().server(), time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: start)
    publish(tmp_path, authority.server(), authority.pem)
    files = TlsFiles(settings(tmp_path))
    publish(tmp_path, successor, authority.pem)
    assert files.renewed() is None
    monkeypatch.setattr(time, "monotonic", lambda: start + 1.0)
    found = files.renewed()
    assert found is not None
    assert found.serial_number == successor.certificate.serial_number


def test_read_failure_is_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are read again, although they do not change any more."""
    authority = CertificateAuthority()
    successor = authority.server()
    publish(tmp_path, authority.server(), authority.pem)
    files = TlsFiles(settings(tmp_path), interval=0)
    publish(tmp_path, successor, authority.pem)
    monkeypatch.setattr(file_watcher, "_TICK_NANOSECONDS", 0)
    with monkeypatch.context() as failing:
        failing.setattr(Path, "read_bytes", fail)
        assert files.renewed() is None
    found = files.renewed()
    assert found is not None
    assert found.serial_number == successor.certificate.serial_number
    assert files.renewed() is None


def fail(path: Path) -> bytes:
    raise OSError(errno.EIO, "Input/output error", str(path))


async def test_new_trust_bundle_applies_to_new_connections(rotating: Rotating) -> None:
    """Established connections continue."""
    other = CertificateAuthority("Other CA")
    client_of_other = other.issue("client_of_other")
    address, own = rotating.server.address, rotating.authority
    async with channel(address, own, rotating.client_credentials) as established:
        await who(established)
        successor = own.server()
        rotating.swap(successor, other.pem)
        rotating.client_credentials, before = client_of_other, rotating.client_credentials
        await rotating.shows(successor)
        async with channel(address, own, client_of_other) as fresh:
            assert (await who(fresh))["name"] == "client_of_other"
        async with channel(address, own, before) as fresh:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await who(fresh)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert (await who(established))["name"] == "web"


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        ("half a key", "identity.private_key_file: line 1: the PRIVATE KEY block has no END line"),
        ("another key", "identity.certificate_file: does not match private_key_file"),
        ("no key", "identity.private_key_file: the file {folder}/tls.key cannot be read: No such file or directory"),
        ("half a certificate", "identity.certificate_file: line 1: the CERTIFICATE block has no END line"),
        ("an expired certificate", "identity.certificate_file: the certificate expired at "),
        ("an empty bundle", "identity.mtls.trust_bundle_file: contains no PEM certificate"),
    ],
)
async def test_faulty_files_keep_the_last_good_ones(tmp_path: Path, broken: str, fault: str) -> None:
    """The fault is logged once, and later valid files are loaded."""
    authority = CertificateAuthority()
    good = authority.server()
    publish(tmp_path, good, authority.pem)
    files = TlsFiles(settings(tmp_path), interval=0)
    successor = authority.server(expires_in=timedelta(seconds=-1) if "expired" in broken else timedelta(hours=1))
    publish(tmp_path, successor, authority.pem)
    match broken:
        case "half a key":
            (tmp_path / "..data/tls.key").write_bytes(successor.key_pem[:80])
        case "another key":
            (tmp_path / "..data/tls.key").write_bytes(good.key_pem)
        case "no key":
            (tmp_path / "..data/tls.key").unlink()
        case "half a certificate":
            (tmp_path / "..data/tls.crt").write_bytes(successor.chain_pem[:200])
        case "an empty bundle":
            (tmp_path / "..data/ca.crt").write_bytes(b"")
    with capture_logs() as logged:
        for _ in range(3):
            assert files.renewed() is None
    assert files.current.serial_number == good.certificate.serial_number
    assert [(line["log_level"], line["event"]) for line in logged] == [("warning", "tls_files_rejected")]
    assert logged[0]["error"].startswith(fault.format(folder=tmp_path))
    last = authority.server()
    publish(tmp_path, last, authority.pem)
    found = files.renewed()
    assert found is not None
    assert found.serial_number == last.certificate.serial_number


async def test_faulty_files_fail_no_connection(rotating: Rotating) -> None:
    before = await rotating.serial()
    (rotating.folder / "..data/tls.key").write_bytes(b"-----BEGIN PRIVATE KEY-----\nMIG")
    await asyncio.sleep(0.02)  # longer than the interval, so that the files are checked
    for _ in range(3):
        assert await rotating.serial() == before
        async with channel(rotating.server.address, rotating.authority, rotating.client_credentials) as fresh:
            assert (await who(fresh))["name"] == "web"


async def test_touched_files_are_unchanged(tmp_path: Path) -> None:
    authority = CertificateAuthority()
    publish(tmp_path, authority.server(), authority.pem)
    files = TlsFiles(settings(tmp_path), interval=0)
    os.utime(tmp_path / "tls.crt", (1, 1))
    with capture_logs() as logged:
        assert files.renewed() is None
    assert logged == []


async def test_files_are_checked_from_many_threads(tmp_path: Path) -> None:
    """gRPC calls the callback from its own threads."""
    authority = CertificateAuthority()
    publish(tmp_path, authority.server(), authority.pem)
    files = TlsFiles(settings(tmp_path), interval=0)
    assert "PRIVATE" not in repr(files.current)
    with capture_logs() as logged:
        publish(tmp_path, authority.server(), authority.pem)
        found = await asyncio.gather(*(asyncio.to_thread(files.renewed) for _ in range(20)))
    assert sum(each is not None for each in found) == 1
    assert [line["event"] for line in logged if line["log_level"] != "warning"] == ["tls_files_reloaded"]
    assert "PRIVATE" not in str(logged)
