"""A list of 400 certificates with long, Korean, and Japanese texts, on terminals of several widths."""

import datetime as dt
from collections.abc import Iterator

import pytest

from keyway.terminal.text import width
from keyway.testing import Sandbox
from tests.clients.python.cli.commands import Commands

pytestmark = pytest.mark.xdist_group("sandbox")
UPSTREAM = "nhn-certificate-manager"
COUNT = 400
FORMS = (
    "www{number}.example.com",
    "주문서비스{number}.결제.예시회사.example.co.kr",
    "api-gateway-{number}.internal.orders.production.ap-northeast-2.k8s.example.com",
    "인증서-예시-아주-긴-이름을-가진-서비스의-인증서-{number}번",
    "*.shop{number}.example.com",
)
AUTHORITIES = ("Example CA", "キーウェイ認証局 東京第一ルート認証センター", "한국정보인증 공동인증서 발급기관", "R13")


@pytest.fixture(scope="module")
def large(keyway_sandbox: Sandbox) -> Iterator[list[str]]:
    """The names of 400 certificates, which the upstream holds during the tests of this module."""
    names = [f"nhn-certs/{FORMS[number % len(FORMS)].format(number=number)}" for number in range(COUNT)]
    today = dt.date.today()
    certificates = [
        {
            "name": name.removeprefix("nhn-certs/"),
            "authority": AUTHORITIES[number % len(AUTHORITIES)],
            "expiration_date": str(today + dt.timedelta(days=number * 3 + 5)),
            "domains": [],
        }
        for number, name in enumerate(names)
    ]
    keyway_sandbox.control(UPSTREAM, "POST", "/reset", {"seed": False})
    keyway_sandbox.control(UPSTREAM, "POST", "/seed", {"app_keys": ["certmanager-demo"], "certificates": certificates})
    yield names
    keyway_sandbox.reset()


def screen(commands: Commands, columns: int, *arguments: str) -> list[str]:
    listing = ("certs", "list", "--provider", "nhn-certs", "--no-pager", *arguments)
    with commands.on_terminal(*listing, columns=columns, NO_COLOR="1") as terminal:
        assert terminal.ended() == 0
        return terminal.screen.splitlines()


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_large_list_fits_the_terminal(commands: Commands, large: list[str], columns: int) -> None:
    head, *rows, last = screen(commands, columns)
    assert max(map(width, (head, *rows))) <= columns
    assert last == f"{COUNT} certificates"
    assert ("Authority" in head) == (columns >= 80)
    # The second and following lines of a row are indented. Together, they contain the whole name.
    room = width(head[: head.index("Authority" if columns >= 80 else "Expires")]) - 2
    found: list[str] = []
    for row in rows:
        part = cells(row, room).rstrip()
        if part.startswith("  "):
            found[-1] += part.strip()
        else:
            found.append(part)
    assert sorted(found) == sorted(large)
    # The days are the last column of each row, and end in the same cell.
    assert {width(row) for row in rows if row.endswith(" days")} == {width(head)}


def test_long_authorities_end_in_an_ellipsis(commands: Commands, large: list[str]) -> None:
    narrow, wide = screen(commands, 80), screen(commands, 200)
    assert any("キーウェイ…" in row for row in narrow)
    assert sum(AUTHORITIES[1] in row for row in wide) == COUNT // len(AUTHORITIES)
    assert "…" not in "".join(wide)


def test_pipe_receives_one_complete_line_per_certificate(commands: Commands, large: list[str]) -> None:
    ran = commands("certs", "list", "--provider", "nhn-certs", "--sort", "name")
    assert [row.split()[0] for row in ran.lines[1:]] == sorted(large, key=str.casefold)


def test_fingerprints_are_wrapped_between_bytes(commands: Commands, keyway_sandbox: Sandbox) -> None:
    keyway_sandbox.reset()
    with commands.on_terminal("certs", "show", "nhn-certs/www.example.com", columns=50, NO_COLOR="1") as terminal:
        assert terminal.ended() == 0
        lines = terminal.screen.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("SHA-256"))
    value = lines[start].removeprefix("SHA-256").strip()
    parts = [value, *(line.strip() for line in lines[start + 1 : start + 3])]
    assert len("".join(parts)) == 95
    assert all(part.endswith(":") for part in parts[:-1])


def cells(text: str, count: int) -> str:
    """Return the part of a text that takes this number of cells."""
    end = 0
    while end < len(text) and width(text[: end + 1]) <= count:
        end += 1
    return text[:end]
