"""The command `health`: queries the health service of a running gateway."""

import argparse
import contextlib
import math
from collections.abc import Mapping
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.cli.command import configure_command, print_error
from gateway.grpc_channel import open_channel

_DEFAULT_ADDRESS: Final = "127.0.0.1:50051"

_FAILURES: Final[Mapping[grpc.StatusCode, str]] = {
    grpc.StatusCode.UNAVAILABLE: "no plaintext gateway at this address; with TLS, query the address of health_listen",
    grpc.StatusCode.DEADLINE_EXCEEDED: "no response in time",
    grpc.StatusCode.NOT_FOUND: "the gateway has no such service",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    configure_command(parser, run, logs=False)
    parser.add_argument(
        "--address",
        default=_DEFAULT_ADDRESS,
        metavar="HOST:PORT",
        help=f"address of the gateway; default {_DEFAULT_ADDRESS}",
    )
    parser.add_argument(
        "--service",
        default="",
        metavar="NAME",
        help="service to query, such as keyway.v1.KeyService; default: the gateway as a whole",
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=3.0, metavar="SECONDS", help="seconds to wait for the response; default 3"
    )


async def run(options: argparse.Namespace) -> int:
    """Print the serving status; return 0 only for SERVING."""
    async with open_channel(options.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its published type has no methods
        request = health_pb2.HealthCheckRequest(service=options.service)
        try:
            response = await stub.Check(request, timeout=options.timeout)
        except grpc.aio.AioRpcError as error:
            print_error(f"{options.address}: {error.code().name}: {_FAILURES.get(error.code(), error.details())}")
            return 1
    print(health_pb2.HealthCheckResponse.ServingStatus.Name(response.status))
    return 0 if response.status == health_pb2.HealthCheckResponse.SERVING else 1


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (seconds := float(text)) < math.inf:
            return seconds
    raise argparse.ArgumentTypeError("must be a number of seconds greater than 0")
