"""A history of calls for audit queries: realistic events, and the journal that contains them.

The calls follow from the seed, so that a test knows what a query must find.
"""

import asyncio
import dataclasses
import random
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from gateway.audit import events
from gateway.audit.call_facts import CallDetails, CallResult, CallSource, Moment
from gateway.audit.events import CallEvents
from gateway.authz.decision import Decision
from gateway.contract.methods import Method
from gateway.identity.caller import Caller
from gateway.journal.write.entries import EventEntry, IntentEntry, OutcomeEntry
from gateway.journal.write.journal import Journal
from tests.support.call_details import method_named
from tests.support.journals import journal_in

BEGIN: Final = 1_700_000_000
"""The time of the first call, in seconds since 1970."""
DAY_SECONDS: Final = 86_400
_ROOM: Final = 4096
_CALLS_PER_TURN: Final = 50
_LOST: Final = 0.0005
"""The share of calls whose outcome is missing."""
_MOST_LOST: Final = 500
"""The number of such calls. Above about 1,500, the journal begins no new segments, whose heads contain these calls."""

_MONOTONIC: Final = 1000.0
_PROVIDERS: Final = ("nhn-certs", "nhn-keys", "asteria")
_FAILURES: Final = (
    ("NOT_FOUND", "KEY_NOT_FOUND", events.FAILURE),
    ("UNAVAILABLE", "PROVIDER_UNAVAILABLE", events.UNKNOWN),
    ("DEADLINE_EXCEEDED", "PROVIDER_TIMEOUT", events.UNKNOWN),
    ("PERMISSION_DENIED", "KEYSTORE_PASSWORD_INCORRECT", events.FAILURE),
)


@dataclasses.dataclass(slots=True)
class PastCall:
    """A call of the history. result: None if its outcome is missing."""

    details: CallDetails
    began: Moment
    result: CallResult | None


@dataclasses.dataclass(slots=True)
class PastRejections:
    """Rejected calls of one peer that were recorded together."""

    peer: str
    code: str
    first: float
    count: int


Past = PastCall | PastRejections


def history(count: int, *, seed: int = 1, days: float = 30, callers: int = 50, resources: int = 200) -> Iterator[Past]:
    """Yield calls, oldest first: mostly key use, and some denials, private keys, batches, failures, and rejections."""
    chance = random.Random(seed)
    usual = [_usual_calls(chance, number, resources) for number in range(callers)]
    lost = min(_LOST, _MOST_LOST / count) if count else _LOST
    for number in range(count):
        time = BEGIN + number * days * DAY_SECONDS / count
        if chance.random() < 0.005:
            code = chance.choice(("UNAUTHENTICATED", "UNIMPLEMENTED"))
            yield PastRejections(f"203.0.113.{chance.randrange(4) or ''}", code, time, chance.randrange(1, 50))
        else:
            # Few callers make most of the calls.
            caller = min(int(chance.expovariate(6 / callers)), callers - 1)
            yield _call(chance, chance.choice(usual[caller]), Moment(time, _MONOTONIC), lost)


def large_batches(count: int, characters: int) -> Iterator[PastCall]:
    """Yield calls of one caller that name different resources with this number of characters in all."""
    caller = Caller("spiffe://example.org/large", "spiffe")
    for number, past in enumerate(each for each in history(2 * count) if isinstance(each, PastCall)):
        if number == count:
            return
        names = [f"providers/nhn-keys/keys/{number}-{each}-{'x' * 960}" for each in range(characters // 1000)]
        resources = [("keyway.dev/Key", name) for name in names]
        details = dataclasses.replace(past.details, caller=caller, resources=resources, decisions=())
        yield dataclasses.replace(past, details=details)


async def write(journal: Journal, calls: Iterable[Past]) -> None:
    """Write the events of calls into a journal, as the gateway does."""
    for number, past in enumerate(calls):
        if isinstance(past, PastRejections):
            journal.append(EventEntry(rejections_event(past)))
            continue
        call_events = CallEvents(past.details, past.began)
        intent = call_events.intent()
        journal.append(IntentEntry(past.details.request_id, intent, len(intent) + _ROOM))
        if past.result is not None:
            journal.append(OutcomeEntry(past.details.request_id, partial(call_events.outcome, past.result)))
        if number % _CALLS_PER_TURN == 0:
            await _rotated(journal)


async def _rotated(journal: Journal) -> None:
    """Wait until the journal has begun a new segment, if the present one is full."""
    await asyncio.sleep(0)
    while journal._writer is not None and journal._writer.records.commit_due:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0)


@asynccontextmanager
async def history_journal(directory: Path, *, worker: int = 0, **settings: Any) -> AsyncIterator[Journal]:
    """Open a journal for a history: fast, because nothing in it needs to survive a power failure."""
    values = {"durability": "os", "checkpoint_interval": 60.0, **settings}
    async with journal_in(directory, worker=worker, unknown_outcome=events.unknown_outcome, **values) as journal:
        yield journal


async def write_history(directory: Path, calls: Iterable[Past], *, worker: int = 0, **settings: Any) -> None:
    """Write a journal with these calls, and close it."""
    async with history_journal(directory, worker=worker, **settings) as journal:
        await write(journal, calls)


def rejections_event(past: PastRejections) -> bytes:
    return events.refusals(
        past.peer if not past.peer.endswith(".") else "",
        past.code,
        past.code,
        first=past.first,
        last=past.first + 0.5,
        methods={"keyway.v1.KeyService/Encrypt": past.count, **({"unknown": 1} if past.count % 3 == 0 else {})},
    )


@dataclasses.dataclass(slots=True)
class _UsualCall:
    """What a caller usually does. decisions: if policy allows it, and if not."""

    method: Method
    caller: Caller
    caller_request_id: str
    sources: Sequence[CallSource]
    resources: Sequence[tuple[str, str]]
    decisions: tuple[tuple[Decision, ...], tuple[Decision, ...]]


def _usual_calls(chance: random.Random, number: int, resources: int) -> list[_UsualCall]:
    """Return the usual calls of a caller: a few methods, on a few resources."""
    caller = Caller(f"spiffe://example.org/service-{number}", "spiffe")
    addresses = [f"10.0.{number}.{each}:4242" for each in range(3)]
    surface = ("", "vault", "rest")[number % 3]
    sources = [CallSource(address, "grpc-go/1.70", f"service-{number}", surface) for address in addresses]
    found = []
    for _ in range(chance.randrange(3, 9)):
        name, names = _usual_resources(chance, chance.randrange(resources))
        decisions = tuple(
            tuple(Decision(name, "keyway.dev/Key", each, allowed, policies) for each in names)
            for allowed, policies in ((True, (f"policy-{number % 7}",)), (False, ()))
        )
        targets = [("keyway.dev/Key", each) for each in names]
        own_id = f"order-{number}" if number % 5 == 0 else ""
        found.append(_UsualCall(method_named(name), caller, own_id, sources, targets, decisions))  # type: ignore[arg-type]
    return found


def _usual_resources(chance: random.Random, number: int) -> tuple[str, list[str]]:
    """Return a method, and the names of the resources in a request."""
    if number % 3 == 0:
        name = chance.choice(("GetCertificate", "DownloadCertificate", "ListCertificates"))
        provider = chance.choice(("nhn-certs", "asteria"))
        resource = f"providers/{provider}/certificates/www{number}.example.com"
        return name, ["providers/-" if name == "ListCertificates" and number % 2 else resource]
    name = chance.choice(("Encrypt", "Decrypt", "Sign", "GetSecret", "BatchEncrypt", "GetPublicKey"))
    if name == "BatchEncrypt":
        return name, [f"providers/{chance.choice(_PROVIDERS)}/keys/key-{chance.randrange(9)}" for _ in range(3)]
    collection = "secrets" if name == "GetSecret" else "keys"
    suffix = f"/versions/{number % 4}" if name == "Sign" else ""
    return name, [f"providers/nhn-keys/{collection}/key-{number}{suffix}"]


def _call(chance: random.Random, usual: _UsualCall, began: Moment, lost: float) -> PastCall:
    name, is_denied = usual.method.name, chance.random() < 0.02
    is_private = name == "DownloadCertificate" and chance.random() < 0.3
    details = CallDetails(
        method=usual.method,
        request_id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        caller_request_id=usual.caller_request_id,
        caller=usual.caller,
        source=usual.sources[int(chance.random() * 3)],
        resources=usual.resources,
        decisions=usual.decisions[is_denied],
        request={"include_private_key": True} if is_private else {},
        trace_id=f"{chance.getrandbits(128):032x}",
        span_id=f"{chance.getrandbits(64):016x}",
    )
    return PastCall(details, began, _result(chance, name, began, lost, is_denied=is_denied))


def _result(chance: random.Random, name: str, began: Moment, lost: float, *, is_denied: bool) -> CallResult | None:
    seconds = 0.0004 / (1.0001 - chance.random())
    ended = Moment(began.epoch + seconds, began.monotonic + seconds)
    if is_denied and name != "BatchEncrypt":
        return CallResult(events.FAILURE, "PERMISSION_DENIED", ended, "PERMISSION_DENIED")
    attempts = [{"provider": "nhn-keys", "method": "POST", "http_status": 200, "duration_us": round(seconds * 9e5)}]
    if chance.random() < 0.03:
        code, reason, status_id = chance.choice(_FAILURES)
        return CallResult(status_id, code, ended, reason, attempts=attempts)
    if chance.random() < lost:
        return None
    response = {"ciphertext": {"characters": 64, "hmac_sha256": f"{chance.getrandbits(256):064x}"}}
    return CallResult(events.SUCCESS, "OK", ended, http_status=200, attempts=attempts, response=response)
