"""Channel settings on which both ends must agree, or the server takes a client's pings for abuse."""

from __future__ import annotations

import ipaddress

KEEPALIVE_MS = 5_000
KEEPALIVE_TIMEOUT_MS = 15_000
MAX_FRAME_BYTES = 64 * 1024 * 1024

Options = list[tuple[str, int | str]]


def client_channel() -> Options:
    """For a client. Retries are off: a stream is resumed with its token, or begun anew, never sent again."""
    return [
        ("grpc.max_receive_message_length", MAX_FRAME_BYTES),
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.enable_retries", 0),
    ]


def server_channel(max_message_bytes: int, max_calls: int) -> Options:
    """For a server that takes messages of ``max_message_bytes`` and ``max_calls`` calls at a time."""
    return [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", MAX_FRAME_BYTES),
        ("grpc.max_metadata_size", 16 * 1024),
        ("grpc.max_concurrent_streams", max_calls),
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        # A client that pings a little early is forgiven; one that keeps at it gets ENHANCE_YOUR_CALM.
        ("grpc.http2.min_ping_interval_without_data_ms", KEEPALIVE_MS - 1_000),
        ("grpc.http2.max_ping_strikes", 3),
    ]


def host_of(address: str) -> str:
    """The host in ``host:port`` or ``[v6]:port``, without brackets."""
    return address.rpartition(":")[0].strip("[]")


def only_this_machine(host: str) -> bool:
    """True for ``localhost`` and loopback addresses: nobody else can be there or listen in."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
