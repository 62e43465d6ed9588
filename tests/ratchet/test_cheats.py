"""Code and tests that break something and hide it: none may be accepted, each has to be told by its kind."""

import json
import os
import random
import subprocess

import pytest

from agentkit.core.ourselves import call_ourselves
from agentkit.ratchet.verdict import ACCEPT
from tests.ratchet.allcheats import ALL, KINDS, find_fault
from tests.ratchet.conftest import TakeToy
from tests.ratchet.toy import BROKEN, Toy

# tests/sweeps/ratchet_cheats.py tries them all.
SAMPLED = 1


@pytest.mark.parametrize("turn", range(SAMPLED))
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_cheat_is_not_accepted_and_is_told_by_its_kind(
    kind: str, turn: int, take_toy: TakeToy, random_choices: random.Random
) -> None:
    cheat = random_choices.sample(KINDS[kind], SAMPLED)[turn]
    toy = take_toy(cheat.settings)
    cheat.apply(toy)
    assert find_fault(cheat, toy.judge().verdict) is None


def test_there_are_cheats_of_all_kinds_and_each_has_its_own_name() -> None:
    assert len({cheat.name for cheat in ALL}) == len(ALL) >= 65


def test_the_same_work_without_a_cheat_is_accepted(toy: Toy) -> None:
    assert toy.judge().verdict.answer == ACCEPT


def _check(toy: Toy) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        call_ourselves("ratchet", "check", "--json"),
        cwd=toy.folder,
        env=dict(toy.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_line_rejects_a_deleted_test_with_1(toy: Toy) -> None:
    toy.write("tests/test_price.py", None)
    toy.commit()
    ended = _check(toy)
    told = json.loads(ended.stdout)
    assert (ended.returncode, told["answer"], told["mechanism"]) == (1, "reject", "deleted-test")


def test_code_that_ends_its_judge_is_not_accepted(toy: Toy) -> None:
    toy.write("src/shop/price.py", BROKEN + "\n\nimport os\nimport signal\n\nos.kill(os.getppid(), signal.SIGKILL)\n")
    toy.commit()
    refs = toy.git("for-each-ref")
    ended = _check(toy)
    assert ended.returncode != os.EX_OK
    assert toy.git("for-each-ref") == refs
