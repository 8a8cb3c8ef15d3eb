"""A history of calls for audit queries: realistic events, and the journal that contains them.

The calls follow from the seed, so that a test knows what a query must find.
"""

import asyncio
import dataclasses
import random
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from gateway.audit import events
from gateway.audit.call_facts import CallDetails, CallResult, CallSource, Moment
from gateway.audit.events import CallEvents
from gateway.authz.policies import Decision
from gateway.identity.caller import Caller
from gateway.journal.write.entries import EventEntry, IntentEntry, OutcomeEntry
from gateway.journal.write.journal import Journal
from tests.support.call_details import method_named
from tests.support.journals import journal_in

BEGIN: Final = 1_700_000_000
"""The time of the first call, in seconds since 1970."""
_DAY: Final = 86_400
_ROOM: Final = 4096
_CALLS_PER_TURN: Final = 200

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
    for number in range(count):
        time = BEGIN + number * days * _DAY / count
        if chance.random() < 0.005:
            code = chance.choice(("UNAUTHENTICATED", "UNIMPLEMENTED"))
            yield PastRejections(f"203.0.113.{chance.randrange(4) or ''}", code, time, chance.randrange(1, 50))
        else:
            # Few callers make most of the calls.
            caller = min(int(chance.expovariate(6 / callers)), callers - 1)
            yield _call(chance, caller, chance.choice(usual[caller]), Moment(time, _MONOTONIC))


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
            result, make = past.result, call_events.outcome
            outcome = make(result)
            journal.append(OutcomeEntry(past.details.request_id, lambda outcome=outcome: outcome))  # type: ignore[misc]
        if number % _CALLS_PER_TURN == 0:
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


def _usual_calls(chance: random.Random, caller: int, resources: int) -> list[tuple[str, str]]:
    """Return the methods and resources that a caller usually uses: a few methods, on a few resources."""
    found = []
    for _ in range(chance.randrange(2, 9)):
        number = chance.randrange(resources)
        if number % 3:
            name = chance.choice(("Encrypt", "Decrypt", "Sign", "GetSecret", "BatchEncrypt", "GetPublicKey"))
            collection = "secrets" if name == "GetSecret" else "keys"
            suffix = f"/versions/{number % 4}" if name == "Sign" else ""
            found.append((name, f"providers/nhn-keys/{collection}/key-{number}{suffix}"))
        else:
            name = chance.choice(("GetCertificate", "DownloadCertificate", "ListCertificates"))
            provider = chance.choice(("nhn-certs", "asteria"))
            resource = f"providers/{provider}/certificates/www{number}.example.com"
            found.append((name, "providers/-" if name == "ListCertificates" and number % 2 else resource))
    return found


def _call(chance: random.Random, caller: int, usual: tuple[str, str], began: Moment) -> PastCall:
    name, resource = usual
    is_denied, is_private = chance.random() < 0.02, name == "DownloadCertificate" and chance.random() < 0.3
    names = [resource]
    if name == "BatchEncrypt":
        names = [f"providers/{chance.choice(_PROVIDERS)}/keys/key-{chance.randrange(9)}" for _ in range(3)]
    decisions = tuple(
        Decision(name, "keyway.dev/Key", each, not is_denied, () if is_denied else (f"policy-{caller % 7}",))
        for each in names
    )
    details = CallDetails(
        method=method_named(name),
        request_id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        caller_request_id=f"order-{caller}" if caller % 5 == 0 else "",
        caller=Caller(f"spiffe://example.org/service-{caller}", "spiffe"),
        source=CallSource(f"10.0.{caller}.{chance.randrange(3)}:4242", "grpc-go/1.70", f"service-{caller}"),
        resources=[("keyway.dev/Key", each) for each in names],
        decisions=decisions,
        request={"include_private_key": True} if is_private else {},
        trace_id=f"{chance.getrandbits(128):032x}",
        span_id=f"{chance.getrandbits(64):016x}",
    )
    return PastCall(details, began, _result(chance, name, began, is_denied=is_denied))


def _result(chance: random.Random, name: str, began: Moment, *, is_denied: bool) -> CallResult | None:
    seconds = chance.lognormvariate(-6, 1.2)
    ended = Moment(began.epoch + seconds, began.monotonic + seconds)
    if is_denied and name != "BatchEncrypt":
        return CallResult(events.FAILURE, "PERMISSION_DENIED", ended, "PERMISSION_DENIED")
    attempts = [{"provider": "nhn-keys", "method": "POST", "http_status": 200, "duration_us": round(seconds * 9e5)}]
    if chance.random() < 0.03:
        code, reason, status_id = chance.choice(_FAILURES)
        return CallResult(status_id, code, ended, reason, attempts=attempts)
    if chance.random() < 0.0005:
        return None
    response = {"ciphertext": {"characters": 64, "hmac_sha256": f"{chance.getrandbits(256):064x}"}}
    return CallResult(events.SUCCESS, "OK", ended, http_status=200, attempts=attempts, response=response)
