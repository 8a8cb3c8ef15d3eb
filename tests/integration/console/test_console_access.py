"""Which requests the console accepts: host, origin, token, cookie, headers, and the idle timeout."""

import asyncio
import signal
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from tests.support.console import RecordingBrowser, RunningConsole, running_console

NOTHING = ("--address", "127.0.0.1:1")
"""No gateway: the console answers without one."""
PAGES = ("/certificates", "/providers", "/audit", "/journal")


@pytest.fixture(scope="module")
async def console(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningConsole]:
    async with running_console(tmp_path_factory.mktemp("console"), *NOTHING) as console:
        yield console


@pytest.fixture(scope="module")
async def session(console: RunningConsole) -> AsyncIterator[aiohttp.ClientSession]:
    async with console.entered() as session:
        yield session


async def test_token_is_exchanged_once_for_a_cookie_and_leaves_the_url(tmp_path: Path) -> None:
    async with running_console(tmp_path, *NOTHING) as console, aiohttp.ClientSession() as unauthenticated:
        first = await unauthenticated.get(console.link, allow_redirects=False)
        second = await unauthenticated.get(console.link, allow_redirects=False)
    assert first.status == 303
    assert first.headers["Location"] == "/"
    cookie = first.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert URL(console.link).query["token"] not in cookie
    assert second.status == 403
    assert "Each link works only once" in await second.text()
    assert "Set-Cookie" not in second.headers


@pytest.mark.parametrize("path", ["/", *PAGES, "/certificates/show?name=x", "/audit/call?id=x", "/unknown"])
@pytest.mark.usefixtures("session")
async def test_page_without_the_cookie_is_rejected(console: RunningConsole, path: str) -> None:
    async with aiohttp.ClientSession(cookies={f"keyway-console-{URL(console.link).port}": "guess"}) as unauthenticated:
        response = await unauthenticated.get(console.origin + path, allow_redirects=False)
        assert response.status == 403
        assert "no session" in await response.text()


@pytest.mark.parametrize("host", ["attacker.example", "attacker.example:{port}", "127.0.0.1", "127.0.0.1:1", ""])
async def test_other_host_name_is_rejected(session: aiohttp.ClientSession, console: RunningConsole, host: str) -> None:
    name = host.format(port=URL(console.link).port)
    for path in (*PAGES, "/enter?token=x", "/static/console.css"):
        response = await session.get(path, headers={"Host": name})
        assert response.status == 403
        assert "another host name" in await response.text()


async def test_localhost_is_accepted(session: aiohttp.ClientSession, console: RunningConsole) -> None:
    response = await session.get("/journal", headers={"Host": f"localhost:{URL(console.link).port}"})
    assert response.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_request_of_another_site_is_rejected(session: aiohttp.ClientSession, headers: dict[str, str]) -> None:
    for path in PAGES:
        assert (await session.get(path, headers=headers)).status == 403
    assert (await session.post("/journal/verify", headers=headers)).status == 403


async def test_form_needs_the_origin_of_the_console(session: aiohttp.ClientSession, console: RunningConsole) -> None:
    without = await session.post("/journal/verify")
    own = await session.post("/journal/verify", headers={"Origin": console.origin})
    assert (without.status, own.status) == (403, 200)


@pytest.mark.parametrize("path", [*PAGES, "/unknown", "/static/console.js"])
async def test_headers_forbid_inline_scripts_frames_and_caching(session: aiohttp.ClientSession, path: str) -> None:
    response = await session.get(path)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    text = await response.text()
    if response.content_type == "text/html":
        assert " style=" not in text
        assert "<style" not in text
        assert text.count("<script") == text.count('<script src="/static/')
        assert "http://" not in text.replace(console_origin(response), "")
        assert "https://" not in text


def console_origin(response: aiohttp.ClientResponse) -> str:
    return str(response.url.origin())


def addresses_with_port(port: int) -> set[str]:
    """Return the local addresses of all sockets with this port, as /proc writes them."""
    tables = [file for name in ("tcp", "tcp6") if (file := Path("/proc/net", name)).exists()]
    rows = [line.split()[1] for file in tables for line in file.read_text().splitlines()[1:]]
    return {row.split(":")[0] for row in rows if row.endswith(f":{port:04X}")}


async def test_listener_is_on_loopback_only(console: RunningConsole) -> None:
    assert URL(console.link).host == "127.0.0.1"
    assert addresses_with_port(URL(console.link).port or 0) == {"0100007F"}


async def test_page_shows_why_the_gateway_does_not_answer(session: aiohttp.ClientSession) -> None:
    for path in PAGES:
        text = await (await session.get(path)).text()
        assert "The console cannot connect to the gateway." in text
        assert "Nothing listens on this address" in text


async def test_unknown_path_is_an_error_page(session: aiohttp.ClientSession) -> None:
    response = await session.get("/static/../access.py")
    assert response.status == 404
    assert "404" in await response.text()


@pytest.mark.parametrize(
    "path",
    [
        "/certificates/show?name=%ff%ed%a0%80",
        "/certificates?within=%00&provider=%ff",
        "/audit?since=%ff&caller=%00%0a&status=none",
        "/audit/call",
        "/audit/call?id=%00",
    ],
)
async def test_invalid_parameters_are_no_internal_error(
    session: aiohttp.ClientSession, console: RunningConsole, path: str
) -> None:
    assert (await session.get(URL(console.origin + path, encoded=True))).status == 200


async def test_invalid_requests_are_rejected(session: aiohttp.ClientSession, console: RunningConsole) -> None:
    own = {"Origin": console.origin}
    large = {"name": "x" * 20_000}
    assert (await session.post("/providers/check", headers=own, data=large)).status == 413
    assert (await session.delete("/audit", headers=own)).status == 405
    assert (await session.head("/enter?token=x")).status == 405
    async with aiohttp.ClientSession() as unauthenticated:
        cookie = f"keyway-console-{URL(console.link).port}=\udcff"
        assert (await unauthenticated.get(f"{console.origin}/audit", headers={"Cookie": cookie})).status == 403


async def test_missing_token_file_is_explained(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("x")
    options = ("--address", "127.0.0.1:1", "--token-file", token)
    async with running_console(tmp_path, *options) as console, console.entered() as session:
        token.unlink()
        text = await (await session.get("/providers")).text()
        assert "The console cannot read your credentials." in text
        assert f"{token}: No such file or directory." in text


async def test_interrupted_console_ends_without_traceback(tmp_path: Path) -> None:
    async with running_console(tmp_path, *NOTHING) as console, console.entered():
        console.process.send_signal(signal.SIGINT)
        assert console.process.stdout is not None
        async with asyncio.timeout(10):
            rest = (await console.process.stdout.read()).decode()
            assert await console.process.wait() == 130
        assert "Traceback" not in rest
        assert "keyway: interrupted" in rest


async def test_idle_console_stops(tmp_path: Path) -> None:
    program = "import keyway.cli.console as c; c._MINUTE = 0.4; import keyway_cli; keyway_cli.main()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, "console", "--no-browser", "--idle-minutes", "1", *NOTHING),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        _, errors = await process.communicate()
    assert process.returncode == 0
    assert b"after 1 min without a request" in errors


def check_private_file(argument: str, token: str) -> None:
    file = Path(URL(argument).path)
    assert token in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


async def test_browser_opens_a_private_file_without_the_token_on_its_command_line(tmp_path: Path) -> None:
    browser = RecordingBrowser(tmp_path)
    async with running_console(tmp_path, *NOTHING, browser=browser.command) as console:
        token = URL(console.link).query["token"]
        argument = await browser.arguments()
        assert token not in argument
        check_private_file(argument, token)


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\0\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n"])
async def test_invalid_http_of_another_program_is_not_printed(tmp_path: Path, sent: bytes) -> None:
    async with running_console(tmp_path, "--address", "127.0.0.1:1") as console:
        url = URL(console.origin)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(sent)
        assert b" 400 " in await reader.readline()
        writer.close()
        console.process.send_signal(signal.SIGINT)
        assert console.process.stdout is not None
        assert b"Traceback" not in await console.process.stdout.read()


async def test_error_of_the_console_has_a_page_and_is_printed(tmp_path: Path) -> None:
    async with running_console(tmp_path, "--address", "127.0.0.1:1") as console:
        async with console.entered() as session:
            headers = {"Origin": console.origin, "Content-Type": "multipart/form-data; boundary=x"}
            body = b"--x\r\n\r\nvalue\r\n--x--\r\n"
            async with session.post("/providers/check", data=body, headers=headers) as response:
                assert response.status == 500
                assert "The console has an error" in await response.text()
                assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        console.process.send_signal(signal.SIGINT)
        assert console.process.stdout is not None
        assert b"The console could not answer POST /providers/check" in await console.process.stdout.read()
