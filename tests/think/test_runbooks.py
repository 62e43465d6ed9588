"""Is the right runbook run once for each episode of a finding, with the finding on stdin and nothing else?"""

import fnmatch
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core import tree
from agentkit.think import runbooks
from agentkit.think.runbooks import find_runbook, find_runs, note_of, run_runbook
from agentkit.think.running import RunOutcome
from agentkit.think.store import Store, open_store
from tests.conftest import ROOT
from tests.processes import wait_until
from tests.think.ownrunbooks import APPEND, add_finding, make_runbook, read_referee, run

FINDING = {"source": "heartbeat.check", "type": "missing", "subject": "job:backup", "severity": "critical"}
STATES = ("ok", "failed", "timeout", "missing", "interrupted", "running", "too_often")


@pytest.fixture
def store(environ: dict[str, str]) -> Iterator[Store]:
    with open_store(environ) as opened:
        yield opened


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({"source": "heartbeat.check"}, True),
        ({"source": "heartbeat"}, False),
        ({"source": "heartbeat.*"}, True),
        ({"source": "*"}, True),
        ({"subject": "job:*up", "type": "m*s*g"}, True),
        ({"subject": "job:*", "severity": "warning"}, False),
        ({"subject": "*backup*"}, True),
        ({"subject": "job:b[a]ckup"}, False),
        ({"subject": "job:backu?"}, False),
        ({"subject": "JOB:*"}, False),
        ({"host": "*"}, False),
    ],
)
def test_a_runbook_fits_when_each_of_its_patterns_does(match: dict[str, str], fits: bool) -> None:
    assert (find_runbook([make_runbook(["true"], match=match)], FINDING) is not None) == fits


def test_the_first_that_fits_is_taken() -> None:
    known = [make_runbook(["true"], name=name, match={"type": f"{name}*"}) for name in ("late", "mis", "missing")]
    found = find_runbook(known, FINDING)
    assert found is not None
    assert found.name == "mis"
    assert find_runbook([], FINDING) is None


@given(st.text("ab*", max_size=12), st.text("ab\n", max_size=12))
def test_a_star_stands_for_what_it_stands_for_in_a_shell(pattern: str, text: str) -> None:
    found = find_runbook([make_runbook(["true"], match={"subject": pattern})], {"subject": text})
    assert (found is not None) == fnmatch.fnmatchcase(text, pattern)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("job:a?", "job:ab", False),
        ("job:a[1]", "job:a[1]", True),
        ("job:a[1]", "job:a1", False),
        ("job:A", "job:a", False),
    ],
)
def test_all_but_a_star_stands_for_itself(pattern: str, text: str, fits: bool) -> None:
    found = find_runbook([make_runbook(["true"], match={"subject": pattern})], {"subject": text})
    assert (found is not None) is fits


def test_a_pattern_of_many_stars_is_no_trap() -> None:
    assert (
        find_runbook([make_runbook(["true"], match={"subject": "a*" * 5000 + "b"})], {"subject": "a" * 50000}) is None
    )


def test_the_finding_comes_on_stdin_as_one_line(store: Store, environ: dict[str, str], tmp_path: Path) -> None:
    record = {**add_finding(store, "one"), "title": 'a\nb "c" $(d) \ud800 é'}
    assert run(store, ("sh", "-c", f"cat > {tmp_path}/got"), record, environ).state == "ok"
    line = (tmp_path / "got").read_bytes()
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert json.loads(line) == record


def test_no_shell_reads_its_words_and_it_knows_its_name(store: Store, environ: dict[str, str]) -> None:
    words = ["$HOME", "`id`", "{subject}", "*", "a b", ""]
    script = "import os, sys; print(os.environ['AGENTKIT_RUNBOOK'], sys.argv[1:], os.environ['HOME'])"
    outcome = run(store, (sys.executable, "-c", script, *words), add_finding(store, "one"), environ)
    assert outcome.tail == f"restart {words} {environ['HOME']}"


def test_what_it_said_and_how_it_ended_is_kept(store: Store, environ: dict[str, str]) -> None:
    script = "echo done; echo but >&2; exit 3"
    outcome = run(store, ("sh", "-c", script), add_finding(store, "one"), environ)
    assert (outcome.state, outcome.status, outcome.tail, outcome.is_new) == ("failed", 3, "done\nbut", True)
    [kept] = find_runs(store, "one")
    assert (kept.state, kept.status, kept.tail, kept.is_new) == ("failed", 3, "done\nbut", False)
    assert (kept.runbook, kept.chosen_by, kept.episode) == ("restart", "match", 1)
    assert "failed with status 3" in note_of(kept)
    assert "done | but" in note_of(kept)


def test_in_one_episode_it_runs_once(store: Store, environ: dict[str, str], tmp_path: Path) -> None:
    record, words = add_finding(store, "one"), ("sh", "-c", APPEND, str(tmp_path / "referee"))
    first = run(store, words, record, environ)
    again = run(store, words, record, environ)
    assert (first.is_new, again.is_new, again.started_at) == (True, False, first.started_at)
    assert run(store, words, add_finding(store, "two"), environ).is_new
    assert run(store, words, add_finding(store, "one", 2), environ).is_new
    assert read_referee(tmp_path / "referee") == {("one", 1): 1, ("two", 1): 1, ("one", 2): 1}
    assert [each.episode for each in find_runs(store, "one")] == [2, 1]


def test_a_model_may_choose_it_once_more(store: Store, environ: dict[str, str]) -> None:
    record, runbook = add_finding(store, "one"), make_runbook(["true"])
    new = [
        run_runbook(store, runbook, record, environ=environ, chosen_by=by, now=time.time()).is_new
        for by in ("match", "model", "model")
    ]
    assert new == [True, True, False]


def test_one_that_could_not_be_started_did_nothing_and_is_tried_again(
    store: Store, environ: dict[str, str], tmp_path: Path
) -> None:
    record, program = add_finding(store, "one"), tmp_path / "program"
    outcome = run(store, (str(program),), record, environ)
    assert (outcome.state, outcome.status) == ("missing", 127)
    assert str(program) in outcome.tail
    program.write_text("#!/bin/sh\n")
    assert run(store, (str(program),), record, environ).status == 126
    program.chmod(0o755)
    assert run(store, (str(program),), record, environ).state == "ok"
    assert [each.state for each in find_runs(store, "one")] == ["ok"]


def test_one_that_another_process_is_at_is_let_alone(store: Store, environ: dict[str, str], tmp_path: Path) -> None:
    record, go = add_finding(store, "one"), tmp_path / "go"
    words = ("sh", "-c", f"touch {tmp_path}/begun; while [ ! -e {go} ]; do sleep 0.01; done")
    code = (
        f"import os\nfrom agentkit.think.store import open_store\nfrom tests.think.ownrunbooks import run\n"
        f"with open_store(os.environ) as store: run(store, {words!r}, {record!r}, os.environ)"
    )
    with subprocess.Popen([sys.executable, "-c", code], env=environ, cwd=ROOT) as other:
        wait_until((tmp_path / "begun").exists)
        assert run(store, words, record, environ).state == "running"
        assert [each.state for each in find_runs(store, "one")] == ["running"]
        go.touch()
    assert other.returncode == 0
    assert run(store, words, record, environ).state == "ok"


def test_one_whose_runner_is_gone_is_interrupted_and_what_it_left_is_ended(
    store: Store, environ: dict[str, str], tmp_path: Path
) -> None:
    record = add_finding(store, "one")
    words = ("sh", "-c", f"sh -c 'echo $$ > {tmp_path}/pid; sleep 600' & wait")
    code = (
        f"import os\nfrom agentkit.think.store import open_store\nfrom tests.think.ownrunbooks import run\n"
        f"with open_store(os.environ) as store: run(store, {words!r}, {record!r}, os.environ)"
    )
    with subprocess.Popen([sys.executable, "-c", code], env=environ, cwd=ROOT) as other:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        other.kill()
    pid = int((tmp_path / "pid").read_text())
    assert tree.process_start(pid) is not None
    assert [each.state for each in find_runs(store, "one")] == ["interrupted"]
    outcome = run(store, words, record, environ)
    assert (outcome.state, outcome.is_new) == ("interrupted", False)
    stat = tree.read_stat(pid)
    assert stat is None or not tree.runs(stat)
    assert store.select("SELECT state FROM runs") == [("interrupted",)]
    assert run(store, words, record, environ).state == "interrupted"
    assert run(store, ("true",), add_finding(store, "one", 2), environ).state == "ok"


@pytest.mark.parametrize(
    ("place", "ago_s", "state"),
    [
        ("another-boot {space}", 0, "interrupted"),
        ("{boot} pid:[1]", 0, "running"),
        ("{boot} pid:[1]", 1000, "interrupted"),
        ("{boot} {space}", 1000, "running"),
    ],
)
def test_a_runner_is_looked_for_where_it_was(
    store: Store, environ: dict[str, str], place: str, ago_s: float, state: str
) -> None:
    boot, space = runbooks._name_place().split(" ")
    record = add_finding(store, "one")
    assert run(store, ("true",), record, environ).is_new
    store.execute(
        "UPDATE runs SET state = 'started', boot = ?, at = at - ?", (place.format(boot=boot, space=space), ago_s)
    )
    assert run(store, ("true",), record, environ).state == state


def test_a_runner_that_is_interrupted_says_so(
    store: Store, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    record = add_finding(store, "one")
    monkeypatch.setattr(runbooks, "run_command", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(store, ("true",), record, environ)
    assert run(store, ("true",), record, environ).state == "interrupted"


def test_what_cannot_be_prepared_is_not_begun(store: Store, environ: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="NUL"):
        run(store, ("true", "\0"), add_finding(store, "one"), environ)
    assert find_runs(store, "one") == []


@pytest.mark.parametrize("state", STATES)
def test_each_outcome_is_one_line_that_a_terminal_can_bear(state: str) -> None:
    outcome = RunOutcome(state, 3, "first\nsecond \x1b[31m\u202e" + "x" * 5000, 0.0, 1.5, "restart\n", "match", 1)
    note = note_of(outcome)
    assert note.startswith("runbook restart\\n at 1970-01-01T00:00:00.000Z: ")
    assert len(note.splitlines()) == 1
    assert note.isprintable()
    assert len(note) < 500
