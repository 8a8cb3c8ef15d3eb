"""The sync client: a channel with deadlines, retries and credentials, and the services over it."""

from collections.abc import Iterable, Sequence
from typing import Any, Self

import grpc

from keyway.calls import CallInterceptor
from keyway.connection import DEFAULT_DEADLINE, Connection, Pem, Token
from keyway.services import AuditService, CertificateService, KeyService, ProviderService
from keyway.v1.certificate_service_pb2_grpc import CertificateServiceStub
from keyway.watch import CertificateWatch


class Client:
    """A client of a gateway. A failed call raises KeywayError.

    Threads can share a client. Close it, or use it in a `with` statement.
    channel: the gRPC channel, for other stubs, such as the gRPC health service.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
        self.certificates = CertificateService(channel)
        self.keys = KeyService(channel)
        self.providers = ProviderService(channel)
        self.audit = AuditService(channel)

    def watch_certificates(self, parent: str, *, names: Iterable[str] = (), resume_token: str = "") -> CertificateWatch:
        """Return an iterator over the versions of certificates and their changes, without an end.

        parent: the provider, as `providers/{provider}`. names: at most 1,000 certificates of the provider; by default,
        all. resume_token: of an earlier iterator, to receive only the changes since then. `close` ends the iteration.
        """
        return CertificateWatch(CertificateServiceStub(self.channel).WatchCertificates, parent, names, resume_token)

    def close(self) -> None:
        """Close the connections. Calls in progress fail."""
        self.channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
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
    """Return a client of the gateway at HOST:PORT, or of several gateways in turn. It connects with the first call.

    plaintext: do not use TLS. Only loopback addresses are accepted, unless `allow_remote_plaintext` is True.
    ca: CA bundle used to verify the gateway; default: the roots of gRPC. A file path, or PEM as bytes.
    certificate, private_key: the client certificate and its key for mutual TLS. A file path, or PEM as bytes.
    token: a bearer token, or a function that returns the token for each call.
    server_name: the name in the gateway's certificate, if it differs from the address.
    deadline: seconds for calls without a `timeout`.
    retries: retry calls without side effects while the gateway is UNAVAILABLE.
    health_checks: do not send calls to gateways that report that they are not serving.
    options: gRPC channel arguments. They override the arguments that the client sets.
    Raises ValueError for options that contradict each other.
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
    return Client(grpc.intercept_channel(channel, CallInterceptor(connection)))
