"""Watching certificates with both Python clients: reconnect, resume, and no repetitions."""

import asyncio
import itertools
import threading
from collections.abc import Callable

import grpc
import pytest

import keyway
from keyway import KeywayError, aio
from tests.support.scripted_watch import PARENT, Item, ScriptedWatch, event, scripted_watch, text

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
Collect = Callable[[ScriptedWatch, int, str], list[str]]


def collect_sync(script: ScriptedWatch, count: int, token: str = "") -> list[str]:
    """Return the first events as text."""
    with keyway.connect(**script.connection) as client:  # noqa: SIM117
        with client.watch_certificates(PARENT, resume_token=token) as watch:
            return [text(found) for found in itertools.islice(watch, count)]


def collect_aio(script: ScriptedWatch, count: int, token: str = "") -> list[str]:
    async def collect() -> list[str]:
        found: list[str] = []
        async with (
            aio.connect(**script.connection) as client,
            client.watch_certificates(PARENT, resume_token=token) as watch,
        ):
            async for each in watch:
                found.append(text(each))
                if len(found) == count:
                    break
        return found

    return asyncio.run(collect())


@pytest.fixture(params=[collect_sync, collect_aio], ids=["sync", "aio"])
def collect(request: pytest.FixtureRequest) -> Collect:
    found: Collect = request.param
    return found


def test_stream_has_no_deadline_and_the_token(collect: Collect) -> None:
    with scripted_watch([event("CURRENT", "a", "v1", "t1"), event("SYNCED", token="t1"), None]) as script:
        assert collect(script, 2, "t0") == ["CURRENT a v1", "SYNCED"]
    (request,) = script.requests
    assert (request.parent, list(request.names), request.resume_token) == (PARENT, [], "t0")
    assert script.metadata[0]["authorization"] == "Bearer t0ken"
    (remaining,) = script.deadlines
    assert remaining is None or remaining > 1e6


@pytest.mark.parametrize("end", [UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.INTERNAL])
def test_ended_stream_is_resumed_with_the_last_token(collect: Collect, end: grpc.StatusCode) -> None:
    first: list[Item] = [event("CURRENT", "a", "v1", "t1"), event("SYNCED", token="t1"), end]
    second: list[Item] = [event("RENEWED", "a", "v2", "t2"), event("SYNCED", token="t2"), None]
    with scripted_watch(first, second) as script:
        assert collect(script, 4, "") == ["CURRENT a v1", "SYNCED", "RENEWED a v2", "SYNCED"]
    assert [each.resume_token for each in script.requests] == ["", "t1"]


def test_stream_that_the_gateway_ends_is_resumed(collect: Collect) -> None:
    first: list[Item] = [event("SYNCED", token="t0"), event("CURRENT", "a", "v1", "t1")]
    with scripted_watch(first, [event("SYNCED", token="t2"), None]) as script:
        assert collect(script, 3, "") == ["SYNCED", "CURRENT a v1", "SYNCED"]
    assert [each.resume_token for each in script.requests] == ["", "t1"]


def test_known_versions_are_skipped(collect: Collect) -> None:
    """Another gateway does not know the token, so it sends CURRENT for every certificate."""
    first: list[Item] = [
        event("CURRENT", "a", "v1"), event("CURRENT", "b", "v1"), event("EXPIRING", "b", "v1"),
        event("CURRENT", "c", "v1"), event("SYNCED", token="t1"), UNAVAILABLE,
    ]  # fmt: skip
    second: list[Item] = [
        event("CURRENT", "a", "v2"), event("CURRENT", "b", "v1"), event("EXPIRING", "b", "v1"),
        event("CURRENT", "d", "v1"), event("SYNCED", token="t2", complete=True), None,
    ]  # fmt: skip
    with scripted_watch(first, second) as script:
        assert collect(script, 9, "")[5:] == ["RENEWED a v2", "CURRENT d v1", "REMOVED c", "SYNCED"]


def test_certificate_that_is_missing_in_a_resumed_stream_is_not_removed(collect: Collect) -> None:
    first: list[Item] = [event("CURRENT", "a", "v1"), event("CURRENT", "b", "v1"), event("SYNCED", token="t1"),
                         UNAVAILABLE]  # fmt: skip
    second: list[Item] = [event("RENEWED", "a", "v2"), event("SYNCED", token="t2"), None]
    with scripted_watch(first, second) as script:
        assert collect(script, 5, "")[3:] == ["RENEWED a v2", "SYNCED"]


def test_readable_certificate_is_reported_again(collect: Collect) -> None:
    events: list[Item] = [event("CURRENT", "a", "v1"), event("SYNCED"), event("UNREADABLE", "a"),
                          event("CURRENT", "a", "v1"), None]  # fmt: skip
    with scripted_watch(events) as script:
        assert collect(script, 4, "") == ["CURRENT a v1", "SYNCED", "UNREADABLE a", "CURRENT a v1"]


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNIMPLEMENTED]
)
def test_error_at_the_beginning_is_raised(collect: Collect, code: grpc.StatusCode) -> None:
    with scripted_watch([code]) as script, pytest.raises(KeywayError) as caught:
        collect(script, 1, "")
    assert caught.value.code is code


def test_permission_that_is_withdrawn_ends_the_iteration(collect: Collect) -> None:
    with (
        scripted_watch([event("SYNCED", token="t1"), grpc.StatusCode.PERMISSION_DENIED]) as script,
        pytest.raises(KeywayError, match="PERMISSION_DENIED"),
    ):
        collect(script, 2, "")


def test_rejected_credential_is_sent_only_once_more(collect: Collect) -> None:
    rejected = grpc.StatusCode.UNAUTHENTICATED
    with (
        scripted_watch([event("SYNCED", token="t1"), rejected], [rejected]) as script,
        pytest.raises(KeywayError, match="UNAUTHENTICATED"),
    ):
        collect(script, 2, "")
    assert len(script.requests) == 2


def test_close_ends_a_waiting_iteration() -> None:
    with (
        scripted_watch([event("SYNCED", token="t1"), None]) as script,
        keyway.connect(**script.connection) as client,
        client.watch_certificates(PARENT) as watch,
    ):
        assert text(next(watch)) == "SYNCED"
        threading.Timer(0.1, watch.close).start()
        assert list(watch) == []
        assert watch.resume_token == "t1"
        assert script.ended.wait(30)


async def test_cancellation_ends_the_stream() -> None:
    with scripted_watch([event("SYNCED", token="t1"), None]) as script:
        async with aio.connect(**script.connection) as client:
            watch = client.watch_certificates(PARENT)
            assert text(await anext(watch)) == "SYNCED"
            waiting = asyncio.ensure_future(anext(watch))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert await asyncio.to_thread(script.ended.wait, 30)


async def test_close_ends_a_waiting_asyncio_iteration() -> None:
    with scripted_watch([event("SYNCED", token="t1"), None]) as script:
        async with aio.connect(**script.connection) as client, client.watch_certificates(PARENT) as watch:
            assert text(await anext(watch)) == "SYNCED"
            waiting = asyncio.ensure_future(anext(watch))
            await asyncio.sleep(0)
            watch.close()
            with pytest.raises(StopAsyncIteration):
                await waiting


def test_names_must_be_a_list() -> None:
    with (
        keyway.connect("127.0.0.1:1", plaintext=True) as client,
        pytest.raises(TypeError, match="names must be a list"),
    ):
        client.watch_certificates(PARENT, names="providers/p/certificates/a")
