"""WatchCertificates with identity: policy at the opening and at each event, audit records, limits, and credentials."""

import contextlib
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.server.caller_names import CallerNames
from gateway.server.services import watch_service
from keyway.v1 import certificate_service_pb2_grpc
from tests.support.certificate_manager import certificate
from tests.support.certificates import Pki
from tests.support.ocsf import ocsf_violations
from tests.support.processes import Process, write_config
from tests.support.stack import Stack
from tests.support.trusted import AUDITOR, OPERATOR, ORDERS, Trusted
from tests.support.waiting import eventually
from tests.support.watching import NAME, POLLER, Renewals, kind_of, watching
from tests.support.wire import Failure, failure_of
from tests.support.workers import OWN_CONNECTION, kill, serving, worker_pids

OTHER = "other.example.com"
FORBID = f'@id("not-{NAME}") forbid (principal, action == Keyway::Action::"WatchCertificates", resource == '
FORBID += f'Keyway::Certificate::"{certificate(NAME)}");'
"""A policy that forbids to watch one certificate."""


@pytest.fixture
def trusted(quiet_stack: Stack, tmp_path: Path) -> Trusted:
    return Trusted(tmp_path, quiet_stack, providers=[quiet_stack.provider("nhn-certs", poller=POLLER)])


@pytest.fixture
def renewals(quiet_stack: Stack, tmp_path: Path) -> Renewals:
    folder = tmp_path / "pki"
    folder.mkdir()
    return Renewals(quiet_stack, Pki(folder))


def outcomes(trusted: Trusted, operation: str) -> Sequence[dict[str, Any]]:
    """Return the outcomes of an operation, such as `DeliverCertificate`."""
    return [
        event
        for event in trusted.events()
        if event["api"]["operation"].endswith(f"/{operation}") and event["metadata"]["event_code"] == "outcome"
    ]


async def test_opening_and_each_event_are_recorded(trusted: Trusted, renewals: Renewals) -> None:
    first = await renewals.renew()
    async with (
        trusted.served() as address,
        trusted.caller(address, AUDITOR) as caller,
        watching(caller.certificates, certificate(NAME)) as watcher,
    ):
        await watcher.synced()
        second = await renewals.renew()
        await watcher.until("RENEWED")

        async def recorded() -> bool:
            return len(outcomes(trusted, "DeliverCertificate")) == 2

        await eventually(recorded)  # a delivery is canceled if its stream ends before it is recorded
    (opening,) = outcomes(trusted, "WatchCertificates")
    deliveries = outcomes(trusted, "DeliverCertificate")
    assert [each["api"]["request"]["data"]["version"] for each in deliveries] == [first, second]
    assert [each["api"]["request"]["data"]["type"] for each in deliveries] == [
        "CERTIFICATE_EVENT_TYPE_CURRENT",
        "CERTIFICATE_EVENT_TYPE_RENEWED",
    ]
    for each in (opening, *deliveries):
        assert each["actor"]["user"]["uid"] == AUDITOR
        assert each["status_code"] == "OK"
        assert [one["name"] for one in each["resources"]] == [certificate(NAME)]
        assert each["actor"]["authorizations"][0]["policy"]["uid"] == "auditors-read-metadata"
        assert ocsf_violations(each) == []
    polls = outcomes(trusted, "PollCertificateFile")
    assert {each["actor"]["user"]["uid"] for each in polls} == {"keyway:poller"}
    assert outcomes(trusted, "DownloadCertificate") == []


async def test_caller_without_permission_cannot_open_a_stream(trusted: Trusted) -> None:
    async with trusted.served() as address, trusted.caller(address, ORDERS) as caller:
        for names in ((), (certificate(NAME),)):
            async with watching(caller.certificates, *names) as watcher:
                failure = await failure_of(watcher.next())
            assert failure.kind == ("PERMISSION_DENIED", "PERMISSION_DENIED")


async def test_one_denied_certificate_denies_the_stream(trusted: Trusted) -> None:
    policies = trusted.folder / "policies.cedar"
    policies.write_text(policies.read_text() + FORBID)
    async with (
        trusted.served() as address,
        trusted.caller(address, AUDITOR) as caller,
        watching(caller.certificates, certificate(OTHER), certificate(NAME)) as watcher,
    ):
        failure = await failure_of(watcher.next())
    assert failure.kind == ("PERMISSION_DENIED", "PERMISSION_DENIED")
    assert failure.resource is not None
    assert failure.resource.name == certificate(NAME)


async def test_stream_of_all_certificates_leaves_out_those_that_policy_denies(
    trusted: Trusted, renewals: Renewals
) -> None:
    await renewals.renew()
    await renewals.renew(OTHER)
    policies = trusted.folder / "policies.cedar"
    policies.write_text(policies.read_text() + FORBID)
    async with (
        trusted.served() as address,
        trusted.caller(address, AUDITOR) as caller,
        watching(caller.certificates) as watcher,
    ):
        found = {event.name for event in await watcher.synced()}
    assert certificate(OTHER) in found
    assert certificate(NAME) not in found


async def test_permission_that_is_granted_later_is_reported_on_the_open_stream(
    trusted: Trusted, renewals: Renewals
) -> None:
    version = await renewals.renew()
    policies = trusted.folder / "policies.cedar"
    permitted = policies.read_text()
    policies.write_text(permitted + FORBID)
    async with (
        trusted.served() as address,
        trusted.caller(address, AUDITOR) as caller,
        watching(caller.certificates) as watcher,
    ):
        assert certificate(NAME) not in {event.name for event in await watcher.synced()}
        policies.write_text(permitted)
        event = await watcher.next()
        assert (event.name, kind_of(event), event.version) == (certificate(NAME), "CURRENT", version)


async def test_resumed_stream_reports_what_policy_permits_since_then(trusted: Trusted, renewals: Renewals) -> None:
    version = await renewals.renew()
    policies = trusted.folder / "policies.cedar"
    permitted = policies.read_text()
    policies.write_text(permitted + FORBID)
    async with trusted.served() as address, trusted.caller(address, AUDITOR) as caller:
        async with watching(caller.certificates) as watcher:
            await watcher.synced()
            token = watcher.events[-1].resume_token
            # The token is known as long as the policies are the same, although the gateway has more certificates.
            async with watching(caller.certificates, token=token) as same:
                assert await same.synced() == []
                assert not same.events[-1].complete
            policies.write_text(permitted)
            await watcher.until("CURRENT")
        async with watching(caller.certificates, token=token) as resumed:
            found = {event.name: event.version for event in await resumed.synced()}
            assert found[certificate(NAME)] == version
            assert resumed.events[-1].complete


async def test_stream_ends_when_policy_no_longer_permits_an_event(trusted: Trusted, renewals: Renewals) -> None:
    await renewals.renew()
    policies = trusted.folder / "policies.cedar"
    async with (
        trusted.served() as address,
        trusted.caller(address, AUDITOR) as caller,
        watching(caller.certificates, certificate(NAME)) as watcher,
    ):
        await watcher.synced()
        policies.write_text(policies.read_text() + FORBID)

        async def denied() -> bool:
            async with watching(caller.certificates, certificate(NAME)) as second:
                try:
                    await second.synced()
                except Exception:  # noqa: BLE001 - the reason is checked below
                    return True
                return False

        await eventually(denied)
        await renewals.renew()
        failure = await failure_of(watcher.next())
    assert failure.kind == ("PERMISSION_DENIED", "PERMISSION_DENIED")
    assert len(outcomes(trusted, "DeliverCertificate")) >= 2


async def test_names_of_one_caller_are_limited_until_its_streams_end(
    trusted: Trusted, renewals: Renewals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_service, "CallerNames", lambda: CallerNames(1))
    await renewals.renew()
    missing = certificate("missing")
    async with trusted.served() as address, trusted.caller(address, OPERATOR) as caller:
        async with watching(caller.certificates, certificate(NAME)) as watcher:
            await watcher.synced()
            async with watching(caller.certificates, missing) as other:
                failure = await failure_of(other.next())
            assert failure.kind == ("RESOURCE_EXHAUSTED", "CALLER_RATE_LIMITED")
            assert failure.message.startswith("names: the caller watches 2 certificates")
            async with watching(caller.certificates, certificate(NAME)) as same:
                await same.synced()

        async def is_free() -> bool:
            async with watching(caller.certificates, missing) as reader:
                with contextlib.suppress(grpc.aio.AioRpcError):
                    return bool(await reader.synced())
            return False

        await eventually(is_free)


async def test_streams_of_one_caller_are_limited(trusted: Trusted, renewals: Renewals) -> None:
    await renewals.renew()
    trusted.configuration["limits"]["caller"]["streams"] = 1
    async with trusted.served() as address, trusted.caller(address, AUDITOR) as caller:
        async with watching(caller.certificates, certificate(NAME)) as watcher:
            await watcher.synced()
            async with watching(caller.certificates, certificate(NAME)) as second:
                failure = await failure_of(second.next())
            async with (
                trusted.caller(address, OPERATOR) as other,
                watching(other.certificates, certificate(NAME)) as third,
            ):
                assert len(await third.synced()) == 1
        assert failure.kind == ("RESOURCE_EXHAUSTED", "CALLER_RATE_LIMITED")
        assert "limit of 1 open streams" in failure.message

        async def is_free() -> bool:
            async with watching(caller.certificates, certificate(NAME)) as again:
                try:
                    await again.synced()
                except Exception:  # noqa: BLE001 - the ended stream is not removed yet
                    return False
                return True

        await eventually(is_free)


async def test_stream_ends_when_the_certificate_of_the_caller_expires(trusted: Trusted, renewals: Renewals) -> None:
    await renewals.renew()
    async with trusted.served() as address:
        # On a busy machine, a short lifetime can end before the stream begins.
        failure = await end_with_credential(trusted, address, 5) or await end_with_credential(trusted, address, 40)
    assert failure is not None
    assert failure.kind == ("UNAUTHENTICATED", "UNAUTHENTICATED")


async def end_with_credential(trusted: Trusted, address: str, seconds: float) -> Failure | None:
    """Return why the stream of a caller ends whose certificate expires; None if the stream did not begin."""
    trusted.issue(AUDITOR, expires_in=timedelta(seconds=seconds))
    async with (
        trusted.caller(address, AUDITOR, own_connection=True) as caller,
        watching(caller.certificates, certificate(NAME)) as watcher,
    ):
        try:
            await watcher.synced()
        except grpc.aio.AioRpcError:
            return None
        return await failure_of(watcher.next())


async def test_workers_share_the_poll_and_a_new_poller_takes_over(
    quiet_stack: Stack, renewals: Renewals, tmp_path: Path
) -> None:
    first = await renewals.renew()
    provider = quiet_stack.provider("nhn-certs", poller=POLLER)
    config = write_config(tmp_path / "keyway.yaml", quiet_stack, [provider])
    async with Process(tmp_path, "serve", "--config", config, "--workers", "2") as process:
        address = await process.address()
        for number in range(2):
            for _ in range(6):  # some of the connections reach the other worker
                await sees(address, first)
            pid = sorted(worker_pids(process.pid))[number]
            kill(pid)
            await serving(process, 3 + number)
            first = await renewals.renew()
        for _ in range(6):
            await sees(address, first)
        assert (await process.stopped()).code == 0


async def sees(address: str, version: str) -> None:
    """Check that a new connection reports this version first."""
    async with grpc.aio.insecure_channel(address, options=OWN_CONNECTION) as channel:
        stub = certificate_service_pb2_grpc.CertificateServiceStub(channel)
        async with watching(stub, certificate(NAME), wait_for_ready=True) as watcher:
            (current,) = await watcher.synced()
            assert (kind_of(current), current.version) == ("CURRENT", version)
