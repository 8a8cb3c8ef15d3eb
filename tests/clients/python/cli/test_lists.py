"""Lists as tables and as JSON."""

import datetime as dt
import re

import pytest
from rich.cells import cell_len

from gateway.demo import DEMO_PROVIDERS
from keyway.cli import expiry
from keyway.testing import Sandbox
from tests.clients.python.cli.commands import Commands

pytestmark = pytest.mark.xdist_group("sandbox")
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def test_table_lists_all_certificates_soonest_expiry_first(commands: Commands) -> None:
    ran = commands("certs", "list", "--all")
    assert ran.code == 0
    head, *rows = ran.lines
    assert head.split() == ["Certificate", "Authority", "Expires", "Left"]
    names = [row.split()[0] for row in rows]
    assert names[:2] == ["nhn-certs/expired.example.com", "nhn-certs/expiring.example.com"]
    assert "nhn-certs/인증서-예시" in names
    unknown = [row.split()[0] for row in rows if row.endswith("unknown")]
    assert names[-len(unknown) :] == unknown
    assert "asteria/server" in unknown
    assert "\x1b" not in ran.text
    assert not ran.errors


def test_json_lists_certificates(commands: Commands) -> None:
    every = {found["name"] for found in commands("--json", "certs", "list", "--all").objects()}
    assert {"providers/asteria/certificates/server", "providers/nhn-certs/certificates/인증서-예시"} <= every
    expired = commands("certs", "list", "--expired", "--provider", "nhn-certs", "--json").objects()
    assert [found["state"] for found in expired] == ["CERTIFICATE_STATE_EXPIRED"]
    soon = commands("certs", "list", "--within", "10", "--json")
    assert [found["displayName"] for found in soon.objects()] == ["expiring.example.com"]


def test_within_reports_certificates_with_unknown_expiry(commands: Commands) -> None:
    listed = commands("certs", "list")
    unknown = sum(row.endswith("unknown") for row in listed.lines)
    assert unknown
    for form in ((), ("--json",)):
        ran = commands("certs", "list", "--within", "10", *form)
        assert (ran.code, "asteria" in ran.text) == (0, False)
        omitted = f"omitted {unknown} certificates with unknown expiry"
        assert ran.errors == f"keyway: {omitted}; run without --within to list them\n"


def test_incomplete_list_names_the_provider(commands: Commands, keyway_sandbox: Sandbox) -> None:
    keyway_sandbox.fail("nhn-certificate-manager", mode="html", count=5)
    ran = commands("certs", "list")
    assert ran.code == 1
    assert "asteria/server" in ran.text
    assert ran.errors == "keyway: nhn-certs does not respond: its certificates are missing\n"


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_table_fits_the_terminal(commands: Commands, columns: int) -> None:
    with commands.on_terminal("certs", "list", "--all", "--no-pager", columns=columns) as terminal:
        assert terminal.ended() == 0
        plain = ESCAPE.sub("", terminal.screen).splitlines()
        assert max(map(cell_len, plain)) <= columns
        # Names are complete at every width.
        assert any("nhn-certs/broken-file.example.com" in line for line in plain)
        # A Hangul syllable takes two cells, and the columns to its right stay aligned.
        ends = {cell_len(line.rstrip()) for line in plain if line.rstrip().endswith("days")}
        assert len(ends) == 1
        assert ("Authority" in plain[0]) == (columns >= 80)
        assert "\x1b[" in terminal.screen


def test_no_color_disables_colors(commands: Commands) -> None:
    with commands.on_terminal("certs", "list", "--all", NO_COLOR="1") as terminal:
        assert terminal.ended() == 0
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]", terminal.screen)


@pytest.mark.parametrize(
    ("days", "text", "style"),
    [
        (-30, "30 days ago", "bold red"),
        (-1, "1 day ago", "bold red"),
        (0, "today", "red"),
        (1, "1 day", "red"),
        (7, "7 days", "red"),
        (8, "8 days", "yellow"),
        (31, "31 days", "green"),
        (3649, "3,649 days", "green"),
    ],
)
def test_remaining_days_are_styled(days: int, text: str, style: str) -> None:
    today = dt.date(2026, 2, 27)
    left = expiry.left(today + dt.timedelta(days), today)
    assert (left, left.style) == (text, style)


@pytest.mark.parametrize(
    ("now", "today"),
    [
        ("2026-02-27T14:59:59Z", "2026-02-27"),
        ("2026-02-27T15:00:00Z", "2026-02-28"),
        ("2026-02-27T23:59:59+09:00", "2026-02-27"),
        ("2026-02-28T01:00:00+13:00", "2026-02-27"),
    ],
)
def test_days_use_the_time_zone_of_the_providers(now: str, today: str) -> None:
    assert expiry.providers_today(dt.datetime.fromisoformat(now)) == dt.date.fromisoformat(today)


def test_authorities_of_all_trust_stores_are_listed(commands: Commands, keyway_sandbox: Sandbox) -> None:
    keyway_sandbox.reset()
    ran = commands("cas", "list")
    assert ran.code == 0
    assert {row.split("/")[1] for row in ran.lines[1:]} == {"server", "client"}
    assert "キーウェイ認証局" in ran.text
    assert len(commands("cas", "list", "asteria/client", "--json").objects()) == 2


def test_providers_are_listed_checked_and_shown(commands: Commands, keyway_sandbox: Sandbox) -> None:
    ran = commands("providers", "check", "nhn-keys", "asteria")
    assert (ran.code, [row.split()[0] for row in ran.lines]) == (0, ["Provider", "nhn-keys", "asteria"])
    assert not any(line.endswith(" ") for line in ran.lines)
    keyway_sandbox.fail("asteria", mode="html", count=5)
    ran = commands("providers", "check")
    assert ran.code == 1
    assert re.search(r"^asteria .* (degraded|unreachable) ", ran.text, re.MULTILINE)
    listed = [found["name"] for found in commands("providers", "list", "--json").objects()]
    assert listed == sorted(f"providers/{provider['id']}" for provider in DEMO_PROVIDERS)
    mappings = commands("providers", "status-mappings", "nhn-keys")
    assert re.search(r"^Invalid Key ID .* NOT_FOUND +KEY_NOT_FOUND$", mappings.text, re.MULTILINE)
    assert "KeyService/Encrypt" in commands("providers", "show", "nhn-keys").text
