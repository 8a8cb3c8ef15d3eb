"""Introduction that `serve` prints for the demo: the ports, and commands to try."""

import sys
from pathlib import Path

from gateway.demo import Demo

_DEFAULT_ADDRESS = "127.0.0.1:50051"


def introduce(address: str, demo: Demo) -> None:
    """Print the ports of the demo, and commands to try."""
    print("keyway: demo with emulated upstreams; use --config to serve your own providers\n")
    print(*_ports(address, demo), sep="\n")
    print("\nTry, in another terminal:", *_calls(address), sep="\n")
    print("\nEach call is recorded. To list the newest calls:", f"{_keyway(address)} audit list", sep="\n", flush=True)


def program(name: str) -> str:
    """Return how to call a program that is installed next to this interpreter, or its name alone."""
    path = Path(sys.prefix, "bin", name)
    return _short(path) if path.exists() else name


def _ports(address: str, demo: Demo) -> list[str]:
    rows = [("gateway (gRPC)", address, "")]
    rows += [
        (f"{kind} emulator", host.url.removeprefix("http://"), host.control_url.removeprefix("http://"))
        for kind, host in demo.emulators.items()
    ]
    width = max(len(name) for name, *_ in rows)
    return [
        f"  {name:<{width}}  {listen}" + (f"  (control port: {control})" if control else "")
        for name, listen, control in rows
    ]


def _calls(address: str) -> list[str]:
    keyway = _keyway(address)
    return [
        f"{keyway} certs list",
        f"echo hello | {keyway} keys encrypt nhn-keys/orders-key -",
        f"{keyway} providers check asteria",
    ]


def _keyway(address: str) -> str:
    """Return the command line of the client for this address."""
    return program("keyway") if address == _DEFAULT_ADDRESS else f"{program('keyway')} --address {address}"


def _short(path: Path) -> str:
    """Return a path as short as it can be typed in the current folder."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
