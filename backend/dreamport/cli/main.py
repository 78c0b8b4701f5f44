"""The ``dreamport`` command: every command is registered here."""

from __future__ import annotations

from typing import Annotated

import typer

from dreamport.cli.bench import bench
from dreamport.cli.caption import caption
from dreamport.cli.capture import capture
from dreamport.cli.compile import compile_
from dreamport.cli.data import data
from dreamport.cli.doctor import doctor
from dreamport.cli.evaluate import evaluate
from dreamport.cli.export import export
from dreamport.cli.import_ import import_
from dreamport.cli.output import EXIT_CODE, print_error
from dreamport.cli.play import play
from dreamport.cli.ps import ps
from dreamport.cli.replay import replay
from dreamport.cli.serve import serve
from dreamport.cli.train import train
from dreamport.cli.worlds import worlds
from dreamport.errors import DreamportError

PLAYING, CHECKING, MAKING = "Play", "Look and measure", "Make worlds"
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""For commands whose options belong to the training package, which reads them itself."""


def build_app() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        name="dreamport",
        help="Neural levels inside game engines. Start with: dreamport play",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    app.command(rich_help_panel=PLAYING)(play)
    app.command(rich_help_panel=PLAYING)(serve)
    app.command(rich_help_panel=PLAYING)(replay)
    app.add_typer(worlds, rich_help_panel=PLAYING)
    app.command("compile", rich_help_panel=PLAYING)(compile_)
    app.command(rich_help_panel=CHECKING)(doctor)
    app.command(rich_help_panel=CHECKING)(ps)
    app.add_typer(bench, rich_help_panel=CHECKING)
    app.command(rich_help_panel=CHECKING)(evaluate)
    app.add_typer(capture, rich_help_panel=MAKING)
    app.add_typer(import_, rich_help_panel=MAKING)
    app.command(rich_help_panel=MAKING)(caption)
    app.add_typer(data, rich_help_panel=MAKING)
    app.command(rich_help_panel=MAKING, context_settings=PASS_ON)(train)
    app.command(rich_help_panel=MAKING, context_settings=PASS_ON)(export)
    return app


def main() -> None:
    """Run the command; an error meant for a person is one line on standard error and exit code 2."""
    try:
        build_app()()
    except DreamportError as error:
        print_error(error)
        raise SystemExit(EXIT_CODE) from None


def _version(wanted: bool) -> None:
    if wanted:
        from dreamport import __version__

        print(f"dreamport {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Neural levels inside game engines. Start with: dreamport play"""
