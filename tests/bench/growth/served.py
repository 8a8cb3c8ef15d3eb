"""A gateway process for a curve, and the CPU time of its calls."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from tests.bench import gateway_settings
from tests.bench.competitors import Surroundings
from tests.bench.gateway_settings import Parts
from tests.bench.processes import Server
from tests.bench.target import Target
from tests.support.ports import free_port

_START_SECONDS: Final = 120.0
_WARM_UP: Final = 20
_LEAST_CALLS: Final = 3


@contextmanager
def gateway(
    around: Surroundings,
    folder: Path,
    parts: Parts,
    method: str,
    *,
    others: Sequence[Mapping[str, Any]] = (),
    change: Callable[[dict[str, Any]], object] = lambda _: None,
) -> Iterator[tuple[Server, Target]]:
    """Run a gateway; yield it and a target without a body. others: additional providers. change: of the settings."""
    folder.mkdir(parents=True)
    port, material = free_port(), around.material
    upstream = around.upstream.url(tls=False)
    path = gateway_settings.write(
        material, folder, parts, port=port, upstream=upstream, sink=around.sink, others=others
    )
    settings = yaml.safe_load(path.read_text())
    change(settings)
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
    command = (around.python, "-m", "gateway", "serve", "--config", path, "--log-level", "warning")
    headers = {"authorization": f"Bearer {material.token}"} if parts.identity == "jwt" else {}
    authority = material.authority_file if parts.identity is not None else None
    with Server(command, port, folder / "server.log", folder=around.root, start_seconds=_START_SECONDS) as server:
        yield server, Target(port, method, b"", grpc=True, headers=headers, authority=authority)


def cost_of(server: Server, call: Callable[[], object], seconds: float) -> float:
    """Return the CPU time of the server for one call in µs.

    seconds: CPU time of a measurement. The kernel counts it in steps of 0.01 s.
    """
    before = server.usage()
    call()
    for _ in range(_WARM_UP if server.usage().since(before).total < seconds / _WARM_UP else 0):
        call()
    before, calls = server.usage(), 0
    while True:
        call()
        calls += 1
        if calls % _LEAST_CALLS == 0 and (used := server.usage().since(before).total) >= seconds:
            return used / calls * 1e6
