"""Train the baseline on the frames that a run baked: ``python benchmarks/baselines/edm_train.py BAKED OUT``.

It stops at the given processor seconds, so that both sides of the comparison get the same work from the
machine, whatever else runs on it. Given again, it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))

from edm_unet import UNet, UNetConfig, rollout_loss

ROLLOUT = 4


def small_frames(baked: Path, config: UNetConfig) -> NDArray[np.uint8]:
    """Every baked frame at the baseline's size, ``[n, height, width, 3]``."""
    colour = np.load(baked / "colour.npy", mmap_mode="r")
    size = (config.width, config.height)
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in colour]).astype(
        np.uint8
    )


def main() -> None:
    """Train until the steps or the processor seconds are used up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("baked", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--cpu-seconds", type=float, default=3600.0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    control = np.load(given.baked / "control.npy")
    config = UNetConfig(control_size=control.shape[1])
    kept = given.out / "frames.npy"
    if not kept.exists():
        np.save(kept, small_frames(given.baked, config))
    frames, first = np.load(kept), np.load(given.baked / "first.npy")
    length = config.context + ROLLOUT
    starts = np.arange(len(first) - length + 1)
    starts = starts[first[starts] == first[starts + length - 1]]
    torch.manual_seed(given.seed)
    model = UNet(config)
    average = copy.deepcopy(model).requires_grad_(False)
    optimiser = torch.optim.AdamW(model.parameters(), lr=given.rate, weight_decay=1e-2)
    step, used = 0, 0.0
    checkpoint = given.out / "edm.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        step, used = state["step"], state["cpu_seconds"]

    def save() -> None:
        state = {"model": model.state_dict(), "average": average.state_dict(), "step": step}
        state |= {"optimiser": optimiser.state_dict(), "cpu_seconds": used, "config": asdict(config)}
        torch.save(state, checkpoint.with_suffix(".partial"))
        os.replace(checkpoint.with_suffix(".partial"), checkpoint)

    began, before, saved = time.process_time(), used, time.monotonic()
    with (given.out / "edm.jsonl").open("a") as log:
        while step < given.steps and used < given.cpu_seconds:
            rng = np.random.default_rng((given.seed, step))
            rows = rng.choice(starts, given.batch)[:, None] + np.arange(length)
            clip = torch.from_numpy(frames[rows].astype(np.float32) / 127.5 - 1.0).permute(0, 1, 4, 2, 3)
            # Degrees become about one, like the buttons.
            actions = torch.from_numpy(control[rows] * np.array([1, 1, 1, 1, 0.2, 0.2], np.float32))
            generator = torch.Generator().manual_seed(given.seed * 104729 + step)
            for group in optimiser.param_groups:
                group["lr"] = given.rate * min(1.0, (step + 1) / 50)
            loss = rollout_loss(model, clip, actions, generator)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            decay = min(0.999, (1 + step) / (10 + step))
            with torch.no_grad():
                for a, p in zip(average.parameters(), model.parameters(), strict=True):
                    a.lerp_(p, 1.0 - decay)
            step += 1
            used = before + time.process_time() - began
            if step % 10 == 0:
                log.write(
                    json.dumps({"step": step, "loss": float(loss.detach()), "cpu_seconds": used}) + "\n"
                )
                log.flush()
            if time.monotonic() - saved > 60.0:
                save()
                saved = time.monotonic()
    save()
    print(f"{step} steps in {used:.0f} processor seconds")


if __name__ == "__main__":
    main()
