"""Does a branch get back to an earlier state by going forward, with nobody's work touched?"""

from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.ratchet.outcomes import PASS
from agentkit.ratchet.rollback import roll_back
from tests.ratchet.ownrepository import OwnRepository

BASELINES = [{"t::one": PASS}, {"t::one": PASS, "t::two": PASS}, {"t::one": PASS, "t::three": PASS}]


@pytest.fixture
def own(tmp_path: Path) -> OwnRepository:
    """Return a repository with three states."""
    own = OwnRepository(tmp_path / "own")
    own.found(BASELINES[0])
    own.accept({"a.py": "a = 2\n", "two.py": "2\n"}, BASELINES[1])
    own.accept({"a.py": "a = 3\n", "gone.py": None}, BASELINES[2])
    return own


def _roll_back(own: OwnRepository, steps: int = 1, *, is_dry: bool = False) -> list[str]:
    return roll_back(str(own.folder), own.environ, steps, is_dry=is_dry)


def test_the_branch_goes_forward_to_the_old_tree_with_its_baseline(own: OwnRepository) -> None:
    tip = own.commit()
    own.write({"b.py": "edited\n", "mine": "mine\n"})
    [line] = _roll_back(own)
    assert line.startswith(f"main went forward to {own.commit()[:12]}, with the tree of state 2 (")
    assert own.git("log", "-1", "--format=%P") == tip
    assert own.git("rev-parse", "HEAD^{tree}") == own.git("rev-parse", "HEAD~2^{tree}")
    assert (own.folder / "a.py").read_text() == "a = 2\n"
    assert (own.folder / "gone.py").exists()
    assert own.git("status", "--porcelain").split() == ["M", "b.py", "??", "mine"]
    state = own.state
    assert (state.number, state.place, state.baseline, state.accepted) == (4, 2, BASELINES[1], own.commit())
    assert own.git("log", "-1", "--format=%s").startswith("Roll back to accepted state 2")
    assert own.is_clean()


def test_two_steps_go_back_by_two_and_so_does_one_step_twice(own: OwnRepository, tmp_path: Path) -> None:
    _roll_back(own)
    _roll_back(own)
    assert (own.state.place, own.state.baseline) == (1, BASELINES[0])
    assert own.git("rev-parse", "HEAD^{tree}") == own.git("rev-parse", "HEAD~4^{tree}")
    own.accept({"a.py": "a = 9\n"})
    _roll_back(own, 1)
    assert (own.state.place, own.state.baseline) == (1, BASELINES[0])


def test_a_dry_run_says_what_would_be_and_moves_nothing(own: OwnRepository) -> None:
    before = own.look()
    [line] = _roll_back(own, 2, is_dry=True)
    assert line.startswith("would put on main a commit with the tree of state 1 (")
    assert own.look() == before


def test_commits_that_were_never_accepted_stay_in_the_history(own: OwnRepository) -> None:
    own.write({"b.py": "by hand\n"})
    own.git("commit", "-qam", "by hand")
    tip = own.commit()
    _roll_back(own)
    assert own.git("log", "-1", "--format=%P") == tip
    assert (own.folder / "b.py").read_text() == "b = 1\n"


def test_work_in_the_way_keeps_everything_where_it_is(own: OwnRepository) -> None:
    own.write({"a.py": "mine\n"})
    before = own.look()
    with pytest.raises(AgentkitError, match=r"in the way of the rollback.*a\.py") as caught:
        _roll_back(own)
    assert caught.value.status == Exit.REFUSED
    assert own.look() == before
    assert own.find_litter() == []


@pytest.mark.parametrize(("steps", "status"), [(0, Exit.USAGE), (-1, Exit.USAGE), (3, 69), (99, Exit.UNAVAILABLE)])
def test_steps_that_lead_nowhere_are_told(own: OwnRepository, steps: int, status: int) -> None:
    before = own.look()
    with pytest.raises(AgentkitError) as caught:
        _roll_back(own, steps)
    assert caught.value.status == status
    assert own.look() == before
