"""The commands of docs/rest.md, run as printed with curl and through Envoy."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from deploy.envoy.rest_demo import CURLRC
from gateway.contract.methods import METHODS, Method
from tests.support import programs
from tests.support.docs import blocks, page
from tests.support.rest import Rest, running_rest
from tests.support.tools import execute
from tests.support.waiting import eventually

PAGE: Final = "docs/rest.md"
FOLDER: Final = "cd build/rest"
URL: Final = "https://localhost:8443"
STATUS: Final = "keyway-status"
DENIED: Final = "secrets/demo-secret"
SECONDS: Final = 150.0


def scripts(rest: Rest, folder: Path) -> tuple[str, str]:
    """Return the commands of the page as two programs: those before the queries of audit records, and the queries.

    They write the status of each request to their errors.
    """
    first, *others, queries = blocks(PAGE, "sh")
    assert FOLDER in first
    assert URL in first
    assert "/auditLogs/" in queries
    curlrc = (rest.folder / CURLRC).read_text()
    (folder / CURLRC).write_text(f'{curlrc}write-out = "%{{stderr}}{STATUS} %{{http_code}} %{{url}}\\n"\n')
    begin = "set -euo pipefail\n" + first.replace(FOLDER, f"cd {folder}").replace(URL, rest.url)
    return begin + "".join(others), begin + queries


def statuses(errors: str) -> Iterator[tuple[str, int]]:
    """Yield the URL and the status of each request."""
    for status, url in re.findall(rf"{STATUS} (\d+) (\S+)", errors):
        yield url, int(status)


async def test_every_command_works_and_every_method_is_called(tmp_path: Path) -> None:
    programs.program("curl")
    programs.program("openssl")
    (tmp_path / "commands").mkdir()
    async with running_rest(tmp_path / "rest") as rest:
        calls, queries = scripts(rest, tmp_path / "commands")
        finished = await execute("bash", "-c", calls, folder=tmp_path, seconds=SECONDS)
        assert finished.code == 0, finished.errors
        await rest.get_indexed("/v1/auditLogs/-/records?filter.action=Encrypt")
        queried = await execute("bash", "-c", queries, folder=tmp_path, seconds=SECONDS)
        assert queried.code == 0, queried.errors
        found = dict(statuses(finished.errors + queried.errors))
        assert {url: status for url, status in found.items() if status != 200 and DENIED not in url} == {}
        assert [status for url, status in found.items() if DENIED in url] == [403]
        await eventually(lambda: every_method_is_recorded(rest), seconds=60)


async def every_method_is_recorded(rest: Rest) -> bool:
    """Return whether the index has a call through REST of every method."""
    target = "/v1/auditLogs/-/records:summarize?groupBy=AUDIT_DIMENSION_ACTION&filter.surface=rest"
    groups = (await rest.send("GET", target)).json()["groups"]
    called = {group["values"][0].removesuffix("WithPrivateKey") for group in groups}
    return called >= {method.name for method in METHODS}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_reference_has_the_path_of_every_method(method: Method) -> None:
    section = page("docs/api.md").partition(f"\n### {method.name}\n")[2].partition("\n### ")[0]
    assert "REST: `" in section
