"""``torchrun -m dreamport serve`` or ``play``: the first process runs it, the others compute with it."""

from __future__ import annotations

import os


def follows_first() -> bool:
    """Whether another process runs this command; if so, this one has computed with it until it ended."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return False
    import signal

    from dreamport.cli.serving import log_to_stderr
    from dreamport.executors.lingbot.parallel import place_of

    if not place_of(os.environ).follows:
        return False
    from dreamport.executors.lingbot.following import follow_first

    log_to_stderr()
    # Ctrl+C reaches every process: the first one ends in its own time, and the others with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    follow_first()
    return True
