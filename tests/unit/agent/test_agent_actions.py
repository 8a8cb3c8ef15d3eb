"""Checks and reloads of the agent: real programs, signals, and HTTP servers."""

import asyncio
import base64
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from keyway.agent.actions import ActionError, CommandAction, HttpAction, SignalAction
from tests.support.waiting import eventually

SECONDS = 60.0


async def failure(action: CommandAction | SignalAction | HttpAction) -> str:
    """Return the error of an action that fails."""
    with pytest.raises(ActionError) as caught:
        await action.run()
    return str(caught.value)


def is_running(process: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


async def test_command_that_succeeds() -> None:
    await CommandAction(("sh", "-c", "exit 0"), SECONDS).run()


async def test_command_runs_without_a_shell(tmp_path: Path) -> None:
    await CommandAction(("touch", f"{tmp_path}/a b; $HOME"), SECONDS).run()
    assert os.listdir(tmp_path) == ["a b; $HOME"]


async def test_failed_command_states_its_last_lines() -> None:
    action = CommandAction(("sh", "-c", "echo one; echo two >&2; printf 'thr\\033ee\\n'; exit 3"), SECONDS)
    assert await failure(action) == "sh failed with exit code 3: two / thr?ee"


async def test_missing_program_is_named() -> None:
    action = CommandAction(("/nonexistent/reload", "now"), SECONDS)
    assert await failure(action) == "cannot start /nonexistent/reload: No such file or directory"


async def test_command_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    child = tmp_path / "child"
    action = CommandAction(("sh", "-c", f"sleep 1000 & echo $! > {child}; wait"), 3)
    assert await failure(action) == "sh did not end within 3 s"
    process = int(child.read_text())

    async def has_ended() -> bool:
        return not is_running(process)

    await eventually(has_ended)


async def test_program_in_the_background_does_not_delay_the_command(tmp_path: Path) -> None:
    child = tmp_path / "child"
    async with asyncio.timeout(SECONDS):
        await CommandAction(("sh", "-c", f"sleep 1000 & echo $! > {child}"), SECONDS * 2).run()
    os.kill(int(child.read_text()), signal.SIGKILL)


async def test_output_of_a_program_in_the_background_does_not_end_it(tmp_path: Path) -> None:
    go_on, done = tmp_path / "go_on", tmp_path / "done"
    waiting = f"while ! test -e {go_on}; do sleep 0.1; done"
    script = f"({waiting}; echo output; touch {done}) &"
    await CommandAction(("sh", "-c", script), SECONDS).run()
    go_on.touch()

    async def is_done() -> bool:
        return done.exists()

    await eventually(is_done)


async def test_signal_reaches_the_process(tmp_path: Path) -> None:
    code = "import signal, sys; signal.signal(signal.SIGHUP, lambda *_: sys.exit(7)); print(flush=True); signal.pause()"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()  # it has installed the handler
    (tmp_path / "pid").write_text(f"{process.pid}\n")
    action = SignalAction(signal.SIGHUP, tmp_path / "pid")
    await action.run()
    assert await asyncio.wait_for(process.wait(), SECONDS) == 7
    assert await failure(action) == f"the process in {tmp_path}/pid does not run"


@pytest.mark.parametrize("content", ["", "nginx", "0", "1", "-1", "9" * 30])
async def test_pid_file_must_name_one_process(tmp_path: Path, content: str) -> None:
    (tmp_path / "pid").write_text(content)
    expected = f"{tmp_path}/pid does not contain a process ID"
    assert await failure(SignalAction(signal.SIGHUP, tmp_path / "pid")) == expected


async def test_missing_pid_file_is_named(tmp_path: Path) -> None:
    expected = f"cannot send SIGHUP to {tmp_path}/pid: No such file or directory"
    assert await failure(SignalAction(signal.SIGHUP, tmp_path / "pid")) == expected


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    """A server that responds as the path states, and requires basic authentication at `/password`."""

    async def respond(request: web.Request) -> web.Response:
        if request.path == "/redirect":
            raise web.HTTPFound("/200")
        if request.path == "/fail":
            return web.Response(text="FAIL - no such host\n")
        if request.path == "/password":
            expected = f"Basic {base64.b64encode(b'agent:marker').decode()}"
            return web.Response(status=200 if request.headers.get("Authorization") == expected else 401)
        return web.Response(status=int(request.path[1:]), text=request.method)

    app = web.Application()
    app.router.add_route("*", "/{path}", respond)
    served = TestServer(app)
    async with served:
        yield served


def request(server: TestServer, path: str, *, method: str = "POST", password: Path | None = None) -> HttpAction:
    username = None if password is None else "agent"
    return HttpAction(str(server.make_url(path)), method, username, password, SECONDS)


@pytest.mark.parametrize("status", [200, 204])
async def test_request_with_a_2xx_response_succeeds(server: TestServer, status: int) -> None:
    await request(server, f"/{status}").run()


async def test_request_without_a_2xx_response_fails(server: TestServer) -> None:
    text = await failure(request(server, "/500", method="PUT"))
    assert text == f"PUT {server.make_url('/500')} returned 500: PUT"
    text = await failure(request(server, "/redirect"))
    assert text.startswith(f"POST {server.make_url('/redirect')} returned 302: ")


async def test_failure_of_tomcat_has_the_status_200(server: TestServer) -> None:
    assert (await failure(request(server, "/fail"))).endswith("/fail returned 200: FAIL - no such host")


async def test_request_has_the_password_and_no_error_has_it(server: TestServer, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("marker\n")
    await request(server, "/password", password=tmp_path / "password").run()
    text = await failure(request(server, "/500?token=marker", password=tmp_path / "password"))
    assert "500" in text
    assert "marker" not in text
    text = await failure(request(server, "/200", password=tmp_path / "missing"))
    assert "No such file or directory" in text


async def test_server_that_does_not_respond_fails_in_time() -> None:
    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(ignore, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        action = HttpAction(f"http://127.0.0.1:{port}/reload", "POST", None, None, 1)
        text = await asyncio.wait_for(failure(action), SECONDS)
    assert text == f"POST http://127.0.0.1:{port}/reload failed: timed out"
