"""REST/JSON on this machine: Envoy with rest.yaml in front of a gateway with emulated upstreams (`make rest`).

The gateway is that of the sandbox for callers with bearer tokens. The folder then contains `curlrc`, a configuration of
curl with the CA certificate and the token of a caller.
"""

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

from gateway.cli.sandbox import credentials
from gateway.cli.sandbox.gateways import sandbox
from gateway.cli.signals import stop_event

SHIPPED: Final = Path(__file__).parent
PORT: Final = 8443
CURLRC: Final = "curlrc"
_OPTIONS: Final = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")
_START_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.05


def main() -> int:
    """Run until a stop signal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--envoy", type=Path, required=True, help="path of the Envoy program")
    parser.add_argument("--folder", type=Path, required=True, help="folder for the files; created if necessary")
    parser.add_argument("--port", type=int, default=PORT, help="port of the REST interface (default: %(default)s)")
    return asyncio.run(_run(parser.parse_args()))


async def _run(options: argparse.Namespace) -> int:
    stop = stop_event()
    options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="gateway-") as gateway:
        async with rest_demo(options.envoy, Path(gateway), options.port) as ready:
            curlrc = options.folder / CURLRC
            curlrc.unlink(missing_ok=True)
            curlrc.symlink_to((Path(gateway) / CURLRC).absolute())
            print(f"keyway: REST on {ready['rest']}; try: curl -K {curlrc} {ready['rest']}/v1/providers", flush=True)
            await stop.wait()
            curlrc.unlink(missing_ok=True)
    return 0


@contextlib.asynccontextmanager
async def rest_demo(envoy: Path, folder: Path, port: int) -> AsyncIterator[Mapping[str, Any]]:
    """Run the gateway and Envoy with their files in `folder`. Yield the values of the sandbox, and the URL as `rest`.

    Raises RuntimeError if Envoy does not start.
    """
    os.makedirs(folder, exist_ok=True)
    async with sandbox(folder) as ready:
        config = folder / "rest.yaml"
        config.write_text(configuration(folder, ready["jwt"], port))
        write_curlrc(folder, ready["token"])
        async with running_envoy(envoy, config, port):
            yield {**ready, "rest": f"https://localhost:{port}"}


def configuration(folder: Path, gateway: str, port: int) -> str:
    """Return rest.yaml for a gateway on this machine. gateway: its HOST:PORT. port: of Envoy."""
    text = (SHIPPED / "rest.yaml").read_text()
    replaced = {
        "/run/keyway/": f"{folder}/",
        "/etc/envoy/": f"{SHIPPED}/",
        "issuer: https://issuer.example.org": f"issuer: {credentials.ISSUER}",
        "audiences: [keyway]": f"audiences: [{credentials.AUDIENCE}]",
        f"address: 0.0.0.0, port_value: {PORT}": f"address: 127.0.0.1, port_value: {port}",
        "port_value: 50052": f"port_value: {gateway.rpartition(':')[2]}",
        "port_value: 9902": "port_value: 0",
    }
    for shipped, own in replaced.items():
        if shipped not in text:
            raise LookupError(f"{shipped} is not in rest.yaml")
        text = text.replace(shipped, own)
    return text


def write_curlrc(folder: Path, token: str) -> None:
    """Write the configuration of curl. Only the owner can read it."""
    lines = (
        f'cacert = "{folder.absolute()}/ca.pem"',
        f'header = "Authorization: Bearer {token}"',
        'header = "Content-Type: application/json"',
        "silent",
        "show-error",
    )
    (folder / CURLRC).touch(0o600)
    (folder / CURLRC).write_text("\n".join(lines) + "\n")


@contextlib.asynccontextmanager
async def running_envoy(envoy: Path, config: Path, port: int) -> AsyncIterator[None]:
    """Run Envoy. config: its file, which names the log. port: of its listener. Raises RuntimeError if it fails."""
    log = config.with_suffix(".log")
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(str(envoy), "-c", str(config), *_OPTIONS),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={"PATH": os.environ["PATH"]},
        )
    try:
        if not await _listens(process, port):
            raise RuntimeError(f"Envoy does not listen on port {port}: {log.read_text(errors='replace')[-1000:]}")
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _listens(process: asyncio.subprocess.Process, port: int) -> bool:
    loop = asyncio.get_running_loop()
    end = loop.time() + _START_SECONDS
    while process.returncode is None and loop.time() < end:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return process.returncode is None
        await asyncio.sleep(_PAUSE_SECONDS)
    return False


if __name__ == "__main__":
    sys.exit(main())
