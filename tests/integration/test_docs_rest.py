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

PAGE: Final = "docs/rest.md"
FOLDER: Final = "cd build/rest"
URL: Final = "https://localhost:8443"
STATUS: Final = "keyway-status"
DENIED: Final = "secrets/demo-secret"
SECONDS: Final = 150.0


def script(rest: Rest, folder: Path) -> str:
    """Return all commands of the page as one program, which writes the status of each request to its errors."""
    text = "".join(blocks(PAGE, "sh"))
    assert FOLDER in text
    assert URL in text
    curlrc = (rest.folder / CURLRC).read_text()
    (folder / CURLRC).write_text(f'{curlrc}write-out = "%{{stderr}}{STATUS} %{{http_code}} %{{url}}\\n"\n')
    return "set -euo pipefail\n" + text.replace(FOLDER, f"cd {folder}").replace(URL, rest.url)


def statuses(errors: str) -> Iterator[tuple[str, int]]:
    """Yield the URL and the status of each request."""
    for status, url in re.findall(rf"{STATUS} (\d+) (\S+)", errors):
        yield url, int(status)


async def test_every_command_works_and_every_method_is_called(tmp_path: Path) -> None:
    programs.program("curl")
    programs.program("openssl")
    (tmp_path / "commands").mkdir()
    async with running_rest(tmp_path / "rest") as rest:
        command = script(rest, tmp_path / "commands")
        finished = await execute("bash", "-c", command, folder=tmp_path, seconds=SECONDS)
        assert finished.code == 0, finished.errors
        found = dict(statuses(finished.errors))
        assert {url: status for url, status in found.items() if status != 200 and DENIED not in url} == {}
        assert [status for url, status in found.items() if DENIED in url] == [403]
        target = "/v1/auditLogs/-/records:summarize?groupBy=AUDIT_DIMENSION_ACTION&filter.surface=rest"
        groups = (await rest.send("GET", target)).json()["groups"]
    called = {group["values"][0].removesuffix("WithPrivateKey") for group in groups}
    assert called >= {method.name for method in METHODS}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_reference_has_the_path_of_every_method(method: Method) -> None:
    section = page("docs/api.md").partition(f"\n### {method.name}\n")[2].partition("\n### ")[0]
    assert "REST: `" in section
