"""A project with 10,000 certificates of 100 domains each: all of it can be listed and searched in bounded memory."""

import tracemalloc

import grpc
import pytest

from keyway.v1 import certificate_service_pb2 as service
from tests.support.large_project import CERTIFICATES, DOMAINS, large_project
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.stack import Gateway, Stack
from tests.support.wire import failure_of

MAXIMUM_BYTES = 48 * 1024 * 1024
"""All rows together have 40 MB as JSON, and several times that as objects."""

DEFAULT_CLIENT_LIMIT = [("grpc.max_receive_message_length", 4 * 1024 * 1024)]


async def test_large_project_is_listed_and_searched_in_bounded_memory(quiet_stack: Stack) -> None:
    with large_project() as url:
        provider = quiet_stack.provider("nhn-certs", endpoint=url)
        async with (
            Gateway(quiet_stack.settings(provider)) as gateway,
            grpc.aio.insecure_channel(gateway.address, options=DEFAULT_CLIENT_LIMIT) as channel,
        ):
            stub = type(gateway.certificates)(channel)
            parent = f"providers/{provider['id']}"
            tracemalloc.start()
            try:
                names = await listed(stub, parent)
                last = f"{parent}/certificates/c{CERTIFICATES - 1}.example.com"
                found = await stub.GetCertificate(service.GetCertificateRequest(name=last))
                check = service.CheckCertificateRequest(name=f"{parent}/certificates/none")
                exists = (await stub.CheckCertificate(check)).exists
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
    assert names == [f"c{number}.example.com" for number in range(CERTIFICATES)]
    assert (found.certificate.name, len(found.certificate.domains)) == (last, DOMAINS)
    assert not exists
    assert peak < MAXIMUM_BYTES, peak


async def listed(stub: object, parent: str) -> list[str]:
    names, token = [], ""
    while True:
        request = service.ListCertificatesRequest(parent=parent, page_size=1000, page_token=token)
        page = await stub.ListCertificates(request)  # type: ignore[attr-defined]
        assert page.total_size == CERTIFICATES
        names += [certificate.display_name for certificate in page.certificates]
        token = page.next_page_token
        if not token:
            return names


@pytest.mark.parametrize(("limit", "status"), [(64 * 1024, "INTERNAL"), (4 * 1024 * 1024, "OK")])
async def test_maximum_size_of_a_response_is_a_setting(quiet_stack: Stack, limit: int, status: str) -> None:
    """A trust store is listed in one response. Here it has about 200 KB."""
    authority = {"alias": "a", "subject": "CN=a", "issuer": "CN=a", "notBefore": "2026-01-01 00:00:00"}
    rows = [{**authority, "alias": str(number), "notAfter": "2027-01-01 00:00:00"} for number in range(2000)]
    async with ScriptedUpstream() as upstream:
        body = {"result": {"status": "success", "data": {"certificate": rows}}}
        upstream.answer("GET", "/mcapi/certificate/server/ca/list", body=body)
        provider = quiet_stack.provider(
            "asteria", endpoint=upstream.url, login=None, session_id="s", maximum_response_bytes=limit
        )
        async with Gateway(quiet_stack.settings(provider)) as gateway:
            request = service.ListTrustedAuthoritiesRequest(parent="providers/asteria/trustStores/server")
            call = gateway.certificates.ListTrustedAuthorities(request)
            if status == "OK":
                assert len((await call).authorities) == len(rows)
            else:
                failure = await failure_of(call)
                assert failure.kind == (status, "MALFORMED_PROVIDER_RESPONSE")
                assert f"longer than {limit} bytes (maximum_response_bytes)" in failure.message
