"""The one error that becomes a gRPC status. Its message is fixed text for clients; detail goes to the log."""

from __future__ import annotations

import grpc

from dreamport.errors import DreamportError

RETRY_PUSHBACK = "grpc-retry-pushback-ms"
"""Trailer that says when to come back (gRFC A6)."""
SAID_BY_SERVER = "dreamport-said"
"""Trailer of an UNAVAILABLE that the server itself says: gRPC makes the same of a broken connection."""


class Refusal(DreamportError):
    """A call ends with ``code``. ``retry_after_ms``: when it may be tried again, sent as
    ``grpc-retry-pushback-ms``.
    """

    def __init__(self, code: grpc.StatusCode, message: str, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_ms = retry_after_ms

    def trailers(self) -> tuple[tuple[str, str], ...]:
        """Trailing metadata of the status."""
        said = ((SAID_BY_SERVER, "1"),) if self.code is grpc.StatusCode.UNAVAILABLE else ()
        again = () if self.retry_after_ms is None else ((RETRY_PUSHBACK, str(self.retry_after_ms)),)
        return (*said, *again)


def invalid(field: str, problem: str) -> Refusal:
    """INVALID_ARGUMENT that names the field."""
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, f"{field}: {problem}")
