"""How do tasks run on several workers, so that one that dies costs a repeat and nothing else?

The workers are those of a `concurrent.futures.Executor`. With one of its workers such a pool is lost whole: another one
takes its place, and what had not ended begins again. Nobody can tell then which of the tasks it was. One that was there
twice runs alone from then on, and one that loses its worker three times while it is alone is given up.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Self

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import Record
from agentkit.core.tree import die_with_parent

LOSSES_TOGETHER = 2
LOSSES_ALONE = 3
# So long a worker that was killed may take to be gone, and a new one to say a word.
END_S = 60.0


@dataclass(frozen=True)
class Task:
    """A function of a module and the record that it gets; both cross to another process.

    `name` tells it from the others. A worker that is not done with it within `limit_s` is killed: each of its steps has
    a limit of its own, so that worker is stopped, or hangs. Where it begins again its record says so, by `is_again`.
    `losses` is how often its pool was lost under it, `alone` how often when it was the only one there.
    """

    name: str
    function: Callable[[Record], Record]
    words: Record
    limit_s: float
    losses: int = 0
    alone: int = 0


@dataclass(frozen=True)
class Finished:
    """A task that ended, and what came back; None where it lost each of its workers."""

    task: Task
    evidence: Record | None


class Pool:
    """Owns the workers; at most `jobs` tasks are taken in at a time. Leaving it ends them, whatever they do."""

    def __init__(self, make: Callable[[int], Executor], jobs: int) -> None:
        self._make = make
        self._jobs = jobs
        self._executor: Executor | None = None
        self._running: dict[Future[Record], Task] = {}
        self._due: dict[Future[Record], float] = {}
        self._again: deque[Task] = deque()
        self._suspects: deque[Task] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._executor is not None:
            if self._running:
                end_workers()
            self._executor.shutdown(wait=True, cancel_futures=True)

    @property
    def count(self) -> int:
        """Return how many tasks are here."""
        return len(self._running) + len(self._again) + len(self._suspects)

    @property
    def has_room(self) -> bool:
        """Tell whether one more task would be begun now."""
        return self.count < self._jobs and not self._suspects

    def submit(self, task: Task) -> None:
        """Take in a task."""
        self._again.append(task)
        self._start()

    def wait(self) -> list[Finished]:
        """Return the tasks that end next, one at least; [] where there is none.

        Raises AgentkitError (unavailable) where no worker can be had at all.
        """
        finished: list[Finished] = []
        while not finished and self.count:
            self._start()
            is_alone = len(self._running) == 1
            ended = self._wait_for_one()
            lost = {future for future in ended if isinstance(future.exception(), BrokenExecutor)}
            finished += [Finished(self._running.pop(future), future.result()) for future in ended - lost]
            if lost:
                finished += self._begin_again(is_alone=is_alone)
        return finished

    def _wait_for_one(self) -> set[Future[Record]]:
        """Return what has ended, one at least; what is past its limit loses its worker, and with that the pool."""
        due = min(self._due[future] for future in self._running)
        ended, _ = wait(self._running, timeout=max(0.0, due - time.monotonic()), return_when=FIRST_COMPLETED)
        if not ended:
            end_workers()
            ended, _ = wait(self._running, timeout=END_S)
        if not ended:
            raise _no_workers()
        return ended

    def _start(self) -> None:
        """Begin what may begin: a suspect when nothing else runs, the others while there is none."""
        while self._again and not self._suspects:
            self._run(self._again.popleft())
        if self._suspects and not self._running:
            self._run(self._suspects.popleft())

    def _run(self, task: Task) -> None:
        for _ in range(LOSSES_ALONE):
            if self._executor is None:
                self._executor = self._make(self._jobs)
            try:
                future = self._executor.submit(task.function, task.words)
            except BrokenExecutor:
                # A worker that had nothing to do was lost.
                self._drop()
            else:
                self._running[future] = task
                self._due[future] = time.monotonic() + task.limit_s
                return
        raise _no_workers()

    def _begin_again(self, *, is_alone: bool) -> list[Finished]:
        """Let what a lost pool had not ended begin again; return what ended just before, and what is given up."""
        finished = []
        if wait(self._running, timeout=END_S).not_done:
            raise _no_workers()
        for future, task in self._running.items():
            if not isinstance(future.exception(), BrokenExecutor):
                finished.append(Finished(task, future.result()))
                continue
            # What a worker was about when it was lost may be done.
            words = {**task.words, "is_again": True}
            again = replace(task, words=words, losses=task.losses + 1, alone=task.alone + is_alone)
            if again.alone >= LOSSES_ALONE:
                finished.append(Finished(again, None))
            elif again.losses >= LOSSES_TOGETHER:
                self._suspects.append(again)
            else:
                self._again.append(again)
        self._running, self._due = {}, {}
        self._drop()
        if any(one.evidence is None for one in finished):
            self._demand_workers()
        return finished

    def _drop(self) -> None:
        if self._executor is not None:
            # The end that a pool asks for would not be heard by a worker that is stopped.
            end_workers()
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None

    def _demand_workers(self) -> None:
        """Raise AgentkitError where it was no task's fault: a worker that has nothing to do dies as well."""
        self._executor = self._make(self._jobs)
        try:
            self._executor.submit(os.getpid).result(timeout=END_S)
        except (BrokenExecutor, TimeoutError):
            self._drop()
            raise _no_workers() from None


def make_local(jobs: int) -> Executor:
    """Return an executor of processes of this machine, which die with this one."""
    # They look for modules where we do: never in the folder that we were called from.
    os.environ["PYTHONSAFEPATH"] = "1"
    # Its tracker says how it cleans up after a run that was killed: nobody can do anything with that.
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin_worker, initargs=(os.getpid(),))


def end_workers() -> None:
    """Kill the workers of this process; with each goes what it runs."""
    for worker in multiprocessing.active_children():
        worker.kill()


def _begin_worker(parent: int) -> None:
    die_with_parent()
    if os.getppid() != parent:
        os._exit(Exit.INTERNAL)  # it died before it could be told of
    # Ctrl-C reaches all of a terminal; what becomes of a worker is its parent's to say. Ignored altogether it would be
    # for the tests of a candidate as well.
    signal.signal(signal.SIGINT, lambda *_: None)


def _no_workers() -> AgentkitError:
    return AgentkitError(
        "workers die as soon as they are started", hint="fewer --jobs, if memory is short", status=Exit.UNAVAILABLE
    )
