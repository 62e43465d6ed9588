"""What the workers of the tests do; they find it by the name of this module."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from agentkit.core.lines import Record

LIMIT_S = 300.0


def answer(words: Record) -> Record:
    """Say what it was told, and by which process."""
    return {**words, "pid": os.getpid()}


def die_first(words: Record) -> Record:
    """Lose the worker the first time, and answer when it begins again."""
    if not words.get("is_again"):
        os.kill(os.getpid(), signal.SIGKILL)
    return answer(words)


def die(_: Record) -> Record:
    """Lose the worker each time."""
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def stop(_: Record) -> Record:
    """Hold the worker: it neither ends nor hears that it should."""
    os.kill(os.getpid(), signal.SIGSTOP)
    return {}


def sleep(words: Record) -> Record:
    """Say by a file that it is there, and work on and on."""
    (Path(str(words["folder"])) / f"{os.getpid()}").touch()
    time.sleep(LIMIT_S)
    return {}


def end_at_once() -> None:
    """Be no worker at all."""
    os._exit(1)


def hold_pool(folder: str) -> None:
    """Have two workers at work until somebody ends this process."""
    from agentkit.evolve.pool import Pool, Task, make_local

    with Pool(make_local, 2) as pool:
        for name in "ab":
            pool.submit(Task(name, sleep, {"folder": folder}, LIMIT_S))
        pool.wait()
