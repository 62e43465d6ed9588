"""Which of those that were accepted is the best."""

from __future__ import annotations

import json
from collections.abc import Mapping

from agentkit.evolve.candidate import Candidate
from agentkit.evolve.choosing import rank

SIZE, SPEED = ("size", "lower"), ("speed", "higher")


def make(
    name: str, at: float, state: str = "accepted", metrics: Mapping[tuple[str, str], float] | None = None
) -> Candidate:
    rows = [{"name": key, "direction": way, "now": now} for (key, way), now in (metrics or {}).items()]
    return Candidate(name, at, "/r", "refs/heads/main", "b", "p", state=state, verdict=json.dumps({"metrics": rows}))


def names(candidates: list[Candidate]) -> str:
    return "".join(one.id for one in candidates)


def test_without_a_score_the_first_accepted_wins() -> None:
    found = rank([make("c", 3.0), make("a", 1.0, "rejected"), make("b", 2.0), make("d", 2.0)], ())
    assert names(found) == "bdc"


def test_nothing_is_chosen_where_nothing_was_accepted() -> None:
    assert rank([make("a", 1.0, "rejected"), make("b", 2.0, "no-evidence")], ("size",)) == []


def test_the_direction_of_a_metric_says_what_is_better() -> None:
    given = [make("a", 1.0, metrics={SIZE: 3, SPEED: 3}), make("b", 2.0, metrics={SIZE: 2, SPEED: 5})]
    assert names(rank(given, ("size",))) == names(rank(given, ("speed",))) == "ba"


def test_the_first_metric_counts_most_then_the_next_then_the_earliest() -> None:
    given = [
        make("d", 4.0, metrics={SIZE: 1, SPEED: 7}),
        make("c", 3.0, metrics={SIZE: 1, SPEED: 7}),
        make("b", 2.0, metrics={SIZE: 1, SPEED: 9}),
        make("a", 1.0, metrics={SIZE: 2, SPEED: 99}),
    ]
    assert names(rank(given, ("size", "speed"))) == "bcda"


def test_what_was_not_measured_is_worst() -> None:
    given = [make("a", 1.0), make("b", 2.0, metrics={SPEED: 0})]
    assert names(rank(given, ("speed",))) == "ba"
