"""The same work on many pieces: in this process, in several, or on the machines of a Ray cluster.

A job writes its own result into files that all see; what comes back is only that it is done, or a short
reason why not.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from types import TracebackType
from typing import Any, TypeVar

from dreamport.errors import DiskFullError, MissingExtraError

Job = TypeVar("Job")


class Spread:
    """``workers`` processes, or the Ray cluster at ``ray`` (``local`` begins one on this machine). Use as a
    context manager; the processes are kept from one call of ``run`` to the next."""

    def __init__(self, workers: int = 1, ray: str | None = None) -> None:
        self._workers, self._ray = workers, ray
        self._pool: ProcessPoolExecutor | None = None
        self._began_ray = False

    def __enter__(self) -> Spread:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        if self._began_ray:
            import ray  # noqa: PLC0415 - optional

            ray.shutdown()

    def run(self, work: Callable[[Job], str], jobs: Sequence[Job]) -> Iterator[tuple[Job, str]]:
        """Every job with what ``work`` says of it, in the order in which they are done.

        ``work`` must be a module's own function. What it raises is raised here, and jobs that were not begun
        are left.
        """
        if self._ray is not None:
            yield from self._on_ray(work, jobs)
        elif self._workers <= 1 or len(jobs) <= 1:
            for job in jobs:
                yield job, work(job)
        else:
            yield from self._in_processes(work, jobs)

    def _in_processes(self, work: Callable[[Job], str], jobs: Sequence[Job]) -> Iterator[tuple[Job, str]]:
        if self._pool is None:
            # Processes of their own from the start: a fork does not survive the threads of torch and gRPC.
            self._pool = ProcessPoolExecutor(
                self._workers, mp_context=get_context("spawn"), initializer=_end_with_parent
            )
        futures = {self._pool.submit(work, job): job for job in jobs}
        try:
            failed: BaseException | None = None
            for future in as_completed(futures):
                if future.cancelled():
                    continue
                error = future.exception()
                if error is None:
                    yield futures[future], future.result()
                elif failed is None:
                    failed = error
                    for other in futures:
                        other.cancel()
            if failed is not None:
                raise failed
        finally:
            for future in futures:
                future.cancel()

    def _on_ray(self, work: Callable[[Job], str], jobs: Sequence[Job]) -> Iterator[tuple[Job, str]]:
        """Ray Data: https://docs.ray.io/en/latest/data/transforming-data.html. One row a job."""
        try:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a tool tells nobody that it is used
            import ray  # noqa: PLC0415 - optional
            import ray.data  # noqa: PLC0415
        except ImportError:
            raise MissingExtraError(
                "baking on several machines needs Ray; install it with: pip install 'dreamport[cluster]'"
            ) from None
        if not ray.is_initialized():
            here: dict[str, Any] = {"num_cpus": self._workers, "include_dashboard": False}
            options = here if self._ray == "local" else {"address": self._ray}
            ray.init(log_to_driver=False, logging_level=logging.WARNING, **options)
            self._began_ray = True
        # Its own progress would be a second beside ours.
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        everything = list(jobs)

        def done(row: dict[str, Any]) -> dict[str, Any]:
            # Ray wraps what is raised in classes of its own, so a full disk is told and not raised.
            try:
                answer = {"said": work(everything[int(row["item"])])}
            except DiskFullError as error:
                answer = {"full": str(error)}
            return {"job": row["item"], "answer": json.dumps(answer)}

        rows = ray.data.from_items(list(range(len(everything))), override_num_blocks=len(everything))
        for row in rows.map(done, num_cpus=1).iter_rows():
            answer = json.loads(row["answer"])
            if "full" in answer:
                raise DiskFullError(answer["full"])
            yield everything[int(row["job"])], answer["said"]


def _end_with_parent() -> None:
    """In a worker: a parent that is killed says nothing, and its workers would wait for jobs for ever."""
    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
