"""How are the checks run, each in its turn and none of them twice without need?

What fails is asked a second time when the others are through, for it may have been the crowd that was too much for it.
A hang is not, unless other work kept it from the processor: a probe of what hangs ends with its limit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from agentkit.core.crowd import count_processors
from agentkit.core.errors import Exit
from agentkit.core.process import Ended, Program, run_programs
from agentkit.depmap.probing.asked import Check
from agentkit.depmap.probing.turns import Turns

OK, FAILED, HANG, UNKILLABLE, NOT_RUN = "ok", "failed", "hang", "unkillable", "not-run"
KEEP_BYTES = 2000
AT_ONCE = 256
# Those that are asked again should not be a crowd once more.
AGAIN_AT_ONCE = 16
SHORTEST_S = 0.001
# Between SIGTERM and SIGKILL: a question has little to put in order.
GRACE = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a check: its state, how its program ended, and whether it was asked a second time.

    `ended` is None for a check that was not started because an unkillable process of its last run is there.
    """

    state: str
    ended: Ended | None
    was_asked_again: bool = False


def run_checks(
    checks: Sequence[Check],
    turns: Turns,
    *,
    stuck: Collection[int],
    environ: Mapping[str, str],
    limit_s: float,
    at_once: int = AT_ONCE,
    tell: Callable[[int], None] | None = None,
) -> dict[int, Answer]:
    """Return {check: its answer} of all that were asked; one that is missing had no turn, or not the time for it.

    `stuck` are checks that are not to be started. `tell` is called now and then with how many have answered.
    """
    due = time.monotonic() + limit_s
    # A plain copy: the environment itself is decoded anew at each look, and each start looks at all of it.
    # Who starts us can leave a variable without a name in it, which no program has a use for.
    rounds = _Rounds(checks, turns, stuck, {name: value for name, value in environ.items() if name}, tell)
    rounds.run(turns.begin(), at_once, due)
    while time.monotonic() < due and (again := rounds.find_doubtful()):
        rounds.asked_again.update(again)
        rounds.run(again, min(at_once, AGAIN_AT_ONCE), due, computing=count_processors())
    return rounds.answers


@dataclass(slots=True)
class _Rounds:
    """The rounds of one probe, and what they have brought so far."""

    checks: Sequence[Check]
    turns: Turns
    stuck: Collection[int]
    environ: Mapping[str, str]
    tell: Callable[[int], None] | None
    answers: dict[int, Answer] = field(default_factory=dict)
    asked_again: set[int] = field(default_factory=set)

    def run(self, queue: Sequence[int], at_once: int, due: float, computing: int | None = None) -> None:
        """Run these checks, and all whose turn it becomes because of them."""
        started: list[int] = []

        def start(checks: Sequence[int]) -> list[Program]:
            free = [check for check in checks if check not in self.stuck]
            self.answers.update((check, Answer(UNKILLABLE, None)) for check in checks if check in self.stuck)
            started.extend(free)
            return [self._to_program(self.checks[check]) for check in free]

        def follow(place: int, ended: Ended) -> list[Program]:
            check = started[place]
            state = _judge(ended, self.checks[check].limit_s)
            if state is None:
                return []
            self.answers[check] = Answer(state, ended, check in self.asked_again)
            return start(self.turns.pass_on(check)) if state == OK else []

        limit = timedelta(seconds=max(SHORTEST_S, due - time.monotonic()))
        run_programs(
            start(queue), at_once=at_once, computing=computing, limit=limit, follow=follow, tell=self._find_teller()
        )

    def find_doubtful(self) -> list[int]:
        """Return the checks that are worth a second time, and did not have it yet."""
        return [check for check, one in self.answers.items() if check not in self.asked_again and _is_doubtful(one)]

    def _to_program(self, check: Check) -> Program:
        limit = timedelta(seconds=max(SHORTEST_S, check.limit_s))
        return Program(check.run, limit, GRACE, environment=self.environ, keep_bytes=KEEP_BYTES)

    def _find_teller(self) -> Callable[[], None] | None:
        tell = self.tell
        return None if tell is None else lambda: tell(len(self.answers))


def _judge(ended: Ended, limit_s: float) -> str | None:
    """Return the state that an end tells of; None where the limit over all came before there was an answer."""
    if ended.outcome == "unkillable":
        return UNKILLABLE
    if ended.outcome == "timed-out":
        return HANG if ended.duration.total_seconds() >= limit_s else None
    if ended.status is None:
        return None
    if ended.outcome == "not-started" and ended.status == Exit.WRAPPER_FAILED:
        return NOT_RUN  # no room for a process or a descriptor: that tells of us, and nothing of what was to be asked
    return OK if ended.outcome == "exited" and ended.status == 0 else FAILED


def _is_doubtful(answer: Answer) -> bool:
    if answer.state == HANG:
        return answer.ended is not None and answer.ended.was_starved
    if answer.state == NOT_RUN:
        return True
    return answer.state == FAILED and answer.ended is not None and answer.ended.outcome != "not-started"
