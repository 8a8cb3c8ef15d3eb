"""Properties of every adapter: its operations, its status table, its check, and its start and close."""

import asyncio
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from google.rpc import code_pb2

from gateway.contract.methods import BATCHES, METHODS
from gateway.demo import DEMO_PROVIDERS
from gateway.emulators.catalog import EMULATOR_TYPES
from gateway.errors import UpstreamError
from gateway.providers.base.operations import Operations
from gateway.providers.base.provider import Provider, operations_of
from gateway.providers.base.status_table import HTTP_ROWS
from gateway.providers.catalog import PROVIDER_TYPES
from keyway.v1 import provider_service_pb2 as providers
from keyway.v1.error_reason_pb2 import ErrorReason
from keyway.v1.provider_pb2 import ProviderState
from tests.contract.suite import CheckCase, Suite, every_suite, invocations, new_call
from tests.support.once import ONCE
from tests.support.raw_server import RawServer, Reader, Writer, read_request
from tests.support.stack import Gateway, Stack
from tests.support.valid_requests import PASSWORD, call, upstream_targets, valid_request
from tests.support.wire import failure_of, parse

SUITES = every_suite()
EVERY_SUITE = pytest.mark.parametrize("suite", SUITES, ids=str)
REASONS = Path(__file__).parents[2] / "protos" / "keyway" / "v1" / "error_reason.proto"
UNREACHABLE = "http://127.0.0.1:1"


def test_every_provider_type_has_an_emulator_and_is_in_the_demo() -> None:
    assert set(EMULATOR_TYPES) == set(PROVIDER_TYPES), "add the type to gateway/emulators/catalog.py"
    configured = {provider["type"] for provider in DEMO_PROVIDERS}
    assert configured == set(PROVIDER_TYPES), "add the type to DEMO_PROVIDERS in gateway/demo.py"
    assert {suite.type for suite in SUITES} == set(PROVIDER_TYPES), "add the type to SUITES of its contract module"


@EVERY_SUITE
def test_adapter_has_the_configured_id_type_and_version(suite: Suite) -> None:
    provider = suite.create(UNREACHABLE)
    assert provider.id == suite.settings["id"]
    assert provider.type == suite.type
    assert provider.api_version == suite.settings.get("api_version", "")


@EVERY_SUITE
def test_adapter_serves_the_operations_that_it_implements(suite: Suite) -> None:
    provider = suite.create(UNREACHABLE)
    own = public_methods(type(provider)) - public_methods(Provider) | overridden(type(provider))
    served = set(operations_of(provider))
    assert served
    assert served == own - provider.unavailable
    assert provider.unavailable <= own, "an unavailable operation is not implemented"


def public_methods(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


def overridden(kind: type) -> set[str]:
    return {name for name in public_methods(Operations) if getattr(kind, name) is not getattr(Operations, name)}


@EVERY_SUITE
async def test_unserved_method_is_unimplemented(quiet_stack: Stack, suite: Suite) -> None:
    async with Gateway(quiet_stack.settings({**suite.settings, **endpoint_of(quiet_stack, suite)})) as gateway:
        request = providers.GetProviderRequest(name=f"providers/{suite.settings['id']}")
        served = set((await gateway.providers.GetProvider(request)).provider.methods)
        rest = [method for method in METHODS if method.full_name not in served and not method.served_by_gateway]
        assert served
        assert rest
        for method in rest:
            asking = call(gateway, method.name, valid_request(method.name, suite.settings["id"]))
            if method.operation in BATCHES:
                failure = parse((await asking).results[0].error)
            else:
                failure = await failure_of(asking)
            assert failure.kind == ("UNIMPLEMENTED", "METHOD_NOT_SUPPORTED_BY_PROVIDER"), method.name
            assert failure.metadata == {"provider": suite.settings["id"]}
            assert failure.retry is None
    assert not await upstream_targets(quiet_stack)


def endpoint_of(stack: Stack, suite: Suite) -> dict[str, Any]:
    return {"type": suite.type, "endpoint": stack.emulators[suite.type].url, **ONCE}


@EVERY_SUITE
def test_status_table_has_no_duplicates_and_ends_with_the_http_rows(suite: Suite) -> None:
    rows = suite.create(UNREACHABLE).status_table.rows
    keys = [(row.upstream_code, row.scope) for row in rows]
    assert len(set(keys)) == len(keys)
    assert len({(row.upstream_code, row.meaning) for row in rows}) == len(rows)
    assert all(row.upstream_code and row.meaning for row in rows)
    vendor = rows[: -len(HTTP_ROWS)]
    assert vendor
    assert rows[len(vendor) :] == HTTP_ROWS
    assert not any(row.shared for row in vendor)
    assert not {row.upstream_code for row in vendor} & {row.upstream_code for row in HTTP_ROWS}


@EVERY_SUITE
def test_every_status_in_the_table_is_documented_for_its_reason(suite: Suite) -> None:
    documented = re.findall(r"((?: *//[^\n]*\n)+) *ERROR_REASON_(\w+) = \d+;", REASONS.read_text())
    comments = {name: comment for comment, name in documented}
    for row in suite.create(UNREACHABLE).status_table.rows:
        reason = ErrorReason.Name(row.kind.reason).removeprefix("ERROR_REASON_")
        assert code_pb2.Code.Name(row.kind.code) in comments[reason], row.upstream_code


@EVERY_SUITE
async def test_every_vendor_code_has_the_status_of_its_row(quiet_stack: Stack, suite: Suite) -> None:
    """Codes that apply to some calls only can have several rows."""
    control = quiet_stack.controls[suite.type]
    provider = suite.create(quiet_stack.emulators[suite.type].url)
    await provider.start()
    rows = [row for row in provider.status_table.rows if not row.shared]
    for code in {row.upstream_code for row in rows}:
        await control.fail(path=suite.api_paths, count=1000, mode="error", code=code)
        ready = invocations(provider, PASSWORD)
        ended = await asyncio.gather(*(run(new_call()) for run in ready.values()), return_exceptions=True)
        await control.call("DELETE", "/faults")
        kinds = {error.kind for error in ended if isinstance(error, UpstreamError) and error.upstream_code == code}
        assert kinds, f"no operation fails with the code {code} of the status table"
        assert kinds <= {row.kind for row in rows if row.upstream_code == code}, code
    await provider.close()


@EVERY_SUITE
async def test_check_succeeds(quiet_stack: Stack, suite: Suite) -> None:
    provider = suite.create(quiet_stack.emulators[suite.type].url)
    await provider.start()
    made = new_call()
    await provider.check(made)
    await provider.close()
    assert made.attempts
    assert {attempt.http_status for attempt in made.attempts} == {suite.check_status}
    assert {attempt.provider for attempt in made.attempts} == {suite.settings["id"]}


@pytest.mark.parametrize(
    ("suite", "case"),
    [pytest.param(suite, case, id=f"{suite} {case.reason}") for suite in SUITES for case in suite.checks],
)
async def test_check_provider_reports_a_vendor_failure(quiet_stack: Stack, suite: Suite, case: CheckCase) -> None:
    name = f"providers/{suite.settings['id']}"
    async with Gateway(quiet_stack.settings({**suite.settings, **endpoint_of(quiet_stack, suite)})) as gateway:
        ready = (await gateway.providers.CheckProvider(providers.CheckProviderRequest(name=name))).provider
        await quiet_stack.controls[suite.type].fail(path=suite.api_paths, count=10, **case.fault)
        failed = (await gateway.providers.CheckProvider(providers.CheckProviderRequest(name=name))).provider
    assert (ProviderState.Name(ready.state), ready.state_reason) == ("PROVIDER_STATE_READY", "")
    assert (ProviderState.Name(failed.state), failed.state_reason) == (f"PROVIDER_STATE_{case.state}", case.reason)


@EVERY_SUITE
async def test_start_and_close_are_idempotent(quiet_stack: Stack, suite: Suite) -> None:
    before = asyncio.all_tasks()
    provider = suite.create(quiet_stack.emulators[suite.type].url)
    await provider.close()
    for _ in range(2):
        await provider.start()
        await provider.start()
        await provider.check(new_call())
        await provider.close()
        await provider.close()
    left = [task for task in asyncio.all_tasks() - before if not of_the_emulators(task)]
    assert not left


def of_the_emulators(task: asyncio.Task[Any]) -> bool:
    """Return whether a task serves a connection of an emulator. It ends after the client has disconnected."""
    return "RequestHandler" in repr(task.get_coro())


@EVERY_SUITE
async def test_close_does_not_raise_if_the_upstream_is_gone(quiet_stack: Stack, suite: Suite) -> None:
    unreachable = suite.create(UNREACHABLE, connect_timeout=1)
    await unreachable.start()
    await unreachable.close()

    async def answer_once(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        body = json.dumps(suite.success(suite.login_payload)).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
        await writer.drain()

    async with RawServer(answer_once) as server:
        provider = suite.create(server.url, connect_timeout=1)
        await provider.start()
        await asyncio.gather(provider.check(new_call()), return_exceptions=True)
    await provider.close()


@EVERY_SUITE
def test_no_configured_secret_is_in_a_repr(suite: Suite) -> None:
    settings = suite.configured(UNREACHABLE)
    provider = suite.create(UNREACHABLE)
    texts = [repr(settings), str(settings), repr(provider), str(provider), settings.model_dump_json()]
    texts += [repr(value) for value in operations_of(provider).values()]
    for secret in suite.secrets:
        assert not [text for text in texts if secret in text]
