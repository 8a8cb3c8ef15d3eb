"""Command line of the gateway.

Exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration.
"""

import argparse
import asyncio
import contextlib
import json
import math
import resource
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import grpc
import uvloop
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway import app, gateway_settings, logs
from gateway.audit import commands as audit_commands
from gateway.authz import commands as policy_commands
from gateway.authz.settings import PolicySettings
from gateway.config.base import ConfigError
from gateway.gateway_settings import GatewaySettings, LogSettings
from gateway.journal.settings import AuditSettings
from gateway.journal.ship.shipper import run_shipper
from gateway.workers.errors import start_error_of
from gateway.workers.supervisor import Supervisor

_DEFAULT_LISTEN: Final = "127.0.0.1:50051"
_SERVE_STATE: Final = Path(".keyway/serve")
_EMULATE_STATE: Final = Path(".keyway/emulate")

_EXAMPLES: Final = (
    ("CertificateService/ListCertificates", {"parent": "providers/-"}),
    ("KeyService/Encrypt", {"name": "providers/nhn-keys/keys/orders-key", "plaintext": "aGVsbG8="}),
    ("ProviderService/CheckProvider", {"name": "providers/asteria"}),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; answers the exit code."""
    options = _parser().parse_args(arguments)
    _leave_no_core_dump()
    command: Callable[[argparse.Namespace], Coroutine[Any, Any, int]] = options.command
    logs.configure(_log_settings(options))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(command(options))
    except KeyboardInterrupt:
        return 1
    except Exception as error:
        if (fault := start_error_of(error)) is None:
            raise
        _complain(*fault.lines)
        return fault.code


def _leave_no_core_dump() -> None:
    """The memory holds keys and passwords; that of the processes which this one starts, too.

    One byte, not none: that also stops the kernel from handing the dump to a program, which no limit of 0 does.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    most = 0 if hard == 0 else 1
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


async def _serve(options: argparse.Namespace) -> int:
    stop = _Stop()
    if options.config is not None:
        if options.ephemeral or options.state is not None:
            raise ConfigError("--state and --ephemeral are for the embedded emulators, which --config does without")
        flags = {"listen": options.listen, "workers": options.workers}
        overrides = {key: value for key, value in flags.items() if value is not None}

        def load() -> GatewaySettings:
            settings = app.load_config(options.config, **overrides)
            logs.configure(_log_settings(options, settings.log))
            return settings

        await _serve_until(stop, load(), load, options, _announce)
        return 0
    listen, state = options.listen or _DEFAULT_LISTEN, _state(options, _SERVE_STATE)
    from gateway.demo import demonstration  # noqa: PLC0415 - half a second that a gateway in earnest spares

    async with demonstration(listen, state, options.workers or 1) as settings:

        def announce(address: str) -> None:
            _announce(address)
            _introduce(address, settings)

        await _serve_until(stop, settings, lambda: settings, options, announce)
    return 0


class _Stop:
    """event: set by the first signal. at_once: what a second one does beside ending this process."""

    def __init__(self) -> None:
        self.at_once = contextlib.ExitStack()
        self.event = app.stop_signal(self.at_once.close)


async def _serve_until(
    stop: _Stop,
    settings: GatewaySettings,
    load: Callable[[], GatewaySettings],
    options: argparse.Namespace,
    announce: Callable[[str], None],
) -> None:
    """Serve here, or with several workers. load: the settings anew."""
    if settings.workers == 1:
        async with app.gateway(settings) as server:
            app.settle()
            announce(server.address)
            await stop.event.wait()
        return
    supervisor = Supervisor(settings, load=load, log=lambda new: _log_settings(options, new.log))
    stop.at_once.callback(supervisor.kill)
    await supervisor.run(stop.event, announce)


async def _emulate(options: argparse.Namespace) -> int:
    stop = app.stop_signal()
    from gateway.demo import emulators  # noqa: PLC0415

    async with emulators(_state(options, _EMULATE_STATE), fixed_ports=True) as running:
        for kind, host in running.items():
            print(f"{kind}: {host.url} (control: {host.control_url})", flush=True)
        await stop.wait()
    return 0


async def _sandbox(_options: argparse.Namespace) -> int:
    from gateway import sandbox  # noqa: PLC0415

    await sandbox.run(app.stop_signal())
    return 0


async def _check_config(options: argparse.Namespace) -> int:
    settings = app.load_config(options.config)
    names = ", ".join(f"{provider.id} ({provider.type})" for provider in settings.providers) or "none"
    print(f"{options.config}: valid; listens on {settings.listen}; providers: {names}")
    return 0


async def _policy_check(options: argparse.Namespace) -> int:
    print(policy_commands.check(_policy(options)))
    return 0


async def _policy_explain(options: argparse.Namespace) -> int:
    """Whatever the decision is, it was found: the exit code is that of a command that did what it was asked."""
    print(policy_commands.explained(_policy(options), options))
    return 0


def _policy(options: argparse.Namespace) -> PolicySettings | None:
    """Nothing else of the configuration: policies are checked where the gateway's secrets are not."""
    return gateway_settings.load_section(options.config, "policy", PolicySettings)


async def _policy_schema(_options: argparse.Namespace) -> int:
    print(policy_commands.schema())
    return 0


async def _audit_ship(options: argparse.Namespace) -> int:
    """Nothing else of the configuration, as for policies."""
    stop = app.stop_signal()
    audit = gateway_settings.load_section(options.config, "audit", AuditSettings)
    if audit is None or audit.ship is None:
        raise ConfigError(f"{options.config}: audit.ship: is missing")
    await run_shipper(audit.directory, audit.ship, stop)
    return 0


async def _health(options: argparse.Namespace) -> int:
    async with grpc.aio.insecure_channel(options.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its published type has no methods
        request = health_pb2.HealthCheckRequest(service=options.service)
        try:
            answer = await stub.Check(request, timeout=options.timeout)
        except grpc.aio.AioRpcError as error:
            _complain(f"{options.address}: {error.code().name}: {_HEALTH_FAULTS.get(error.code(), error.details())}")
            return 1
    print(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


_HEALTH_FAULTS: Final[Mapping[grpc.StatusCode, str]] = {
    grpc.StatusCode.UNAVAILABLE: "no gateway can be reached there in clear; where it serves TLS, ask its health_listen",
    grpc.StatusCode.DEADLINE_EXCEEDED: "it did not answer in time",
    grpc.StatusCode.NOT_FOUND: "it has no such service",
}


def _announce(address: str) -> None:
    """The line that says from when on calls are taken, for people and for programs that started us."""
    print(f"keyway: serving on {address}", flush=True)


def _introduce(address: str, settings: GatewaySettings) -> None:
    """What there is to try over the emulators."""
    print("keyway: over emulators, nothing here is real; --config serves your providers")
    print("\nTry, in another terminal:", *_examples(address), sep="\n")
    assert settings.audit is not None
    print(
        f"\nEach call leaves its record:\n{_python()} -m gateway audit tail {_typed(settings.audit.directory)}",
        flush=True,
    )


def _examples(address: str) -> list[str]:
    """Calls to try, one shell line each."""
    curl = f"{_buf()} curl --protocol grpc --http2-prior-knowledge"
    return [f"{curl} -d '{json.dumps(data)}' http://{address}/keyway.v1.{method}" for method, data in _EXAMPLES]


def _state(options: argparse.Namespace, default: Path) -> Path | None:
    return None if options.ephemeral else options.state or default


def _log_settings(options: argparse.Namespace, configured: LogSettings | None = None) -> LogSettings:
    """Flags before the configuration; without either, JSON for programs and text for people."""
    chosen = configured or LogSettings(format="console" if sys.stderr.isatty() else "json")
    flags = {"level": options.log_level, "format": options.log_format}
    return chosen.model_copy(update={key: value for key, value in flags.items() if value is not None})


def _complain(*lines: str) -> None:
    for line in lines:
        print(f"keyway: {line}", file=sys.stderr)


def _buf() -> str:
    """The `buf` beside this interpreter."""
    beside = Path(sys.prefix, "bin", "buf")
    return _typed(beside) if beside.exists() else "buf"


def _python() -> str:
    """This interpreter."""
    return _typed(Path(sys.executable))


def _typed(path: Path) -> str:
    """A path, as short as it can be typed."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


_EXIT_CODES: Final = "exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gateway",
        description="Keyway: one gRPC contract in front of certificate and key managers that speak HTTP.",
        epilog=_EXIT_CODES,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands", help="then --help tells more")

    serve = _add_command(commands, "serve", _serve, "serve the gateway; without --config over emulators of its own")
    serve.add_argument("--config", type=Path, metavar="FILE", help="YAML configuration; check-config checks one")
    serve.add_argument(
        "--listen",
        metavar="HOST:PORT",
        help=f"overrides the configuration; port 0 takes a free one; default {_DEFAULT_LISTEN}",
    )
    serve.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that serve, overrides the configuration; default 1; SIGHUP replaces several one by one",
    )
    _add_state(serve, _SERVE_STATE)

    emulate = _add_command(commands, "emulate", _emulate, "run the emulators alone, on fixed ports, for curl")
    _add_state(emulate, _EMULATE_STATE)

    purpose = "run emulators and gateways over them, in memory and on free ports, for tests of clients"
    _add_command(commands, "sandbox", _sandbox, purpose)

    check = _add_command(commands, "check-config", _check_config, "check a configuration file, calling no provider")
    check.add_argument("config", type=Path, metavar="FILE", help="YAML configuration")

    policy = commands.add_parser(
        "policy", help="check and explain policies", description="Check and explain policies.", epilog=_EXIT_CODES
    )
    policies = policy.add_subparsers(required=True, metavar="COMMAND", title="commands", help="then --help tells more")
    checked = _add_command(policies, "check", _policy_check, "check the policy files that a configuration names")
    explained = _add_command(
        policies, "explain", _policy_explain, "tell whether a caller may do something, and why; 0 whether or not it may"
    )
    for command in (checked, explained):
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="YAML configuration")
    policy_commands.add_explain_arguments(explained)
    _add_command(policies, "schema", _policy_schema, "print the schema of policies, for editors and the tools of Cedar")

    health = _add_command(commands, "health", _health, "ask a running gateway for its health; exit code 0 is SERVING")
    health.add_argument(
        "--address", default=_DEFAULT_LISTEN, metavar="HOST:PORT", help=f"of the gateway; default {_DEFAULT_LISTEN}"
    )
    health.add_argument(
        "--service", default="", metavar="NAME", help="such as keyway.v1.KeyService; default: the gateway as a whole"
    )
    health.add_argument(
        "--timeout", type=_seconds, default=3.0, metavar="SECONDS", help="how long to wait for an answer; default 3"
    )
    audit = audit_commands.add_parsers(commands, _add_command)
    ship = _add_command(audit, "ship", _audit_ship, "ship a journal whose gateway is not running; until it is stopped")
    ship.add_argument("--config", type=Path, required=True, metavar="FILE", help="YAML configuration")
    return parser


def _add_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    command: Callable[[argparse.Namespace], Coroutine[Any, Any, int]],
    purpose: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.", epilog=_EXIT_CODES
    )
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), help="overrides the configuration; default info"
    )
    parser.add_argument(
        "--log-format",
        choices=("json", "console"),
        help="overrides the configuration; default json, or console on a terminal without --config",
    )
    parser.set_defaults(command=command)
    return parser


def _add_state(parser: argparse.ArgumentParser, default: Path) -> None:
    state = parser.add_mutually_exclusive_group()
    state.add_argument(
        "--state", type=Path, metavar="DIR", help=f"where the emulators keep their state; default {default}"
    )
    state.add_argument("--ephemeral", action="store_true", help="the emulators keep their state in memory")


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (seconds := float(text)) < math.inf:
            return seconds
    raise argparse.ArgumentTypeError("must be a number of seconds, more than 0")


if __name__ == "__main__":
    sys.exit(main())
