"""Concurrent callers of one ASTERIA server: each response is consistent with the final server state."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from keyway.v1 import certificate_service_pb2 as service
from tests.support import openssl
from tests.support.asteria import (
    LOGIN,
    SEEDED,
    SIDES,
    Warp,
    as_openssl_reads,
    as_the_gateway_says,
    certificate_name,
    create_request,
    store_name,
)
from tests.support.emulators.asteria import self_signed
from tests.support.wire import failure_of, read


async def test_concurrent_imports_all_succeed_and_return_their_own_authority(warp: Warp, tmp_path: Path) -> None:
    names = [f"Root {number}" for number in range(6)]
    files = [self_signed(tmp_path, name).pem for name in names]
    answers: list[service.ImportTrustedAuthorityResponse] = await asyncio.gather(
        *(
            warp.certificates.ImportTrustedAuthority(
                service.ImportTrustedAuthorityRequest(parent=store_name("server"), content=content)
            )
            for content in files
        )
    )
    request = service.ListTrustedAuthoritiesRequest(parent=store_name("server"))
    final = (await warp.certificates.ListTrustedAuthorities(request)).authorities
    aliases = {authority.subject.common_name: authority.alias for authority in final}
    assert len(final) == 2 + len(names)
    for name, answer in zip(names, answers, strict=True):
        assert aliases[name] in answer.imported
        assert set(answer.imported) <= {aliases[each] for each in names}  # never one that was there before


async def test_concurrent_creations_leave_one_certificate_with_its_key(warp: Warp) -> None:
    async def create(number: int) -> tuple[str, str] | None:
        """Return the error of the call, or None if it succeeds."""
        request = create_request(subject={"common_name": f"{number}.example.com"})
        try:
            await warp.certificates.CreateCertificate(request)
        except grpc.aio.AioRpcError as error:
            return read(error).kind
        return None

    outcomes = await asyncio.gather(*(create(number) for number in range(6)))
    assert None in outcomes
    assert set(outcomes) <= {None, ("ALREADY_EXISTS", "CERTIFICATE_ALREADY_EXISTS")}
    certificate = (await warp.download("client")).content
    assert as_the_gateway_says(await warp.full("client")) == as_openssl_reads(certificate)
    csr = (await warp.signing_request("client")).csr_pem.encode()
    assert openssl.run("req", "-noout", "-pubkey", data=csr) == openssl.run(
        "x509", "-noout", "-pubkey", data=certificate
    )
    assert await create(7) == ("ALREADY_EXISTS", "CERTIFICATE_ALREADY_EXISTS")


async def test_second_of_two_concurrent_deletions_is_not_found(warp: Warp) -> None:
    request = service.DeleteCertificateRequest(name=certificate_name("server"), **SEEDED)
    calls = [warp.certificates.DeleteCertificate(request) for _ in range(2)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    (failed,) = [call for call, outcome in zip(calls, outcomes, strict=True) if isinstance(outcome, BaseException)]
    assert (await failure_of(failed)).kind == ("NOT_FOUND", "CERTIFICATE_NOT_FOUND")


@pytest.mark.parametrize("rounds", [5])
async def test_calls_of_all_kinds_succeed_while_sessions_expire(warp: Warp, rounds: int) -> None:
    for side in SIDES:
        await warp.certificates.CreateCertificate(create_request(side, replace=True))
    await warp.control.forget_requests()

    def calls() -> list[Any]:
        return [
            call
            for side in SIDES
            for call in (
                warp.full(side),
                warp.exists(side),
                warp.download(side),
                warp.signing_request(side),
                warp.certificates.CreateCertificate(create_request(side, replace=True)),
                warp.certificates.ListTrustedAuthorities(
                    service.ListTrustedAuthoritiesRequest(parent=store_name(side))
                ),
            )
        ]

    for number in range(1, rounds + 1):
        pending = asyncio.gather(*calls())
        await warp.control.advance(number * 31 * 60)  # whichever of the calls are on their way
        await pending
    logins = [sent for sent in await warp.sent() if sent.call == f"POST {LOGIN}"]
    assert 1 <= len(logins) <= rounds
    assert all(sent.status == 200 for sent in logins)
