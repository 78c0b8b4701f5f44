"""How a server is set up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dreamport.errors import DreamportError
from dreamport.service.channel import only_this_machine

DEFAULT_PORT = 50700
MIN_TOKEN_CHARACTERS = 16


class ServerOptionsError(DreamportError):
    """The options contradict each other or would be unsafe."""


@dataclass(frozen=True)
class ServerOptions:
    """Everything a server is started with. Values come from whoever runs it, never from a client.

    ``port`` 0 picks a free one. ``worlds``: packs or folders of packs beside the catalogue's own.
    ``default_world``: name of the world a client gets that asks for none; empty takes the first.
    ``precision``: ``auto``, ``f32`` or ``bf16``. ``lingbot``: options of LingBot worlds, as
    ``executors.lingbot.options.options_of`` takes them. ``threads``: CPU threads, ``None`` lets the
    executor choose.
    ``max_sessions``: leases at a time; ``None`` measures how many this machine carries at full frame rate.
    ``grace_s``: how long a dropped client may take to resume. ``token`` with ``tls_certificate`` and
    ``tls_key`` (PEM files) is required for any address that is not loopback. ``log_folder``: session logs go
    here, none are written without it; ``log_max_bytes`` bounds each. ``captures``: recordings of engines go
    here, none are taken without it; ``max_recorders`` at a time, ``max_capture_message_bytes`` bounds a
    frame. ``trainings``: runs of training go here, none are taken without it; ``max_trainings`` at a time.
    ``trained_worlds``: their packs go here, into ``worlds`` of that folder without it.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    worlds: tuple[Path, ...] = ()
    default_world: str = ""
    executor: str = "auto"
    threads: int | None = None
    precision: str = "auto"
    lingbot: tuple[str, ...] = ()
    max_sessions: int | None = None
    grace_s: float = 30.0
    open_timeout_s: float = 10.0
    drain_s: float = 2.0
    token: str | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    log_folder: Path | None = None
    log_max_bytes: int = 256 * 1024 * 1024
    max_message_bytes: int = 64 * 1024
    max_calls: int = 128
    max_saved_bytes: int = 512 * 1024 * 1024
    captures: Path | None = None
    max_recorders: int = 4
    max_capture_message_bytes: int = 64 * 1024 * 1024
    trainings: Path | None = None
    trained_worlds: Path | None = None
    max_trainings: int = 1

    def check(self) -> None:
        """Raise ``ServerOptionsError`` when a server with these options should not start."""
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ServerOptionsError(
                "TLS needs both a certificate and its key: give tls_certificate and tls_key"
            )
        if self.token is not None and len(self.token) < MIN_TOKEN_CHARACTERS:
            raise ServerOptionsError(
                f"the token is too easy to guess: use {MIN_TOKEN_CHARACTERS} characters or more"
            )
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise ServerOptionsError(
                "the token holds a character that no header can carry: use printable ASCII"
            )
        if not self.loopback and (self.token is None or self.tls_certificate is None):
            raise ServerOptionsError(
                f"{self.host} can be reached from other machines: give a token and a TLS certificate with "
                "its key, "
                "or listen on 127.0.0.1"
            )
        if not 0 <= self.port <= 65535:
            raise ServerOptionsError(f"port {self.port} is not between 0 and 65535")
        for name in ("max_sessions", "threads", "max_recorders", "max_trainings"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ServerOptionsError(f"{name} is {value}; give 1 or more, or leave it out")
        if self.grace_s < 0:
            raise ServerOptionsError(f"grace_s is {self.grace_s}; give seconds, 0 or more")

    @property
    def loopback(self) -> bool:
        """True when only this machine can reach ``host``. A name other than ``localhost`` counts as
        reachable.
        """
        return only_this_machine(self.host.strip("[]"))

    @property
    def bind_address(self) -> str:
        """``host`` as gRPC takes it, without the port."""
        host = "127.0.0.1" if self.host == "localhost" else self.host.strip("[]")
        return f"[{host}]" if ":" in host else host
