"""Who may talk to the page's server, and what every answer carries.

The server listens on loopback, but loopback is not authentication: any page in the player's browser can
reach it, and DNS rebinding makes it same-origin for a stranger's page (Ollama's CVE-2024-28224). So the
``Host`` must be one of ours, and whatever changes something must come from our own page (``Origin``).
"""

from __future__ import annotations

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)

SECURITY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}

FOREIGN_HOST = "This server answers only under its own name. Open the address that `dreamport play` printed."
NO_ORIGIN = "The request names no origin. Only Dreamport's own page may do this."
FOREIGN_ORIGIN = "The request comes from another page. Only Dreamport's own page may do this."

_log = structlog.get_logger(__name__)


class Guard:
    """ASGI middleware: refuses a foreign ``Host`` or ``Origin`` with 403, and adds the security headers.

    ``hosts``: host names (without port) under which the page may be opened. A WebSocket or a POST must
    name the very origin it is sent to; a browser always does.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] = LOOPBACK_NAMES) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send_with_headers)
            return
        _log.warning("web request refused", reason=refusal, path=scope["path"])
        await _refuse(refusal, scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if _without_port(host) not in self._hosts:
            return FOREIGN_HOST
        changes_something = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        origin = headers.get("origin")
        if origin is None:
            return NO_ORIGIN if changes_something else None
        secure = scope["scheme"] in ("https", "wss")
        if origin.lower() != f"{'https' if secure else 'http'}://{host}":
            return FOREIGN_ORIGIN
        return None


def _without_port(host: str) -> str:
    """``127.0.0.1:8000`` -> ``127.0.0.1``; ``[::1]:8000`` -> ``[::1]``."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


async def _refuse(reason: str, scope: Scope, receive: Receive, send: Send) -> None:
    response = PlainTextResponse(reason + "\n", status_code=403)
    if scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
        await response(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
