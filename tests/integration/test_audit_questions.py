"""The questions in docs/audit.md, with the printed commands, against a journal with a known history.

Each command asks the gateway, as a process with the auditor's identity, its directory, offline, and another gateway
that answers from the central store.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.cli.program import main
from tests.clients.python.cli.commands import Commands, Ran, forking
from tests.support.audit_queries import FULL_AUDITOR, KEYS_AUDITOR, queryable
from tests.support.audit_questions import ORDERS_KEY, SECRET, WITH_KEY, WWW, History, make_history, questions
from tests.support.central import central_store
from tests.support.programs import unavailable
from tests.support.stack import Stack
from tests.support.trusted import AUDITOR, OPERATOR, ORDERS, Trusted
from tests.support.victoria_logs import PROGRAM as VICTORIA_LOGS
from tests.support.waiting import eventually

Ask = Callable[..., Awaitable[Ran]]
"""Runs the words of a `keyway audit` command."""


@dataclass(frozen=True, slots=True)
class Served:
    """The history, and the command lines of the auditor for the gateway that has it.

    elsewhere: for another gateway, which answers from the central store; None without VictoriaLogs.
    """

    history: History
    commands: Commands
    elsewhere: Commands | None


@pytest.fixture(scope="module")
async def served(running_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    await running_stack.reset()
    async with AsyncExitStack() as exits:
        server = exits.enter_context(forking())
        trusted = queryable(tmp_path_factory.mktemp("questions"), running_stack)
        elsewhere = None
        if VICTORIA_LOGS.exists():
            central = await exits.enter_async_context(central_store(tmp_path_factory.mktemp("central")))
            query = {"source": "central", "central": dict(central.query)}
            other = queryable(tmp_path_factory.mktemp("elsewhere"), running_stack, **query)
            for each in (trusted, other):
                each.configuration["audit"]["ship"] = dict(central.collector.ship)
            elsewhere = auditor(other, await exits.enter_async_context(other.served()), server)
        address = await exits.enter_async_context(trusted.served())
        history = await make_history(trusted, address, running_stack)
        if elsewhere is not None:
            await central.has(trusted.audit)
        yield Served(history, auditor(trusted, address, server), elsewhere)
    await running_stack.reset()


def auditor(gateway: Trusted, address: str, server: Any) -> Commands:
    """Return the command line of the auditor for a gateway."""
    certificate, key = gateway.authority.issue(uris=[FULL_AUDITOR]).write(gateway.folder, "auditor")
    connection = {
        "KEYWAY_ADDRESS": address,
        "KEYWAY_CA": str(gateway.folder / "callers-ca.pem"),
        "KEYWAY_CERTIFICATE": str(certificate),
        "KEYWAY_PRIVATE_KEY": str(key),
    }
    return Commands(server, gateway.folder, connection)


@pytest.fixture
def sources(served: Served, capsys: pytest.CaptureFixture[str]) -> Mapping[str, Ask]:
    """Return the ways to ask: the gateway and one elsewhere, over gRPC, and the directory, offline."""

    async def gateway(*words: object) -> Ran:
        return await asyncio.to_thread(served.commands, "audit", *words)

    async def directory(command: str, *words: object) -> Ran:
        code = await asyncio.to_thread(main, ["audit", command, str(served.history.trusted.audit), *map(str, words)])
        output, errors = capsys.readouterr()
        return Ran(code, output.encode(), errors)

    async def central(*words: object) -> Ran:
        if served.elsewhere is None:
            unavailable("VictoriaLogs is missing (`make victoria-logs` builds it, with Go)")
        return await asyncio.to_thread(served.elsewhere, "audit", *words)

    return {"gateway": gateway, "directory": directory, "central": central}


@pytest.fixture(params=["gateway", "directory", "central"])
def ask(request: pytest.FixtureRequest, sources: Mapping[str, Ask], served: Served) -> Ask:
    """Return a function that runs the command for a question, with further words."""

    async def answer(question: str, *words: object) -> Ran:
        (command,) = (command for asked, command in questions().items() if asked.startswith(question))
        _, _, *given = served.history.question(command)
        ran = await sources[request.param](*given, *words)
        assert ran.code == 0, ran
        return ran

    return answer


async def rows(ask: Ask, question: str) -> list[dict[str, Any]]:
    return (await ask(question, "--format", "json")).objects()


def test_page_has_ten_questions() -> None:
    assert len(questions()) == 10


async def test_who_downloaded_the_private_key(ask: Ask) -> None:
    (row,) = await rows(ask, "Who downloaded the private key")
    assert (row["caller"], row["action"], row["resources"]) == (OPERATOR, WITH_KEY, [WWW])
    assert (row["outcome"], row["privateMaterial"], row["policies"]) == (
        "AUDIT_OUTCOME_SUCCESS", True, ["operators-read-keys"],
    )  # fmt: skip
    table = (await ask("Who downloaded the private key")).text
    assert f"{OPERATOR}" in table
    assert f"  {WITH_KEY}  {WWW}  success  OK" in table


async def test_what_was_denied(ask: Ask) -> None:
    found = await rows(ask, "Which calls were denied")
    assert [(row["caller"], row["action"], row["resources"]) for row in found] == [
        (AUDITOR, "Encrypt", [ORDERS_KEY]),
        (ORDERS, "GetSecret", [SECRET]),
    ]
    assert all(row["denied"] and row["reason"] == "PERMISSION_DENIED" for row in found)


async def test_what_a_caller_did_on_a_day(ask: Ask) -> None:
    found = await rows(ask, "What did the order service do")
    assert [(row["action"], row["outcome"]) for row in found] == [
        ("Encrypt", "AUDIT_OUTCOME_UNKNOWN"),
        ("GetSecret", "AUDIT_OUTCOME_FAILURE"),
        *[("Encrypt", "AUDIT_OUTCOME_SUCCESS")] * 3,
    ]
    assert {row["caller"] for row in found} == {ORDERS}


async def test_who_used_a_key_and_how_often(ask: Ask) -> None:
    found = await rows(ask, "Who used the key orders-key")
    counts = {(row["caller"], row["action"]): (row["calls"], row["denied_calls"]) for row in found}
    assert counts == {(ORDERS, "Encrypt"): (4, 0), (AUDITOR, "Encrypt"): (1, 1)}
    assert {row["day"] for row in found} == {str(datetime.now(UTC).date())}
    assert {row["resource"] for row in found} == {ORDERS_KEY}


async def test_which_calls_have_an_unknown_outcome(ask: Ask) -> None:
    (row,) = await rows(ask, "Which calls have an unknown outcome")
    assert (row["caller"], row["action"], row["status"]) == (ORDERS, "Encrypt", "DEADLINE_EXCEEDED")


async def test_who_read_private_material(ask: Ask) -> None:
    found = await rows(ask, "Who read private keys, symmetric keys, or secrets")
    assert sorted((row["caller"], row["action"], row["resource"], row["denied_calls"]) for row in found) == [
        (OPERATOR, WITH_KEY, WWW, 0),
        (OPERATOR, "GetSecret", SECRET, 0),
        (ORDERS, "GetSecret", SECRET, 1),
    ]


async def test_which_unauthenticated_peers_were_rejected(ask: Ask) -> None:
    (row,) = await rows(ask, "Which unauthenticated peers were rejected")
    assert row["peer"] in ("127.0.0.1", "::1")
    assert (row["status"], row["reason"], row["calls"]) == ("UNAUTHENTICATED", "UNAUTHENTICATED", 1)


async def test_what_changed(ask: Ask) -> None:
    found = await rows(ask, "What changed")
    assert [(row["caller"], row["action"]) for row in found] == [
        (OPERATOR, "DeleteTrustedAuthority"),
        (OPERATOR, "CreateCertificate"),
    ]
    assert found[1]["resources"] == ["providers/asteria/certificates/client"]


async def test_which_policy_decided(ask: Ask, served: Served) -> None:
    text = (await ask("Which policy permitted or denied this call")).text
    assert f"Decision          deny Encrypt on {ORDERS_KEY}: no policy permits it\n" in text
    assert f"Caller            {AUDITOR}\n" in text
    assert text.count(f"api.request.uid: {served.history.denied}\n") == 2


async def test_who_queried_the_audit_log(ask: Ask) -> None:
    found: list[dict[str, Any]] = []

    async def recorded() -> bool:
        found[:] = await rows(ask, "Who queried the audit log")
        return bool(found)

    await eventually(recorded)
    assert {row["caller"] for row in found} == {FULL_AUDITOR}
    assert "ListAuditRecords" in {row["action"] for row in found}


async def test_receipt_is_found_and_the_journal_verifies(sources: Mapping[str, Ask], served: Served) -> None:
    receipt = served.history.receipt
    for source in ("gateway", "directory"):
        shown = await sources[source]("show", receipt)
        assert f"Receipt           {receipt}\n" in shown.text
    verified = await sources["gateway"]("verify")
    assert (verified.code, verified.lines[-1]) == (0, "verified")
    proved = await sources["directory"]("verify", "--expect", receipt)
    assert proved.code == 0
    forged = await sources["directory"]("verify", "--expect", receipt[:-1] + ("0" if receipt[-1] != "0" else "1"))
    assert forged.code == 1


async def test_auditor_of_one_provider_sees_the_number_of_omitted_calls(served: Served) -> None:
    folder = served.history.trusted.folder
    certificate, key = served.history.trusted.authority.issue(uris=[KEYS_AUDITOR]).write(folder, "keys-auditor")
    identity = ("--certificate", certificate, "--private-key", key)
    ran = await asyncio.to_thread(served.commands, "audit", "list", "--json", *identity)
    assert ran.code == 0
    assert {log for row in ran.objects() for log in row["auditLogs"]} == {"auditLogs/nhn-keys"}
    assert re.fullmatch(
        r"keyway: [1-9]\d* calls in the time range are omitted: you may not read their audit logs\n", ran.errors
    )


async def test_pseudonymized_export_contains_no_caller(sources: Mapping[str, Ask], served: Served) -> None:
    folder = served.history.trusted.folder
    (folder / "pseudonyms.key").write_text("k" * 32)
    for source in ("gateway", "directory"):
        path = folder / f"{source}.csv"
        words = ("--pseudonymize", "callers,peers", "--pseudonym-key", folder / "pseudonyms.key", "-o", path)
        assert (await sources[source]("export", *words)).code == 0
        text = path.read_text()
        assert "spiffe://" not in text
        assert "127.0.0.1" not in text
        assert "caller-" in text
