"""Does the summary say what was kept, what is at work and what was left, and ask for a step only where one is due?"""

from __future__ import annotations

import json
import time

import jsonschema

from agentkit.core.claims import name_this_process
from agentkit.core.schemas import read_schema
from tests.conftest import Run
from tests.evolve.machine import Machine
from tests.evolve.planted import DEAD, plant, plant_run

DAY_S = 86400.0


def read_summary(agentkit: Run) -> tuple[str, list[tuple[str, str]], str | None]:
    """Return (title, (severity, text) of each line, next)."""
    ended = agentkit("evolve", "summary", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    record = json.loads(ended.stdout)
    jsonschema.validate(record, read_schema("summary"))
    return record["title"], [(line["severity"], line["text"]) for line in record["lines"]], record["next"]


def test_a_machine_that_never_tried_anything_says_how_to_begin_and_makes_no_archive(
    agentkit: Run, environ: dict[str, str]
) -> None:
    title, [(severity, text)], step = read_summary(agentkit)
    assert (title, severity, step) == ("evolve: nothing was tried yet", "info", None)
    assert "agentkit evolve try" in text
    assert agentkit("evolve", "log").returncode == 0
    plant(environ, time.time())
    assert read_summary(agentkit)[0] == "evolve: nothing is under way"


def test_what_ended_lately_is_counted_and_what_is_old_is_not(agentkit: Run, environ: dict[str, str]) -> None:
    now = time.time()
    plant(environ, now - 30 * DAY_S, state="accepted", kept=1)
    plant(environ, now - 3 * DAY_S, state="accepted", kept=1, cost_usd=0.25)
    plant(environ, now - 2 * DAY_S, state="accepted", kept=0)
    plant(environ, now - 2 * DAY_S, cost_usd=0.5)
    plant(environ, now - 1.52 * DAY_S, state="no-evidence", reason="the proposer changed nothing")
    title, lines, step = read_summary(agentkit)
    assert (title, step) == ("evolve: nothing is under way", None)
    assert lines[0] == (
        "info",
        "in 7 days: 1 kept, 1 rejected, 1 without evidence, 1 accepted and not kept; 0.75 usd spent by proposers",
    )
    assert lines[1][1].startswith("last: no-evidence 36h ago")
    assert {severity for severity, _ in lines} == {"info"}


def test_weeks_without_a_change_are_said(agentkit: Run, environ: dict[str, str]) -> None:
    plant(environ, time.time() - 30 * DAY_S)
    assert ("info", "nothing was tried in 7 days") in read_summary(agentkit)[1]


def test_what_was_cut_off_and_what_waits_are_warnings_that_name_resume(agentkit: Run, environ: dict[str, str]) -> None:
    now = time.time()
    left = {"state": "proposed", "ended_at": None}
    plant(environ, now - 8000, step="proposing", reason="", claim=DEAD, **left)
    plant(environ, now - 12000, step="proposed", reason="job.sh would be written over", claim=None, **left)
    plant(environ, now - 16000, step="proposed", reason="", claim=name_this_process(), **left)
    title, lines, step = read_summary(agentkit)
    assert (title, step) == ("evolve: 2 candidates wait for resume", "agentkit evolve resume")
    assert lines[:2] == [
        ("warning", "1 candidate was left half-way, proposed 2h ago"),
        ("warning", "1 candidate waits, proposed 3h ago: job.sh would be written over"),
    ]
    assert lines[2] == ("info", "begun 4h ago by mend: the ratchet judges it")


def test_what_is_at_work_asks_for_nothing(agentkit: Run, environ: dict[str, str]) -> None:
    now = time.time()
    run = plant_run(environ, now - 8000, count=200, claim=name_this_process())
    plant(environ, now - 60, batch=run)
    plant(environ, now - 40, batch=run, step="judged", state="accepted", reason="")
    plant(environ, now - 30, batch=run, step="proposed", state="proposed", reason="", ended_at=None)
    title, lines, step = read_summary(agentkit)
    assert (title, step) == ("evolve: a run is under way", None)
    assert lines[0] == ("info", "a run begun 2h ago: 2 of 200 judged, by mend")
    # Which one is kept is not known before the run ends.
    assert lines[1] == ("info", "in 7 days: 0 kept, 1 rejected")


def test_a_run_that_was_cut_off_waits_for_resume(agentkit: Run, environ: dict[str, str]) -> None:
    now = time.time()
    run = plant_run(environ, now - 8000, count=3, claim=DEAD)
    plant(environ, now - 60, batch=run)
    plant(environ, now - 50, batch=run, step="proposing", state="proposed", reason="", ended_at=None)
    title, lines, step = read_summary(agentkit)
    assert (title, step) == ("evolve: a run waits for resume", "agentkit evolve resume")
    assert lines[0] == ("warning", "the run begun 2h ago was cut off, 1 of 3 judged")


def test_many_runs_that_did_not_end_are_one_line(agentkit: Run, environ: dict[str, str]) -> None:
    now = time.time()
    for age in (8000, 9000, 12000):
        plant(environ, now - age, batch=plant_run(environ, now - age, count=3, claim=None))
    title, lines, _ = read_summary(agentkit)
    assert title == "evolve: 3 runs wait for resume"
    assert lines[0] == ("warning", "3 runs did not end, the first begun 3h ago")
    assert [severity for severity, _ in lines].count("warning") == 1


def test_the_checkup_shows_it_after_a_real_one(machine: Machine) -> None:
    assert machine.ask("try", "--propose", "true")[0] == 65
    status, stdout, _ = machine.call("checkup")
    assert status == 0
    assert "evolve: nothing is under way\n" in stdout
    assert "in 7 days: 0 kept, 0 rejected, 1 without evidence\n" in stdout
    assert "the proposer changed nothing" in stdout
