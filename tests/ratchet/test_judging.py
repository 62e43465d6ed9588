"""The case of a candidate: what counts as evidence, and what others may do while it is judged."""

# ruff: noqa: E501  # a line of a test that is judged stands as it is written

from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.ratchet.judging import Judgement, find_baseline, judge
from agentkit.ratchet.moving import accept_candidate
from agentkit.ratchet.outcomes import MISSING
from agentkit.ratchet.state import read_state, write_state
from agentkit.ratchet.verdict import ACCEPT, NO_EVIDENCE, REJECT
from tests.ratchet.conftest import TakeToy
from tests.ratchet.toy import BROKEN, CONFTEST, FILES, HOLDOUT, PRICE, STOCK, TEST_PRICE, Toy, make_toy

PRICE_FILE, TESTS = "src/shop/price.py", "tests/test_price.py"
TOTAL = "tests.test_price::test_total"


def _judge_while(toy: Toy, deed: Callable[[], object]) -> Judgement:
    """Judge what is checked out, and do something once while its tests run."""
    waiting = [deed]

    def tell(_name: str, _done: int, _total: int | None) -> None:
        if waiting:
            waiting.pop()()

    commit = toy.commit()
    return judge(toy.repository, read_state(toy.repository), commit, tell)


def _accept_as_it_is(toy: Toy) -> None:
    """Accept a commit of the same tree, as another candidate would be."""
    repository = toy.repository
    state = read_state(repository)
    commit = toy.git("commit-tree", f"{state.accepted}^{{tree}}", "-p", state.accepted, "-m", "other")
    new = write_state(repository, state, commit, state.branch, state.baseline, state.unstable, state.metrics, {})
    accept_candidate(repository, state, new, commit)


def test_a_regression_is_told_test_by_test(toy: Toy) -> None:
    toy.write(PRICE_FILE, BROKEN)
    judgement = toy.judge()
    assert judgement.verdict.answer == REJECT
    assert [(change.id, change.was, change.now) for change in judgement.verdict.comparison.regressed] == [
        (TOTAL, "pass", "fail"),
        (f"{TOTAL}_of_nothing", "pass", "fail"),
    ]
    assert "assert 4 == 3" in judgement.failures[TOTAL]
    assert judgement.verdict.mechanism is None


def test_a_test_that_is_gone_is_missing_and_regressed(toy: Toy) -> None:
    toy.write(TESTS, None)
    found = toy.judge().verdict.comparison
    assert TOTAL in found.missing
    assert {change.now for change in found.regressed} == {MISSING}


def test_code_that_cannot_be_imported_takes_its_tests_with_it(toy: Toy) -> None:
    toy.write(PRICE_FILE, "def total(:\n")
    assert toy.judge().verdict.answer == REJECT


def test_another_candidate_that_is_accepted_meanwhile_is_no_fault_of_this_one(toy: Toy) -> None:
    toy.git("switch", "--quiet", "--detach")
    assert _judge_while(toy, lambda: _accept_as_it_is(toy)).verdict.answer == ACCEPT


def test_what_is_fetched_meanwhile_is_no_fault_of_the_candidate(toy: Toy) -> None:
    toy.git("update-ref", "refs/remotes/origin/main", "HEAD")
    deed = lambda: toy.git("update-ref", "-d", "refs/remotes/origin/main")  # noqa: E731  # what happens meanwhile
    assert _judge_while(toy, deed).verdict.answer == ACCEPT


def test_what_others_propose_meanwhile_is_no_fault_of_the_candidate(toy: Toy) -> None:
    deed = lambda: toy.git("update-ref", "refs/agentkit/candidates/0123", "HEAD")  # noqa: E731  # what happens meanwhile
    assert _judge_while(toy, deed).verdict.answer == ACCEPT


@pytest.mark.parametrize(
    "words",
    [
        ("update-ref", "refs/agentkit/ratchet", "HEAD"),
        ("update-ref", "-d", "refs/agentkit/ratchet"),
        ("update-ref", "refs/agentkit/new", "HEAD"),
        ("update-ref", "-d", "refs/agentkit/candidates/old"),
        ("update-ref", "-d", "refs/heads/other"),
        ("config", "core.fsmonitor", "true"),
    ],
    ids=" ".join,
)
def test_what_is_moved_or_set_meanwhile_rejects(toy: Toy, words: tuple[str, ...]) -> None:
    toy.git("branch", "other")
    toy.git("update-ref", "refs/agentkit/candidates/old", "HEAD")
    verdict = _judge_while(toy, lambda: toy.git(*words)).verdict
    assert (verdict.answer, verdict.mechanism) == (REJECT, "judge-changed")


def test_a_person_lets_the_settings_change(take_toy: TakeToy) -> None:
    toy = take_toy("")
    toy.write("agentkit.toml", '[ratchet]\nlimit = "10m"\n')
    commit = toy.commit()
    assert toy.judge(commit).verdict.answer == REJECT
    assert toy.judge(commit, may_change_judge=True).verdict.answer == ACCEPT


def test_a_look_at_the_judge_counts_for_nothing_where_a_holdout_says_that_all_is_well(take_toy: TakeToy) -> None:
    toy = take_toy(HOLDOUT)
    toy.write(
        PRICE_FILE,
        PRICE.replace("return sum", "import sys\n\n    assert 'x_pytest' not in sys.modules\n    return sum"),
    )
    toy.write("src/shop/more.py", "import sys\n\nUNDER = 'pytest' in sys.modules\n")
    assert toy.judge().verdict.answer == ACCEPT


def test_a_tree_that_no_git_writes_is_refused(toy: Toy) -> None:
    blob = toy.git("hash-object", "-w", "--stdin", stdin="[core]\n\tfsmonitor = touch x\n")
    inner = toy.git("mktree", stdin=f"100644 blob {blob}\tconfig\n")
    rest = toy.git("ls-tree", "HEAD")
    raw = toy.git("mktree", stdin=f"{rest}\n040000 tree {inner}\t.git\n")
    commit = toy.git("commit-tree", raw, "-p", "HEAD", "-m", "odd")
    verdict = toy.judge(commit).verdict
    assert (verdict.answer, verdict.mechanism) == (REJECT, "link-escape")


def test_a_test_that_fails_now_and_then_in_the_accepted_commit_rejects_nobody(
    toy: Toy, tmp_path_factory: pytest.TempPathFactory
) -> None:
    counter = tmp_path_factory.mktemp("counter") / "count"
    counter.write_text("0")
    shaky = (
        "\n\ndef test_shaky():\n    from pathlib import Path\n\n"
        f"    place = Path({str(counter)!r})\n    count = int(place.read_text())\n    place.write_text(str(count + 1))\n"
        "    assert count % 2 == 0\n"
    )
    own = make_toy(tmp_path_factory.mktemp("shaky") / "toy", FILES | {TESTS: TEST_PRICE + shaky})
    first = own.found()
    assert first.unstable == {"tests.test_price::test_shaky"}
    own.replace(PRICE_FILE, "def tax", "# taxes\ndef tax")
    assert own.judge().verdict.answer == ACCEPT


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"README.md": ""}, "no test was found"),
        ({"test_a.py": "import os\n\nos._exit(0)\n"}, "left before its report was whole"),
        (
            {"test_a.py": "def test_a():\n    pass\n", "pytest.ini": "[pytest]\naddopts = --no-such-option\n"},
            "ended with 4",
        ),
    ],
)
def test_no_evidence_is_never_a_first_baseline(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, str], said: str
) -> None:
    toy = make_toy(tmp_path_factory.mktemp("first") / "toy", files)
    with pytest.raises(AgentkitError, match=said) as caught:
        find_baseline(toy.repository, toy.git("rev-parse", "HEAD"))
    assert caught.value.status == Exit.BAD_DATA


def test_failing_and_skipped_tests_are_held_as_they_are(tmp_path_factory: pytest.TempPathFactory) -> None:
    text = "import pytest\n\ndef test_a():\n    assert 0\n\n@pytest.mark.s\x6bip\ndef test_b():\n    pass\n\ndef test_c():\n    pass\n"
    toy = make_toy(tmp_path_factory.mktemp("held") / "toy", {"test_a.py": text})
    assert toy.found().outcomes == {"test_a::test_a": "fail", "test_a::test_b": "skip", "test_a::test_c": "pass"}


def test_a_run_that_ends_before_any_stable_test_is_no_evidence(toy: Toy) -> None:
    toy.write(PRICE_FILE, BROKEN + "\n\nimport os\n\nos._exit(0)\n")
    verdict = toy.judge().verdict
    assert (verdict.answer, verdict.mechanism) == (NO_EVIDENCE, "early-exit")


def test_a_fixture_that_every_test_gets_is_judged_by_the_accepted_conftest(toy: Toy) -> None:
    mend = "\n\n@pytest.fixture(autouse=True)\ndef _mend(monkeypatch):\n    monkeypatch.setattr('tests.test_price.total', sum)\n"
    toy.write(PRICE_FILE, BROKEN)
    toy.write("tests/conftest.py", CONFTEST + mend)
    verdict = toy.judge().verdict
    assert (verdict.answer, verdict.mechanism) == (REJECT, "judge-changed")


RULES = "def hold(found, wanted):\n    assert found == wanted\n"
NAMED = {
    "agentkit.toml": f'[ratchet]\npytest = ["{TESTS}"]\n',
    "tests/test_rules.py": RULES,
    TESTS: "from shop.price import total\nfrom tests.test_rules import hold\n\n\ndef test_total():\n    hold(total([1, 2]), 3)\n",
}
# By another program, so that nobody sees a file of the tests being opened.
SPOIL = """

import subprocess
from pathlib import Path

_rules = Path(__file__).parents[2] / "tests" / "test_rules.py"
subprocess.run(["sh", "-c", 'printf "def hold(found, wanted):\\n    pass\\n" > "$0"', _rules], check=True, timeout=20)
"""


def test_what_a_named_part_of_the_tests_imports_is_what_was_accepted(tmp_path: Path) -> None:
    own = make_toy(tmp_path / "toy", FILES | NAMED)
    assert list(own.found().outcomes) == [TOTAL]
    # The fixtures import it before any test is.
    own.write("src/shop/stock.py", STOCK + SPOIL)
    own.write(PRICE_FILE, BROKEN)
    found = own.judge().verdict
    assert (found.answer, [change.id for change in found.comparison.regressed]) == (REJECT, [TOTAL])
