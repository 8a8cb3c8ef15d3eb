"""Command line of the gateway.

Exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import grpc
import uvloop
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway import app, logs
from gateway.config import ConfigError, LogSettings
from gateway.server.assembly import GatewayServer

_DEFAULT_LISTEN: Final = "127.0.0.1:50051"
_DEFAULT_STATE: Final = Path(".keyway/emulators")

_EXAMPLES: Final = (
    ("CertificateService/ListCertificates", {"parent": "providers/-"}),
    ("KeyService/Encrypt", {"name": "providers/nhn-keys/keys/orders-key", "plaintext": "aGVsbG8="}),
    ("ProviderService/CheckProvider", {"name": "providers/asteria"}),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; answers the exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], Coroutine[Any, Any, int]] = options.command
    logs.configure(LogSettings(level=options.log_level, format=options.log_format))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(command(options))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"keyway: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1


async def _serve(options: argparse.Namespace) -> int:
    if options.config is not None:
        overrides = {"listen": options.listen} if options.listen is not None else {}
        settings = app.load_config(options.config, **overrides)
        logs.configure(settings.log)
        async with app.gateway(settings) as server:
            _announce(server)
            await app.until_signalled()
        return 0
    listen = options.listen or _DEFAULT_LISTEN
    async with app.demonstration(listen, _state(options)) as settings, app.gateway(settings) as server:
        _announce(server)
        print("\nTry, in another terminal:", *_examples(server.address), sep="\n", flush=True)
        await app.until_signalled()
    return 0


async def _emulate(options: argparse.Namespace) -> int:
    async with app.emulators(_state(options), fixed_ports=True) as running:
        for kind, host in running.items():
            print(f"{kind}: {host.url} (control: {host.control_url})", flush=True)
        await app.until_signalled()
    return 0


async def _check_config(options: argparse.Namespace) -> int:
    settings = app.load_config(options.config)
    names = ", ".join(f"{provider.id} ({provider.type})" for provider in settings.providers) or "none"
    print(f"{options.config}: valid; listens on {settings.listen}; providers: {names}")
    return 0


async def _health(options: argparse.Namespace) -> int:
    async with grpc.aio.insecure_channel(options.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its published type has no methods
        request = health_pb2.HealthCheckRequest(service=options.service)
        try:
            answer = await stub.Check(request, timeout=options.timeout)
        except grpc.aio.AioRpcError as error:
            print(f"keyway: {error.code().name}", file=sys.stderr)
            return 1
    print(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


def _announce(server: GatewayServer) -> None:
    """The line that says from when on calls are taken, for people and for programs that started us."""
    print(f"keyway: serving on {server.address}", flush=True)


def _examples(address: str) -> list[str]:
    """Calls to try, one shell line each."""
    curl = f"{_buf()} curl --protocol grpc --http2-prior-knowledge"
    return [f"{curl} -d '{json.dumps(data)}' http://{address}/keyway.v1.{method}" for method, data in _EXAMPLES]


def _state(options: argparse.Namespace) -> Path | None:
    return None if options.ephemeral else options.state


def _buf() -> str:
    """The `buf` beside this interpreter, as short as it can be typed."""
    beside = Path(sys.prefix, "bin", "buf")
    if not beside.exists():
        return "buf"
    return str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gateway", description="Keyway: one gRPC contract over many upstreams."
    )
    parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    parser.add_argument(
        "--log-format", default="console" if sys.stderr.isatty() else "json", choices=("json", "console")
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="serve the gateway; without --config over the embedded emulators")
    serve.add_argument("--config", type=Path, metavar="FILE", help="YAML configuration")
    serve.add_argument("--listen", metavar="HOST:PORT", help=f"overrides the configuration; default {_DEFAULT_LISTEN}")
    _add_state(serve)
    serve.set_defaults(command=_serve)

    emulate = commands.add_parser("emulate", help="run the emulators alone, on fixed ports")
    _add_state(emulate)
    emulate.set_defaults(command=_emulate)

    check = commands.add_parser("check-config", help="check a configuration file, asking no upstream")
    check.add_argument("config", type=Path, metavar="FILE")
    check.set_defaults(command=_check_config)

    health = commands.add_parser("health", help="ask a running gateway for its health")
    health.add_argument("--address", default=_DEFAULT_LISTEN, metavar="HOST:PORT")
    health.add_argument("--service", default="", help="a full service name; default: the gateway as a whole")
    health.add_argument("--timeout", type=float, default=3.0, metavar="SECONDS")
    health.set_defaults(command=_health)
    return parser


def _add_state(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state", type=Path, default=_DEFAULT_STATE, metavar="DIR", help="where emulators keep their state"
    )
    parser.add_argument("--ephemeral", action="store_true", help="emulators keep their state in memory")


if __name__ == "__main__":
    sys.exit(main())
