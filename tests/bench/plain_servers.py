"""Minimal servers for comparison: `python -m tests.bench.plain_servers echo|naive …`.

echo: grpc.aio with the generated servicer, responding immediately: the minimum for a gRPC server in Python.
naive: the same, with one POST by aiohttp per call: a gateway without checks, records, or limits.
sink: accepts all telemetry.
"""

import argparse
import asyncio
import base64
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import uvloop

from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import key_service_pb2_grpc as services
from tests.bench.material import APP_KEY, CIPHERTEXT, KEY_VERSION


# The other methods return UNIMPLEMENTED, the default of the generated servicer.
class Echo(services.KeyServiceServicer):
    async def Encrypt(self, request: Any, context: Any) -> Any:  # noqa: N802 - the stubs name it
        return keys.EncryptResponse(ciphertext=CIPHERTEXT, key_version=KEY_VERSION)


class Naive(services.KeyServiceServicer):
    def __init__(self, session: aiohttp.ClientSession, endpoint: str, tls: ssl.SSLContext | None) -> None:
        self._session = session
        self._base = f"{endpoint}/keymanager/v1.0/appkey/{APP_KEY}/symmetric-keys"
        self._tls = tls if tls is not None else True

    async def Encrypt(self, request: Any, context: Any) -> Any:  # noqa: N802 - the stubs name it
        key = request.name.rpartition("/")[2]
        body = {"plaintext": base64.b64encode(request.plaintext).decode()}
        async with self._session.post(f"{self._base}/{key}/encrypt", json=body, ssl=self._tls) as response:
            answer = (await response.json())["body"]
        return keys.EncryptResponse(ciphertext=answer["ciphertext"], key_version=answer["keyVersion"])


async def _sink(message: bytes, context: Any) -> bytes:
    """An empty response is valid for every export."""
    return b""


class _Everything(grpc.GenericRpcHandler):
    def service(self, handler_call_details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(_sink)


async def _serve(options: argparse.Namespace) -> None:
    server = grpc.aio.server()
    async with aiohttp.ClientSession() as session:
        if options.kind == "sink":
            server.add_generic_rpc_handlers((_Everything(),))
        elif options.kind == "echo":
            services.add_KeyServiceServicer_to_server(Echo(), server)  # type: ignore[abstract]
        else:
            context = ssl.create_default_context(cafile=options.authority) if options.authority else None
            naive = Naive(session, options.endpoint, context)  # type: ignore[abstract]
            services.add_KeyServiceServicer_to_server(naive, server)
        address = f"127.0.0.1:{options.port}"
        if options.certificate is not None:
            pair = (options.private_key.read_bytes(), options.certificate.read_bytes())
            server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
        else:
            server.add_insecure_port(address)
        await server.start()
        await server.wait_for_termination()


def main() -> None:
    """Serve until a signal ends the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("echo", "naive", "sink"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--endpoint")
    parser.add_argument("--authority", type=Path)
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--private-key", type=Path)
    parser.add_argument("--uvloop", action="store_true")
    options = parser.parse_args()
    factory = uvloop.new_event_loop if options.uvloop else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(options))


if __name__ == "__main__":
    main()
