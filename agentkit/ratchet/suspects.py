"""Is a test that looks worse really worse, or was it always like that?

Suspects are run again, base and candidate in turn: only the accepted commit can show that a test is unstable, and a
candidate is rejected only where it is worse than that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from agentkit.ratchet.comparing import Change
from agentkit.ratchet.outcomes import MISSING, RANK, Outcomes
from agentkit.ratchet.running import Run

# Three rounds tell what always fails from what never does; the further ones are for what is in between.
FIRST_ROUNDS, FURTHER_ROUNDS, WHOLE_ROUNDS = 3, 5, 2
# Of all rounds together the candidate has to fail in so many more than the base.
WORSE_BY = 4
# More suspects than these are no accident.
MOST_SUSPECTS = 200

# `rerun(is_base, ids)` runs those tests once more, or all of them where `ids` is None.
Rerun = Callable[[bool, Collection[str] | None], Run]


@dataclass(frozen=True)
class Suspicion:
    """What came of it: ids that the accepted commit does not hold itself, and ids where the candidate is no worse."""

    unstable: frozenset[str] = frozenset()
    cleared: frozenset[str] = frozenset()


def try_again(suspects: Iterable[Change], base: Outcomes, first: Run, rerun: Rerun) -> Suspicion:
    """Return which suspects are cleared by further runs, and which of all are unstable."""
    names = {change.id for change in suspects}
    if len(names) > MOST_SUSPECTS or first.mechanism == "early-exit":
        return Suspicion()
    alone = _Tally(names, base)
    alone.run(FIRST_ROUNDS, names, rerun)
    worse = {name for name in names if alone.always_worse(name)}
    never = {name for name in names if alone.fails[name] == 0}
    # What fails among all and never alone is tried among all: tests may lean on each other.
    whole = _Tally(never, base)
    if never:
        whole.run(WHOLE_ROUNDS, None, rerun)
        worse |= {name for name in never if whole.always_worse(name)}
    shaky = names - worse - never
    if shaky:
        alone.run(FURTHER_ROUNDS, shaky, rerun)
        worse |= {name for name in shaky if alone.fails[name] - alone.base_fails[name] >= WORSE_BY}
    unstable = {name for name in names if alone.base_fails[name] or whole.base_fails.get(name)}
    return Suspicion(frozenset(unstable - worse), frozenset(names - worse))


class _Tally:
    """How often the base and the candidate were worse than the baseline, test by test."""

    def __init__(self, names: Iterable[str], base: Outcomes) -> None:
        self._base = base
        self._rounds = 0
        self.base_fails = dict.fromkeys(names, 0)
        self.fails = dict(self.base_fails)

    def run(self, rounds: int, only: Collection[str] | None, rerun: Rerun) -> None:
        self._rounds += rounds
        for _ in range(rounds):
            self._count(self.base_fails, rerun(True, only).outcomes)
            self._count(self.fails, rerun(False, only).outcomes)

    def always_worse(self, name: str) -> bool:
        return self.base_fails[name] == 0 and self.fails[name] == self._rounds

    def _count(self, fails: dict[str, int], outcomes: Mapping[str, str]) -> None:
        for name in fails:
            if RANK[outcomes.get(name, MISSING)] < RANK[self._base[name]]:
                fails[name] += 1
