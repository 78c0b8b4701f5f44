"""What every client of the service has: a channel, and a token that goes with each call."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import grpc
import grpc.aio

from dreamport.service.channel import client_channel


class ServiceClient:
    """A connection to a server. ``root_certificate`` (PEM) turns TLS on; a token goes with every call."""

    def __init__(self, target: str, token: str | None = None, root_certificate: bytes | None = None) -> None:
        self._target = target
        self._root_certificate = root_certificate
        self._channel = self._connect(target)
        self._metadata = () if token is None else (("authorization", f"Bearer {token}"),)

    def _connect(self, target: str, server_name: str = "") -> grpc.aio.Channel:
        """A channel; ``server_name``: what the certificate there must be for, the target's own without it."""
        options = client_channel()
        if self._root_certificate is None:
            return grpc.aio.insecure_channel(target, options=options)
        if server_name:
            options = [*options, ("grpc.ssl_target_name_override", server_name)]
        credentials = grpc.ssl_channel_credentials(self._root_certificate)
        return grpc.aio.secure_channel(target, credentials, options=options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()
