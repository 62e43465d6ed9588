"""Does `at_most` hold over any window, for many processes at once and for clocks that jump?"""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit.think.runbooks import find_runs, note_of, run_runbook
from agentkit.think.store import Store, open_store
from tests.conftest import ROOT
from tests.think.ownrunbooks import APPEND, add_finding, make_runbook, read_referee, run

NOW_S = 1_800_000_000.0
HOUR_S = 3600.0
MANY, AT_MOST, LIMIT_S = 8, 3, 120
RUNBOOKS = " ".join(f"runbook-{number}" for number in range(8))
ONE_OF_MANY = """
import json, os, sys
from agentkit.think.store import open_store
from tests.think.ownrunbooks import run
with open_store(os.environ) as store:
    os.write(1, b"ready")
    os.read(0, 1)
    for name in sys.argv[4].split():
        for fingerprint in sys.argv[5:]:
            [[text]] = store.select("SELECT record FROM findings WHERE fingerprint = ?", (fingerprint,))
            run(store, ("sh", "-c", sys.argv[1], sys.argv[2]), json.loads(text), os.environ,
                name=name, at_most=(int(sys.argv[3]), 3600.0))
"""


@pytest.fixture
def store(environ: dict[str, str]) -> Iterator[Store]:
    with open_store(environ) as opened:
        yield opened


def test_one_that_ran_too_often_is_not_run_and_may_be_later(store: Store, environ: dict[str, str]) -> None:
    record, runbook = {}, make_runbook(["true"], at_most=(2, HOUR_S))

    def run_at(fingerprint: str, after_s: float) -> str:
        record.update(add_finding(store, fingerprint))
        outcome = run_runbook(store, runbook, record, environ=environ, chosen_by="match", now=NOW_S + after_s)
        return outcome.state

    assert [run_at(name, 0) for name in "ab"] == ["ok", "ok"]
    assert run_at("c", HOUR_S - 1) == "too_often"
    assert find_runs(store, "c") == []
    assert run_at("c", HOUR_S) == "ok"
    other = make_runbook(["true"], name="other", at_most=(2, HOUR_S))
    assert run_runbook(store, other, record, environ=environ, chosen_by="match", now=NOW_S).state == "ok"


def test_the_note_says_what_holds_it_back(store: Store, environ: dict[str, str]) -> None:
    outcome = run(store, ("true",), add_finding(store, "one"), environ, at_most=(0, HOUR_S))
    assert (outcome.state, outcome.status, outcome.is_new) == ("too_often", None, False)
    assert "not run: at_most: it ran 0 times in 1h" in note_of(outcome)


def test_a_clock_that_was_wrong_for_years_holds_nothing_back(store: Store, environ: dict[str, str]) -> None:
    runbook = make_runbook(["true"], at_most=(1, HOUR_S))
    states = [
        run_runbook(
            store, runbook, add_finding(store, f"{now_s}"), environ=environ, chosen_by="match", now=NOW_S + now_s
        ).state
        for now_s in (1e8, 0.0, -HOUR_S / 2, HOUR_S / 2)
    ]
    assert states == ["ok", "ok", "too_often", "too_often"]


def test_in_no_window_does_it_run_more_often(
    store: Store, environ: dict[str, str], random_choices: random.Random
) -> None:
    count, per_s = random_choices.randint(1, 4), random_choices.uniform(10, 100)
    runbook = make_runbook(["true"], at_most=(count, per_s))
    now_s, ran, wanted = NOW_S, [], []
    for number in range(40):
        now_s += random_choices.expovariate(count / per_s * 2)
        record = add_finding(store, str(number))
        wanted.append(sum(at > now_s - per_s for at in ran) < count)
        outcome = run_runbook(store, runbook, record, environ=environ, chosen_by="match", now=now_s)
        assert (outcome.state == "ok") == wanted[-1]
        if outcome.is_new:
            ran.append(now_s)
    assert set(wanted) == {True, False}
    assert all(sum(at - per_s < other <= at for other in ran) <= count for at in ran)


def test_many_processes_at_once_stay_below_it_together(environ: dict[str, str], tmp_path: Path) -> None:
    names = [f"finding-{number}" for number in range(MANY)]
    _run_many(environ, tmp_path, [[name] for name in names], RUNBOOKS, AT_MOST)
    with open_store(environ) as store:
        counts = dict(store.select("SELECT runbook, COUNT(*) FROM runs WHERE state = 'ok' GROUP BY runbook"))
    assert counts == dict.fromkeys(RUNBOOKS.split(), AT_MOST)
    assert sum(read_referee(tmp_path / "referee").values()) == AT_MOST * len(counts)


def test_many_processes_at_once_run_each_finding_once(
    environ: dict[str, str], tmp_path: Path, random_choices: random.Random
) -> None:
    names = [f"finding-{number}" for number in range(4)]
    _run_many(environ, tmp_path, [random_choices.sample(names, 4) for _ in range(MANY)], "restart", 1000)
    assert read_referee(tmp_path / "referee") == {(name, 1): 1 for name in names}


def _run_many(environ: dict[str, str], folder: Path, shares: list[list[str]], runbooks: str, most: int) -> None:
    with open_store(environ) as store:
        for name in {name for share in shares for name in share}:
            add_finding(store, name)
    many = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_OF_MANY, APPEND, str(folder / "referee"), str(most), runbooks, *share],
            env=environ, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for share in shares
    ]  # fmt: skip
    # All at once: they begin when each has come so far.
    for process in many:
        assert process.stdout is not None
        assert process.stdout.read(5) == b"ready"
    with open_store(environ) as store, store.transaction():
        for process in many:
            assert process.stdin is not None
            process.stdin.close()
        # Nobody can write yet: who counts before it may write has counted by now.
        time.sleep(0.5)
    for process in many:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=LIMIT_S) == 0
