"""Is a test that looks worse really worse? Base and candidate are run in turn."""

from collections.abc import Callable, Collection, Iterator

import pytest

from agentkit.ratchet.comparing import Change
from agentkit.ratchet.outcomes import FAIL, PASS
from agentkit.ratchet.running import Run
from agentkit.ratchet.suspects import MOST_SUSPECTS, Suspicion, try_again

BASE = {"a::a": PASS}
SUSPECTS = [Change("a::a", PASS, FAIL, "fails now")]
FIRST = Run("first", {"a::a": FAIL})
Ends = Callable[[int, Collection[str] | None], str]


def _always(outcome: str) -> Ends:
    return lambda *_: outcome


def _in_turn(*outcomes: str) -> Ends:
    return lambda turn, _: outcomes[turn % len(outcomes)]


def _try(base: Ends, candidate: Ends, first: Run = FIRST) -> Suspicion:
    turns: dict[bool, int] = {True: 0, False: 0}

    def rerun(is_base: bool, only: Collection[str] | None) -> Run:
        turn, turns[is_base] = turns[is_base], turns[is_base] + 1
        return Run("again", {"a::a": (base if is_base else candidate)(turn, only)})

    return try_again(SUSPECTS, BASE, first, rerun)


def test_what_fails_each_time_and_never_in_the_base_is_worse() -> None:
    assert _try(_always(PASS), _always(FAIL)) == Suspicion()


def test_what_never_fails_again_is_cleared() -> None:
    assert _try(_always(PASS), _always(PASS)) == Suspicion(cleared=frozenset(BASE))


def test_what_fails_in_the_base_too_is_unstable() -> None:
    assert _try(_in_turn(FAIL, PASS), _in_turn(FAIL, PASS)) == Suspicion(frozenset(BASE), frozenset(BASE))


def test_what_fails_far_more_often_than_in_the_base_is_worse() -> None:
    assert _try(_always(PASS), _in_turn(FAIL, FAIL, FAIL, PASS)) == Suspicion()


def test_what_fails_only_among_all_others_is_worse() -> None:
    assert _try(_always(PASS), lambda _, only: FAIL if only is None else PASS) == Suspicion()


def test_an_early_exit_is_no_matter_of_chance() -> None:
    assert _try(_always(PASS), _always(PASS), Run("first", {}, mechanism="early-exit")) == Suspicion()


def test_so_many_suspects_are_no_accident() -> None:
    def rerun(is_base: bool, only: Collection[str] | None) -> Run:
        pytest.fail(f"ran {is_base} {only}")

    names: Iterator[str] = (f"a::{place}" for place in range(MOST_SUSPECTS + 1))
    suspects = [Change(name, PASS, FAIL, "") for name in names]
    assert try_again(suspects, {change.id: PASS for change in suspects}, FIRST, rerun) == Suspicion()
