"""WatchCertificates over the emulator: the first states, changes, resumption, limits, and the end of a stream."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc
import pytest

from gateway import app
from keyway.v1 import certificate_service_pb2_grpc
from tests.support.certificate_manager import certificate
from tests.support.certificates import Pki
from tests.support.stack import CERTIFICATE_MANAGER, Gateway, Stack
from tests.support.watching import NAME, POLLER, Renewals, kind_of, watching
from tests.support.wire import failure_of

OTHER = "other.example.com"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
async def gateway(quiet_stack: Stack) -> AsyncIterator[Gateway]:
    async with Gateway(quiet_stack.settings(quiet_stack.provider("nhn-certs", poller=POLLER))) as served:
        yield served


@pytest.fixture
def renewals(quiet_stack: Stack, pki: Pki) -> Renewals:
    return Renewals(quiet_stack, pki)


async def test_stream_begins_with_the_version_and_reports_renewals(gateway: Gateway, renewals: Renewals) -> None:
    first = await renewals.renew()
    async with watching(gateway.certificates, certificate(NAME)) as watcher:
        (current,) = await watcher.synced()
        assert (kind_of(current), current.name, current.version) == ("CURRENT", certificate(NAME), first)
        assert current.certificate.subject.common_name == NAME
        assert current.certificate.not_after.seconds
        second = await renewals.renew()
        renewed = await watcher.next()
        assert (kind_of(renewed), renewed.version, renewed.coalesced_count) == ("RENEWED", second, 0)


async def test_certificate_that_does_not_exist_is_reported_and_its_creation_too(
    gateway: Gateway, renewals: Renewals
) -> None:
    async with watching(gateway.certificates, certificate("new.example.com")) as watcher:
        (missing,) = await watcher.synced()
        assert (kind_of(missing), missing.version) == ("REMOVED", "")
        version = await renewals.renew("new.example.com")
        created = await watcher.next()
        assert (kind_of(created), created.version) == ("CURRENT", version)


async def test_certificate_that_expires_soon_is_reported(gateway: Gateway, renewals: Renewals) -> None:
    await renewals.renew()
    async with watching(gateway.certificates, certificate(NAME)) as watcher:
        await watcher.synced()
        await renewals.renew(days=3)
        assert kind_of(await watcher.next()) == "RENEWED"


async def test_all_certificates_of_a_provider_are_watched(gateway: Gateway, renewals: Renewals) -> None:
    async with watching(gateway.certificates) as watcher:
        found = {event.name: kind_of(event) for event in await watcher.synced()}
        assert len(found) > 3
        assert set(found.values()) <= {"CURRENT", "UNREADABLE"}
        version = await renewals.renew("later.example.com")
        event = await watcher.next()
        assert (event.name, kind_of(event), event.version) == (certificate("later.example.com"), "CURRENT", version)


async def test_resumed_stream_has_only_the_changes_since_the_token(gateway: Gateway, renewals: Renewals) -> None:
    names = (certificate(NAME), certificate(OTHER))
    await renewals.renew(OTHER)
    await renewals.renew()
    async with watching(gateway.certificates, *names) as watcher:
        assert len(await watcher.synced()) == 2
        token = watcher.events[-1].resume_token
        second = await renewals.renew()
        assert (await watcher.next()).version == second
        newest = watcher.events[-1].resume_token
    async with watching(gateway.certificates, *names, token=newest) as watcher:
        assert await watcher.synced() == []
        assert (watcher.events[-1].resume_token, watcher.events[-1].complete) == (newest, False)
    async with watching(gateway.certificates, *names, token=token) as watcher:
        (event,) = await watcher.synced()
        assert (kind_of(event), event.version) == ("RENEWED", second)


async def test_another_gateway_continues_a_stream(quiet_stack: Stack, gateway: Gateway, renewals: Renewals) -> None:
    version = await renewals.renew()
    async with watching(gateway.certificates, certificate(NAME)) as watcher:
        await watcher.synced()
        token = watcher.events[-1].resume_token
    async with (
        Gateway(quiet_stack.settings(quiet_stack.provider("nhn-certs", poller=POLLER))) as other,
        watching(other.certificates, certificate(NAME), token=token) as watcher,
    ):
        (current,) = await watcher.synced()
        assert (kind_of(current), current.version) == ("CURRENT", version)
        assert (watcher.events[-1].resume_token, watcher.events[-1].complete) == (token, True)
        async with watching(other.certificates, certificate(NAME), token=token) as second:
            assert await second.synced() == []


async def test_name_of_another_provider_is_invalid(gateway: Gateway) -> None:
    async with watching(gateway.certificates, "providers/asteria/certificates/server") as watcher:
        failure = await failure_of(watcher.next())
    assert failure.kind == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    assert failure.fields == ["names[0]"]


async def test_stream_ends_when_the_gateway_drains(quiet_stack: Stack, renewals: Renewals) -> None:
    await renewals.renew()
    settings = quiet_stack.settings(quiet_stack.provider("nhn-certs", poller=POLLER))
    async with contextlib.AsyncExitStack() as clients:
        async with app.gateway(settings) as server:
            channel = await clients.enter_async_context(grpc.aio.insecure_channel(server.address))
            stub = certificate_service_pb2_grpc.CertificateServiceStub(channel)
            watcher = await clients.enter_async_context(watching(stub, certificate(NAME)))
            await watcher.synced()
            ending = asyncio.create_task(failure_of(watcher.next()))
        failure = await ending
    assert failure.kind == ("UNAVAILABLE", "SERVER_DRAINING")
    assert failure.retry is not None


async def test_stream_ends_at_the_maximum_age(quiet_stack: Stack, renewals: Renewals) -> None:
    await renewals.renew()
    settings = quiet_stack.settings(quiet_stack.provider("nhn-certs", poller=POLLER), maximum_connection_age=2)
    async with Gateway(settings) as served, watching(served.certificates, certificate(NAME)) as watcher:
        failure = await failure_of(watcher.until("REMOVED"))
    assert failure.kind == ("UNAVAILABLE", "SERVER_DRAINING")
    assert "maximum_connection_age" in failure.message


async def test_provider_that_is_down_fails_the_opening(quiet_stack: Stack) -> None:
    provider = quiet_stack.provider("nhn-certs", poller=POLLER, endpoint="http://127.0.0.1:9")
    async with (
        Gateway(quiet_stack.settings(provider)) as served,
        watching(served.certificates, certificate(NAME)) as watcher,
    ):
        failure = await failure_of(watcher.next())
    assert failure.kind == ("UNAVAILABLE", "PROVIDER_UNREACHABLE")
    assert failure.metadata["provider"] == "nhn-certs"


async def test_watch_of_all_certificates_of_a_large_provider_is_rejected(
    quiet_stack: Stack, renewals: Renewals
) -> None:
    version = await renewals.renew()
    settings = quiet_stack.settings(quiet_stack.provider("nhn-certs", poller={**POLLER, "maximum_watched": 2}))
    control = quiet_stack.controls[CERTIFICATE_MANAGER]
    async with Gateway(settings) as served:
        await control.forget_requests()
        async with watching(served.certificates) as watcher:
            failure = await failure_of(watcher.next())
        assert failure.kind == ("FAILED_PRECONDITION", "TOO_MANY_CERTIFICATES")
        assert "poller.maximum_watched" in failure.message
        assert failure.retry is None
        assert not [each for each in await control.requests() if "/files" in each["target"]]
        async with watching(served.certificates, certificate(NAME)) as watcher:
            (current,) = await watcher.synced()
            assert current.version == version


async def test_each_certificate_is_downloaded_once_per_poll_for_all_streams(
    quiet_stack: Stack, gateway: Gateway, renewals: Renewals
) -> None:
    await renewals.renew()
    control = quiet_stack.controls[CERTIFICATE_MANAGER]
    async with (
        watching(gateway.certificates, certificate(NAME)) as first,
        watching(gateway.certificates, certificate(NAME)) as second,
    ):
        await first.synced()
        await second.synced()
        await control.forget_requests()
        await renewals.renew()
        for watcher in (first, second):
            assert kind_of(await watcher.next()) == "RENEWED"
        targets = [each["target"] for each in await control.requests()]
    kinds = "".join("D" if "/files" in each else "L" for each in targets)
    # The first poll can have begun before the requests were forgotten, so each group is what follows a list.
    groups = [len(each) for each in kinds.split("L")]
    assert max(groups) == 1
    assert all(NAME in each for each in targets if "/files" in each)
