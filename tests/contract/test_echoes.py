"""Upstreams that repeat the request: what is recorded of a call contains no secret of it, in any form or part.

The emulators respond through a proxy that puts an echo into one place of the response after another.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from google.protobuf.message import Message

from gateway.audit.description import Describer
from gateway.errors import GatewayError
from gateway.redaction import DEFAULT_REDACTION
from tests.contract.suite import REQUEST_SECRET, Suite, every_suite, invocations, new_call
from tests.support.echoes import FORMS, EchoUpstream
from tests.support.secrecy import Secret, leaks
from tests.support.stack import Stack
from tests.support.valid_requests import PASSWORD

FIRST: Final = list({suite.type: suite for suite in reversed(every_suite())}.values())
"""One configuration of each provider type: the first, whose API has all calls."""
EVERY_SUITE = pytest.mark.parametrize("suite", every_suite(), ids=str)
NUMERIC: Final = "90210447781132"
SINGLE_FORMS: Final = ("raw", "hexadecimal", "hexadecimal with colons", "Base64", "first half", "second half")
"""Forms that a place with a syntax, such as a serial number, can accept. One more text has all forms."""


def recorded(results: list[Any]) -> Iterator[str]:
    """Yield what a record, a span, a log line, or a status can contain of each result."""
    describer = Describer(DEFAULT_REDACTION)
    for result in results:
        if isinstance(result, GatewayError):
            yield f"{result.message} {result.metadata} {result.resource} {result!r} {vars(result)}"
        elif isinstance(result, Message):
            yield json.dumps(describer.response(result))


async def assert_nothing_is_recorded(suite: Suite, upstream: EchoUpstream, secret: str) -> None:
    """Call every operation with an echo in one place of the responses after another."""
    secrets = {Secret(text, text) for text in (*suite.secrets, secret)}
    provider = suite.create(upstream.url)
    await provider.start()
    ready, seen = invocations(provider, secret), False
    for form in (None, *SINGLE_FORMS):
        upstream.form, upstream.place, upstream.places = form, 0, 1
        while upstream.place < upstream.places:
            results = await asyncio.gather(*(run(new_call()) for run in ready.values()), return_exceptions=True)
            text = "\n".join(recorded(results))
            assert leaks(secrets, text.encode()) == [], f"{form}, place {upstream.place}: {text}"
            seen = seen or "hmac" in text
            upstream.place += 1
    await provider.close()
    assert seen


def echoing(stack: Stack, suite: Suite) -> EchoUpstream:
    return EchoUpstream(stack.emulators[suite.type].url, lambda target: re.search(suite.api_paths, target) is not None)


@EVERY_SUITE
@pytest.mark.parametrize("secret", [PASSWORD, REQUEST_SECRET, NUMERIC])
async def test_echo_in_a_failure_is_not_recorded(quiet_stack: Stack, suite: Suite, secret: str) -> None:
    await quiet_stack.controls[suite.type].fail(path=suite.api_paths, count=1000, mode="error")
    async with echoing(quiet_stack, suite) as upstream:
        await assert_nothing_is_recorded(suite, upstream, secret)


@pytest.mark.parametrize("suite", FIRST, ids=str)
async def test_echo_in_a_success_is_not_recorded(quiet_stack: Stack, suite: Suite) -> None:
    async with echoing(quiet_stack, suite) as upstream:
        await assert_nothing_is_recorded(suite, upstream, PASSWORD)


@pytest.mark.parametrize("form", FORMS)
def test_search_finds_every_form(form: str) -> None:
    secret = 'p&=% "quoted" marker-4c1d'
    assert leaks({Secret("a.field", secret)}, f"said: {FORMS[form](secret)}.".encode()) == ["a.field"]
