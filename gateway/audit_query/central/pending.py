"""Calls without an outcome: calls in progress, and calls that were in progress when a gateway ended unexpectedly."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from gateway.audit.events import INTENT, OUTCOME
from gateway.audit_query.central import fields, logsql
from gateway.audit_query.central.candidates import RECORDS, Candidate, candidate_of
from gateway.audit_query.central.heads import ChainHead, rfc3339
from gateway.audit_query.central.store import CentralStore
from gateway.audit_query.time_ranges import TimeRange

_LONGEST: Final = timedelta(minutes=15)
"""How long before the newest record of a chain to search for calls without an outcome. When a gateway starts again, it
records the outcomes of earlier calls."""
_IDENTITY: Final = logsql.names(fields.START_TIME, logsql.CHAIN, logsql.SEQUENCE)


async def pending_calls(
    store: CentralStore, heads: Sequence[ChainHead], times: TimeRange, conditions: Sequence[str]
) -> set[Candidate]:
    """Return the intents without an outcome that match the conditions.

    heads: the newest records of all chains. A closed chain has no such intents.
    """
    ends = [_end_of(head) for head in heads if not head.closed]
    if not ends:
        return set()
    at_an_end = logsql.any_of(ends)
    finished = f"{RECORDS} {logsql.equals(fields.EVENT_CODE, OUTCOME)} {at_an_end} | fields {fields.REQUEST_ID}"
    in_range = logsql.in_range(fields.START_TIME, times.start, times.end)
    is_intent = logsql.equals(fields.EVENT_CODE, INTENT)
    query = " ".join((RECORDS, is_intent, at_an_end, in_range, *conditions))
    rows = await store.rows(f"{query} !{logsql.quote(fields.REQUEST_ID)}:in({finished}) | fields {_IDENTITY}")
    return {found for row in rows if (found := candidate_of(row)) is not None}


def _end_of(head: ChainHead) -> str:
    return f"({logsql.equals(logsql.CHAIN, head.chain)} _time:>={rfc3339(head.time - _LONGEST)})"
