"""``dreamport serve``: the server alone, for engines."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreamport.cli.output import console
from dreamport.errors import DreamportError

if TYPE_CHECKING:
    from dreamport.cli.serving import Listening
    from dreamport.service import ServerOptions
    from dreamport.service.placement import Cluster


class TokenFileError(DreamportError):
    """The file that should hold the token cannot be read."""


def serve(
    world: Annotated[str, typer.Argument(help="World for clients that ask for none: a name or a path.")] = "",
    host: Annotated[
        str, typer.Option(help="Address to listen on; other than loopback needs TLS and a token.")
    ] = ("127.0.0.1"),
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="gRPC port; 0 takes a free one.")] = None,
    worlds: Annotated[
        list[Path] | None, typer.Option(help="A pack, or a folder of packs; may be repeated.")
    ] = None,
    executor: Annotated[str, typer.Option(help="auto, openvino, torch or tensorrt.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of the executor.")] = None,
    lingbot: Annotated[
        list[str] | None,
        typer.Option(help="An option of LingBot worlds, e.g. weights=fp8; see docs/lingbot.md. Repeatable."),
    ] = None,
    max_sessions: Annotated[
        int | None,
        typer.Option(
            min=1, help="Sessions at a time, of each worker; left out, as many as keep their frame rate."
        ),
    ] = None,
    grace: Annotated[float, typer.Option(min=0, help="Seconds a dropped client may take to resume.")] = 30.0,
    token_file: Annotated[
        Path | None, typer.Option(help="File that holds the token clients must send.")
    ] = None,
    tls_certificate: Annotated[Path | None, typer.Option(help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key, PEM.")] = None,
    log_folder: Annotated[
        Path | None, typer.Option(help="Write session logs here, for dreamport replay.")
    ] = None,
    captures: Annotated[
        Path | None,
        typer.Option(help="Record engines here; left out, into captures in the user's data folder."),
    ] = None,
    trainings: Annotated[
        Path | None,
        typer.Option(help="Train from recordings here; left out, into trainings in the user's data folder."),
    ] = None,
    exit_with: Annotated[
        int | None, typer.Option(min=1, help="Stop when the process of this number is gone.")
    ] = None,
    page: Annotated[bool, typer.Option("--page", help="Serve the browser page too, on loopback.")] = False,
    web_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the page; 0: a free one.")
    ] = None,
    ray: Annotated[
        bool, typer.Option("--ray", help="Play on several workers, one a GPU, behind this one address.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="With --ray: how many; left out, one a GPU.")
    ] = None,
    ray_address: Annotated[
        str, typer.Option(help="With --ray: the cluster to join; local starts one on this machine.")
    ] = "local",
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON when ready.")] = False,
) -> None:
    """Serve worlds over gRPC until Ctrl+C. Lists what listens, on which executor and why."""
    import asyncio

    from dreamport.cli.serving import log_to_stderr
    from dreamport.cli.torchrun import follows_first
    from dreamport.cli.world_argument import resolve_world
    from dreamport.service.capture_paths import default_captures_folder, default_trainings_folder
    from dreamport.service.options import DEFAULT_PORT, ServerOptions, ServerOptionsError
    from dreamport.web import DEFAULT_WEB_PORT
    from dreamport.worlds.catalogue import user_worlds_path

    if follows_first():
        return
    chosen = resolve_world(world)
    options = ServerOptions(
        host=host,
        port=DEFAULT_PORT if port is None else port,
        worlds=(*chosen.packs, *(worlds or [])),
        default_world=chosen.name,
        executor=executor,
        threads=threads,
        lingbot=tuple(lingbot or ()),
        max_sessions=max_sessions,
        grace_s=grace,
        token=_read_token(token_file),
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        log_folder=log_folder,
        captures=captures or default_captures_folder(),
        trainings=trainings or default_trainings_folder(),
        trained_worlds=user_worlds_path(),
    )
    log_to_stderr()
    page_port = (DEFAULT_WEB_PORT if web_port is None else web_port) if page else None
    if not ray and (workers is not None or ray_address != "local"):
        raise ServerOptionsError("--workers and --ray-address are for --ray: give it too, or leave them out")
    with _cluster(options, workers, ray_address) if ray else nullcontext() as cluster:
        asyncio.run(_serve(options, page_port, as_json, exit_with, cluster))


def _cluster(options: ServerOptions, workers: int | None, address: str) -> AbstractContextManager[Cluster]:
    from dreamport.cli.extras import require_extra

    require_extra("cluster", "ray")
    options.check()
    from dreamport.service.placement.ray_cluster import ray_cluster

    return ray_cluster(options, workers, address)


async def _serve(
    options: ServerOptions,
    web_port: int | None,
    as_json: bool,
    exit_with: int | None,
    cluster: Cluster | None,
) -> None:
    import json

    from dreamport.cli.serving import listening, stop_signal, stop_with_process

    with stop_signal() as stop, stop_with_process(exit_with, stop):
        async with listening(options, web_port, cluster) as now:
            if as_json:
                print(json.dumps(now.as_json()), flush=True)
            else:
                print_listening(now)
            await stop.wait()


def print_listening(now: Listening, page: str | None = None) -> None:
    """What listens, for a person. ``page``: the address to open, when it is not just the page's own."""
    executor, out = now.executor, console()
    if now.web_url:
        out.print(f"play at    {page or now.web_url}", style="bold", markup=False)
    out.print(f"gRPC       {now.address}")
    for worker in now.workers:
        out.print(f"worker     {worker.address}, process {worker.pid} on {worker.host}", markup=False)
    out.print(f"worlds     {', '.join(now.server.status().worlds)}", markup=False)
    out.print(f"executor   {executor.name} on {executor.device}, {executor.precision}", markup=False)
    if executor.fallback_reason:
        out.print(f"fallback   {executor.fallback_reason}", style="yellow", markup=False)
    out.print("Ctrl+C stops it.")


def _read_token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TokenFileError(
            f"cannot read a token from {path} ({error}); write it there as one line of text"
        ) from None
