"""Makes a trial of the desktop recorder and prints its figures as JSON.

python -m dreamport_tools.desktop.trial --seconds 60 --json benchmarks/results/desktop-capture.json
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from dreamport.errors import DreamportError
from dreamport_tools.bench.play import machine_facts
from dreamport_tools.desktop.trial.trial import Trial, run_trial


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m dreamport_tools.desktop.trial")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--input", default="auto")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    trial = Trial(options.seconds, options.events, options.fps, (width, height), options.input)
    with tempfile.TemporaryDirectory() as folder:
        try:
            figures = run_trial(Path(folder), trial)
        except DreamportError as error:
            sys.exit(f"dreamport: {error}")
    command = ["python", "-m", "dreamport_tools.desktop.trial", *sys.argv[1:]]
    text = json.dumps({**figures, **machine_facts(), "command": " ".join(command)}, indent=1)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
