"""One gateway with everything on, for measurements beyond the cost of a call."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from tests.bench import gateway_settings, tools
from tests.bench.competitors import ENCRYPT, Surroundings
from tests.bench.gateway_settings import EVERYTHING, Parts
from tests.bench.processes import Server
from tests.bench.target import Target
from tests.support.ports import free_port

Identity = Literal["jwt", "mtls"]


@contextmanager
def gateway(
    around: Surroundings,
    folder: Path,
    identity: Identity = "jwt",
    *,
    others: Sequence[Mapping[str, Any]] = (),
    module: Sequence[object] = ("gateway",),
    everything: Parts = EVERYTHING,
    within: Callable[[Sequence[object]], Sequence[object]] = tuple,
) -> Iterator[tuple[Server, Target]]:
    """Run the gateway with its journal below `folder`; yield its target for known callers.

    others: additional providers. module: the module that runs the gateway, with its arguments. everything: the
    enabled parts, with another identity. within: returns the command that runs another one with limits.
    """
    port = free_port()
    config = gateway_settings.write(
        around.material,
        folder,
        replace(everything, identity=identity),
        port=port,
        upstream=around.upstream.url(tls=False),
        sink=around.sink,
        others=others,
    )
    command = (sys.executable, "-m", *module, "serve", "--config", config, "--log-level", "warning")
    target = Target(
        port,
        ENCRYPT,
        around.material.encrypt_request,
        grpc=True,
        headers={"authorization": f"Bearer {around.material.token}"} if identity == "jwt" else {},
        authority=around.material.authority_file,
        client=around.material.caller_files if identity == "mtls" else None,
    )
    with Server(within(command), port, folder / "gateway.log", folder=tools.ROOT) as server:
        yield server, target
