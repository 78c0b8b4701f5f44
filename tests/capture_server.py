"""A server of stub worlds that records, in a process of its own: ``python capture_server.py FOLDER`` prints
its address as a line of JSON and serves until it is killed or told to end.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from dreamport.cli.serving import log_to_stderr, stop_signal
from dreamport.service import ServerOptions, running_server
from stubs import StubSource


async def main(folder: Path) -> None:
    """Serve."""
    log_to_stderr()
    with stop_signal() as stop:
        async with running_server(ServerOptions(port=0, captures=folder), StubSource()) as server:
            print(json.dumps({"address": server.address}), flush=True)
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
