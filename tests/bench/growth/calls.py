"""The cost of a call by concurrency and by message size."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import grpc

from keyway.v1 import key_service_pb2 as keys
from tests.bench import tools
from tests.bench.competitors import BATCH_ENCRYPT, ENCRYPT
from tests.bench.gateway_settings import BARE, EVERYTHING
from tests.bench.generators import H2load, Load, LoadError
from tests.bench.growth.curve import Costed, Experiment
from tests.bench.growth.served import cost_of, gateway
from tests.bench.material import KEY, PROVIDER
from tests.bench.probe import channel
from tests.bench.processes import Server
from tests.bench.run import surroundings
from tests.bench.target import Target

_ROWS: Final = {"bare": BARE, "everything on": EVERYTHING}
_MOST: Final = 1024
_LONGEST_LOAD: Final = 20.0
_LOADS: Final = 6
"""Seconds of a load, by the CPU time that a measurement needs."""
_NAME: Final = f"providers/{PROVIDER}/keys/{KEY}"
_LARGEST_ITEM: Final = 32 * 1024
"""The limit of the upstream for the plaintext."""
_BATCH: Final = "BatchEncrypt of items of 32 KiB"


@contextmanager
def _concurrency(folder: Path, seconds: float) -> Iterator[Callable[[int], Costed]]:
    def connections(settings: dict[str, Any]) -> None:
        settings["providers"][0]["maximum_connections"] = _MOST

    with ExitStack() as stack:
        around = stack.enter_context(surroundings(folder))
        generator = H2load(tools.find().h2load)
        servers = {
            label: stack.enter_context(gateway(around, folder / label, parts, ENCRYPT, change=connections))
            for label, parts in _ROWS.items()
        }

        def measure(level: int) -> Costed:
            return {
                f"Encrypt, {label}": _under_load(server, replace(target, body=around.material.encrypt_request), level)
                for label, (server, target) in servers.items()
            }

        def _under_load(server: Server, target: Target, level: int) -> float:
            _load(generator, target, level, seconds)
            before = server.usage()
            load = _load(generator, target, level, seconds * _LOADS)
            return server.usage().since(before).total / load.calls * 1e6

        yield measure


def _load(generator: H2load, target: Target, level: int, seconds: float) -> Load:
    """Run a load, and a longer one if no call ended in time."""
    while True:
        try:
            return generator.run(target, level, seconds)
        except LoadError:
            if seconds > _LONGEST_LOAD:
                raise
            seconds = max(1.0, 2 * seconds)


@contextmanager
def _message_size(folder: Path, seconds: float) -> Iterator[Callable[[int], Costed]]:
    with ExitStack() as stack:
        around = stack.enter_context(surroundings(folder))
        servers = {}
        for label, parts in _ROWS.items():
            server, target = stack.enter_context(gateway(around, folder / label, parts, ENCRYPT))
            servers[label] = server, target, stack.enter_context(channel(target))

        def measure(size: int) -> Costed:
            name, method, message = _request(size)
            return {
                f"{name}, {label}": cost_of(server, partial(_call, connection, target, method, message), seconds)
                for label, (server, target, connection) in servers.items()
            }

        yield measure


def _call(connection: grpc.Channel, target: Target, method: str, message: bytes) -> None:
    call: Any = connection.unary_unary(method)
    call(message, metadata=tuple(target.headers.items()))


def _request(size: int) -> tuple[str, str, bytes]:
    """Return the name of the line, the method, and a message with a plaintext of this size, or of at most this size."""
    if size <= _LARGEST_ITEM:
        return "Encrypt", ENCRYPT, keys.EncryptRequest(name=_NAME, plaintext=b"x" * size).SerializeToString()
    item = keys.EncryptRequest(name=_NAME, plaintext=b"x" * _LARGEST_ITEM)
    batch = keys.BatchEncryptRequest(requests=[item] * (size // keys.BatchEncryptRequest(requests=[item]).ByteSize()))
    return _BATCH, BATCH_ENCRYPT, batch.SerializeToString()


CONCURRENCY: Final = Experiment(
    name="concurrency",
    title="Concurrency",
    axis="concurrent calls",
    unit="CPU µs per call",
    lines={f"Encrypt, {label}": 0 for label in _ROWS},
    sizes=(1, 4, 16, 64, 256, 1024),
    few=(1, 4),
    setup=_concurrency,
)
MESSAGE_SIZE: Final = Experiment(
    name="message-size",
    title="Message size",
    axis="bytes",
    unit="CPU µs per call",
    lines={f"{method}, {label}": 1 for method in ("Encrypt", _BATCH) for label in _ROWS},
    sizes=(1, 16, 256, 4096, 16384, 32768, 131072, 524288, 2097152, 4194304),
    few=(1, 256),
    setup=_message_size,
)
