"""A gRPC server whose WatchCertificates streams follow a script, on a free port, in threads."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from google.rpc.status_pb2 import Status

from keyway.v1 import certificate_service_pb2 as contract
from keyway.v1.certificate_service_pb2 import WatchCertificatesRequest, WatchCertificatesResponse
from tests.support.authority import CertificateAuthority

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}

PARENT: Final = "providers/p"
Item = WatchCertificatesResponse | grpc.StatusCode | Status | None
"""An event; a status that ends the stream, with or without details; None: the stream stays open."""


def event(
    kind: str, name: str = "", version: str = "", token: str = "", *, complete: bool = False
) -> WatchCertificatesResponse:
    """Return an event. kind: such as RENEWED. name: the last segment of the certificate's name."""
    return WatchCertificatesResponse(
        type=contract.CertificateEventType.Value(f"CERTIFICATE_EVENT_TYPE_{kind}"),
        name=f"{PARENT}/certificates/{name}" if name else "",
        version=version,
        resume_token=token,
        complete=complete,
    )


def text(found: WatchCertificatesResponse) -> str:
    """Return an event as text, such as `RENEWED a v2`."""
    kind = contract.CertificateEventType.Name(found.type).removeprefix("CERTIFICATE_EVENT_TYPE_")
    return " ".join(filter(None, (kind, found.name.rpartition("/")[2], found.version)))


@dataclass
class ScriptedWatch:
    """The service. streams: the items of each stream. requests, metadata, deadlines: what the clients sent."""

    streams: list[list[Item]]
    requests: list[WatchCertificatesRequest] = field(default_factory=list)
    metadata: list[dict[str, Any]] = field(default_factory=list)
    deadlines: list[float | None] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    connection: dict[str, Any] = field(default_factory=dict)
    """The arguments of `connect`, with a token."""

    def play(self, request: Any, context: Any) -> Iterator[Any]:
        """Play the next stream."""
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        self.deadlines.append(context.time_remaining())
        items = self.streams[len(self.requests) - 1]
        if None in items:
            context.add_callback(self.ended.set)  # gRPC abandons this iteration if the client ends the stream
        for item in items:
            if item is None:
                while context.is_active() and not self.ended.wait(0.05):
                    pass
                self.ended.set()
            elif isinstance(item, grpc.StatusCode):
                context.abort(item, "scripted")
            elif isinstance(item, Status):
                context.set_trailing_metadata((("grpc-status-details-bin", item.SerializeToString()),))
                context.abort(_CODES[item.code], item.message)
            else:
                yield item


@contextlib.contextmanager
def scripted_watch(*streams: list[Item]) -> Iterator[ScriptedWatch]:
    """Yield the server."""
    script = ScriptedWatch(list(streams))
    authority = CertificateAuthority()
    own = authority.server()
    with ThreadPoolExecutor(max_workers=4) as pool:
        server = grpc.server(pool)
        handler = grpc.unary_stream_rpc_method_handler(
            script.play, WatchCertificatesRequest.FromString, WatchCertificatesResponse.SerializeToString
        )
        service = grpc.method_handlers_generic_handler("keyway.v1.CertificateService", {"WatchCertificates": handler})
        server.add_generic_rpc_handlers((service,))
        credentials = grpc.ssl_server_credentials([(own.key_pem, own.chain_pem)])
        port = server.add_secure_port("127.0.0.1:0", credentials)
        server.start()
        script.connection = {"address": f"127.0.0.1:{port}", "ca": authority.pem, "token": "t0ken"}
        try:
            yield script
        finally:
            script.ended.set()
            server.stop(None).wait()
