"""One call by a Python client before and after the load, which checks the complete response."""

import http.client
import ssl
from typing import Any

import grpc

from tests.bench.target import Target

_SECONDS = 10.0


class WrongAnswerError(Exception):
    """The server returned an unexpected response."""


def probe(target: Target, seconds: float = _SECONDS) -> None:
    """Make the call once. Raises WrongAnswerError if the response differs. seconds: the deadline."""
    answer = _grpc(target, seconds) if target.grpc else _http(target, seconds)
    if target.answer is not None and answer != target.answer:
        raise WrongAnswerError(f"{target.path} returned {len(answer)} bytes that differ from the expected response")


def _grpc(target: Target, seconds: float) -> bytes:
    with channel(target) as connection:
        call: Any = connection.unary_unary(target.path)
        metadata = tuple(target.headers.items())
        try:
            answer: bytes = call(target.body, timeout=seconds, metadata=metadata, wait_for_ready=True)
        except grpc.RpcError as error:
            status: Any = error
            raise WrongAnswerError(f"{target.path}: {status.code().name}: {status.details()}") from None
        return answer


def channel(target: Target) -> grpc.Channel:
    """A connection to a gRPC server, with the caller's certificate if it has one."""
    address = f"127.0.0.1:{target.port}"
    if target.authority is None:
        return grpc.insecure_channel(address)
    certificate, key = (file.read_bytes() for file in target.client) if target.client else (None, None)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(target.authority.read_bytes(), key, certificate))


def _http(target: Target, seconds: float) -> bytes:
    connection: http.client.HTTPConnection
    if target.authority is None:
        connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=seconds)
    else:
        context = ssl.create_default_context(cafile=str(target.authority))
        connection = http.client.HTTPSConnection("127.0.0.1", target.port, timeout=seconds, context=context)
    try:
        connection.request("POST" if target.body else "GET", target.path, target.body or None, dict(target.headers))
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise WrongAnswerError(f"{target.path}: {response.status}")
    return answer
