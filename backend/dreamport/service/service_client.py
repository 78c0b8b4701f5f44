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
        if root_certificate is None:
            self._channel = grpc.aio.insecure_channel(target, options=client_channel())
        else:
            credentials = grpc.ssl_channel_credentials(root_certificate)
            self._channel = grpc.aio.secure_channel(target, credentials, options=client_channel())
        self._metadata = () if token is None else (("authorization", f"Bearer {token}"),)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()
