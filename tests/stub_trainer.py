"""Stands for ``dreamport train`` in tests of the service: ``python stub_trainer.py DATA --world=...
--run=... --out=...``.

It writes what a run writes, a row and a picture, and then waits for ``RUN/stop`` (it saves and says so), for
``RUN/finish`` (it makes its world) or for ``RUN/fail`` (it gives up with a message).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n stub"


def main(arguments: list[str]) -> int:
    """Wait for one of the files; the exit code."""
    options = dict(part.removeprefix("--").split("=", 1) for part in arguments if part.startswith("--"))
    run, out = Path(options["run"]), Path(options["out"])
    (run / "arguments.json").write_text(json.dumps(arguments))
    (run / "plan.txt").write_text("It will take about 3 minutes.\n")
    done = {"bake": {"state": "done", "seconds": 2.5}, "motion": {"state": "skipped", "reason": "no poses"}}
    (run / "stages.json").write_text(json.dumps(done))
    (run / "samples").mkdir(exist_ok=True)
    (run / "samples" / "codec-000010.png").write_bytes(PNG)
    step = len((run / "codec.jsonl").read_text().splitlines()) if (run / "codec.jsonl").exists() else 0
    with (run / "codec.jsonl").open("a") as rows:
        rows.write(json.dumps({"step": step + 1, "loss": 1.0 / (step + 1)}) + "\n")
    tell(run, "running", step + 1)
    while True:
        if (run / "stop").exists():
            (run / "stop").unlink()
            tell(run, "stopped", step + 1)
            return 2
        if (run / "finish").exists():
            out.mkdir(parents=True)
            (out / "world.json").write_text("{}")
            (run / "stages.json").write_text(json.dumps({**done, "export": {"state": "done", "seconds": 1}}))
            tell(run, "done", step + 1)
            return 0
        if (run / "fail").exists():
            print(f"dreamport: {run}/baked is on a full disk", file=sys.stderr)
            return 2
        time.sleep(0.01)


def tell(run: Path, state: str, step: int) -> None:
    """Replace the progress file."""
    told = {"stage": "codec", "step": step, "steps": 60, "loss": 0.5, "seconds": 1.0, "seconds_left": 9.0}
    partial = run / "progress.json.partial"
    partial.write_text(json.dumps({**told, "state": state, "message": ""}))
    partial.replace(run / "progress.json")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
