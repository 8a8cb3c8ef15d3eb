"""The sync client: a channel with everything a good caller sets, and the generated stubs over it."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import grpc

from keyway.calls import Preparing
from keyway.connection import DEFAULT_DEADLINE, Connection, Pem, Token
from keyway.v1.certificate_service_pb2_grpc import CertificateServiceStub
from keyway.v1.key_service_pb2_grpc import KeyServiceStub
from keyway.v1.provider_service_pb2_grpc import ProviderServiceStub


class Client:
    """The three services. A failed call raises KeywayError. Threads may share a client; close it, or use `with`.

    channel: for any other stub, such as that of gRPC's health service.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
        self.certificates = CertificateServiceStub(channel)
        self.keys = KeyServiceStub(channel)
        self.providers = ProviderServiceStub(channel)

    def close(self) -> None:
        """End the connections; calls in progress fail."""
        self.channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def connect(
    address: str | Sequence[str],
    *,
    plaintext: bool = False,
    allow_remote_plaintext: bool = False,
    ca: Pem | None = None,
    certificate: Pem | None = None,
    private_key: Pem | None = None,
    server_name: str | None = None,
    token: Token | None = None,
    deadline: float = DEFAULT_DEADLINE,
    retries: bool = True,
    health_checks: bool = False,
    options: Sequence[tuple[str, Any]] = (),
) -> Client:
    """A client of the gateway at HOST:PORT, or of several, which take turns. It connects with the first call.

    plaintext: no TLS; only to this machine, unless `allow_remote_plaintext`.
    ca: who vouches for the gateway; default: gRPC's own roots. PEM as bytes, or a file's path, as for the next two.
    certificate, private_key: who calls, by mutual TLS. token: who calls, by a bearer token; a function is asked at each
    call. server_name: that the gateway's certificate has, where it is not the address.
    deadline: seconds that a call has which gives no `timeout` of its own. retries: repeat what is safe to repeat when
    the gateway is UNAVAILABLE. health_checks: leave out gateways that say they are not serving.
    options: gRPC's channel arguments, before ours.
    """
    connection = Connection(
        address=address,
        plaintext=plaintext,
        allow_remote_plaintext=allow_remote_plaintext,
        ca=ca,
        certificate=certificate,
        private_key=private_key,
        server_name=server_name,
        token=token,
        deadline=deadline,
        retries=retries,
        health_checks=health_checks,
        options=options,
    )
    credentials, arguments = connection.credentials(), connection.channel_options()
    if credentials is None:
        channel = grpc.insecure_channel(connection.target, arguments)
    else:
        channel = grpc.secure_channel(connection.target, credentials, arguments)
    return Client(grpc.intercept_channel(channel, Preparing(deadline, token)))
