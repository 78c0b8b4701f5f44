"""``dreamport caption``: words for recorded episodes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from dreamport.cli.extras import require_extra
from dreamport.cli.output import console, print_json
from dreamport.cli.progress import progress_bars


def caption(
    data: Annotated[Path, typer.Argument(help="A data set recorded or imported with Dreamport.")],
    endpoint: Annotated[
        str | None,
        typer.Option(help="Ask a vision model here: the URL of an OpenAI-compatible server, up to /v1."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Name of the model at the endpoint.")] = None,
    chunk_seconds: Annotated[float, typer.Option(min=0.5, max=60, help="Length of a chunk.")] = 5.0,
    again: Annotated[bool, typer.Option("--again", help="Caption episodes that have captions too.")] = False,
    price_in: Annotated[float | None, typer.Option(min=0, help="Price of a million tokens asked.")] = None,
    price_out: Annotated[
        float | None, typer.Option(min=0, help="Price of a million tokens answered.")
    ] = None,
    tries: Annotated[int, typer.Option(min=1, max=10, help="Answers asked for until one is whole.")] = 3,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of answers given before; left out, the user's cache.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write captions beside a data set's episodes: a narrative, the scene, and chunks that tell only the
    past.

    Without --endpoint they are made offline, by rules, from recorded state, controls and pictures. The
    endpoint's key is read from OPENAI_API_KEY."""
    require_extra("capture", "pyarrow", "av")
    from dreamport_tools.captioning.run import Captioner, caption_dataset

    bill = None
    captioner: Captioner
    if endpoint is not None or model is not None:
        if endpoint is None or model is None:
            raise typer.BadParameter("give both --endpoint and --model, or neither")
        require_extra("caption", "openai")
        from platformdirs import user_cache_dir

        from dreamport_tools.captioning.cache import AnswerCache
        from dreamport_tools.captioning.endpoint import Endpoint, EndpointCaptioner

        place = cache or Path(user_cache_dir("dreamport", appauthor=False)) / "captions"
        asked = Endpoint(
            endpoint, model, os.environ.get("OPENAI_API_KEY"), tries, price_in=price_in, price_out=price_out
        )
        asking = EndpointCaptioner(asked, AnswerCache(place))
        captioner, bill = asking, asking.bill
    else:
        from dreamport_tools.captioning.rules import RuleCaptioner

        captioner = RuleCaptioner()
    with progress_bars(quiet=as_json) as told:
        done = caption_dataset(data, captioner, chunk_seconds, again, told)
    if as_json:
        print_json(
            {
                "written": [str(path) for path in done.written],
                "kept": done.kept,
                "faults": done.faults,
                "source": captioner.source,
                "cost": None
                if bill is None
                else {
                    "requests": bill.requests,
                    "from_cache": bill.kept,
                    "asked_again": bill.again,
                    "tokens_in": bill.tokens_in,
                    "tokens_out": bill.tokens_out,
                    "cost": bill.cost,
                },
            }
        )
    else:
        out = console()
        out.print(f"{len(done.written)} episodes captioned by {captioner.source}, {done.kept} had captions")
        for index, fault in done.faults.items():
            out.print(f"episode {index} has none: {fault}", markup=False)
        if bill is not None:
            out.print(bill.line(), markup=False)
    if done.faults:
        raise typer.Exit(1)
