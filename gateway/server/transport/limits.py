"""Options of the gRPC server that limit what one peer can use.

On a listener for tokens, every peer can connect and send frames before it is authenticated. What such a peer can make
gRPC hold is limited: streams per connection, bytes per stream that no handler has requested, connections, and the time
for a handshake. The handlers request a message only after authentication.
"""

from typing import Final, TypeAlias

from gateway.gateway_settings import GatewaySettings

Options: TypeAlias = tuple[tuple[str, int], ...]

_COMMON: Final[Options] = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.http2.settings_timeout", 10_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)
_PENDING_STREAMS: Final = 1000
_SURFACE_MESSAGE_BYTES: Final = 1024 * 1024
"""Requests of surfaces are small. Envoy describes itself in about 50 KB."""
_AUTHENTICATED_PEERS: Final[Options] = (("grpc.max_concurrent_streams", 1000),)
_ANY_PEER: Final[Options] = (
    ("grpc.max_concurrent_streams", 128),
    # By default, gRPC lets a stream that no handler reads from grow with the bandwidth of its peer, up to some MiB.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 16 * 1024),
)


def surface_options(settings: GatewaySettings, streams: int) -> Options:
    """Return the options of the listener of a surface. streams: the maximum number of streams on one connection.

    The server ends streams at their maximum age itself, so that clients can resume them.
    """
    return (
        *_COMMON,
        ("grpc.max_concurrent_streams", streams),
        # By default, gRPC cancels streams at random while more than 1000 wait for their handlers, for example when many
        # nodes connect again at once.
        ("grpc.server.max_pending_requests", max(_PENDING_STREAMS, streams)),
        ("grpc.server.max_pending_requests_hard_limit", 2 * max(_PENDING_STREAMS, streams)),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", 16 * 1024),
        ("grpc.max_receive_message_length", _SURFACE_MESSAGE_BYTES),
        ("grpc.max_allowed_incoming_connections", settings.maximum_connections),
        ("grpc.max_connection_age_ms", round(settings.maximum_connection_age * 1000)),
    )


def server_options(settings: GatewaySettings) -> Options:
    """Return the options of the server for callers."""
    identity = settings.identity
    any_peer = identity is not None and identity.mtls is None
    return (
        *_COMMON,
        *(_ANY_PEER if any_peer else _AUTHENTICATED_PEERS),
        ("grpc.max_receive_message_length", settings.maximum_message_bytes),
        ("grpc.max_allowed_incoming_connections", settings.maximum_connections),
        ("grpc.max_connection_age_ms", round(settings.maximum_connection_age * 1000)),
    )
