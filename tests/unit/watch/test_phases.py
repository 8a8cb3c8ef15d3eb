"""The phases of a watched certificate, and the events about them."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from gateway.poller.certificate_states import CertificateReader
from gateway.providers.base.settings import PollerSettings
from gateway.server.services.watch_service import CertificateEvents
from gateway.watch.messages import Interest, Update
from gateway.watch.replica import VersionReplica
from gateway.watch.states import REMOVED, CertificateState, Phase
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1.certificate_pb2 import Certificate
from tests.support.authority import CertificateAuthority

NAME = "providers/p/certificates/a"
DAY = timedelta(days=1)


class Downloads:
    """A provider with one certificate."""

    def __init__(self, chain_pem: str) -> None:
        self._chain = chain_pem

    async def download(self, _request: service.DownloadCertificateRequest) -> service.DownloadCertificateResponse:
        return service.DownloadCertificateResponse(certificate_chain=[self._chain])


@pytest.mark.parametrize(
    ("expires_in", "phase"), [(31 * DAY, Phase.VALID), (29 * DAY, Phase.EXPIRING), (-DAY, Phase.EXPIRED)]
)
async def test_phase_depends_on_the_end_of_the_validity(expires_in: timedelta, phase: Phase) -> None:
    begin = datetime.now(UTC) - 100 * DAY
    leaf = CertificateAuthority("Issuer").issue(hosts=["a.example.com"], expires_in=expires_in, not_before=begin)
    reader = CertificateReader(PollerSettings(expiring_days=30), Downloads(leaf.chain_pem.decode()), ZoneInfo("UTC"))
    states = await reader.read({NAME: Certificate(name=NAME)})
    assert states[NAME].phase is phase
    assert states[NAME].version


async def test_stream_reports_each_phase_once() -> None:
    interests: list[Interest] = []
    replica = VersionReplica(interests.append)
    events = CertificateEvents(replica.subscribe([NAME]), {})
    await asyncio.sleep(0)  # the interest is sent at the end of the turn
    stream, found = aiter(events), []
    async with asyncio.timeout(20):
        assert (await anext(stream)).kind == "SYNCED"
        for state in (
            CertificateState(Phase.VALID, "1"),
            CertificateState(Phase.EXPIRING, "1"),
            CertificateState(Phase.EXPIRING, "1"),
            CertificateState(Phase.EXPIRED, "1"),
            CertificateState(Phase.VALID, "2"),
            CertificateState(Phase.EXPIRING, "3"),
            REMOVED,
        ):
            known = replica.state(NAME)
            replica.receive(Update(os.getpid(), "p", interests[-1].serial, {NAME: state}))
            if state != known:
                event = await anext(stream)
                found.append((event.kind, cast("service.WatchCertificatesResponse", event.response).version))
    assert found == [
        ("CURRENT", "1"),
        ("EXPIRING", "1"),
        ("EXPIRED", "1"),
        ("RENEWED", "2"),
        ("RENEWED", "3"),
        ("REMOVED", ""),
    ]
    events.close()
    assert [event async for event in stream] == []
