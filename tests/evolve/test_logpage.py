"""Is all that was tried found again, the newest first, on terminals of any width and in a pipe?"""

from __future__ import annotations

import json
import time

import jsonschema
import pytest

from agentkit.core.ids import new_id
from agentkit.core.schemas import read_schema
from agentkit.evolve.candidate import REJECTED
from tests.conftest import Run
from tests.evolve.archive import file, make_one
from tests.evolve.planted import BASE, COMMIT, DEAD, VERDICT, plant
from tests.heartbeat.terminal import Terminal

COLOURS = {"TERM": "xterm", "NO_COLOR": ""}


def list_log(agentkit: Run, *words: str) -> list[dict[str, object]]:
    ended = agentkit("evolve", "log", "--json", *words)
    assert (ended.returncode, ended.stderr) == (0, "")
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    for record in records:
        jsonschema.validate(record, read_schema("candidate"))
    return records


def draw(environ: dict[str, str], width: int, **more: str) -> list[str]:
    terminal = Terminal(["evolve", "log"], {**environ, **more}, width=width)
    try:
        status, seen = terminal.finish()
    finally:
        terminal.close()
    assert status == 0
    return seen.splitlines()


def test_the_newest_come_first_and_the_limit_is_twenty(agentkit: Run, environ: dict[str, str]) -> None:
    now = time.time()
    ids = [plant(environ, now - age).id for age in (50, 10, 40, 20, 30, *range(100, 120))]
    newest = sorted(ids, reverse=True)
    assert [one["id"] for one in list_log(agentkit)] == newest[:20]
    assert [one["id"] for one in list_log(agentkit, "--limit", "3")] == newest[:3]
    assert [one["id"] for one in list_log(agentkit, "--all")] == newest


def test_a_run_is_listed_in_its_order_whatever_chance_made_of_the_ids(agentkit: Run, environ: dict[str, str]) -> None:
    now = time.time()
    begun = [make_one(now + number / 1000, REJECTED, id=new_id(now)) for number in range(120)]
    file(environ, begun)
    ids = [one.id for one in begun]
    assert [one["id"] for one in list_log(agentkit, "--limit", "110")] == ids[::-1][:110]


def test_only_those_of_a_state_are_shown(agentkit: Run, environ: dict[str, str]) -> None:
    now = time.time()
    for age, state in enumerate(["accepted", "rejected", "no-evidence", "reverted", "rejected"]):
        plant(environ, now - age, state=state)
    assert [one["state"] for one in list_log(agentkit, "--state", "rejected")] == ["rejected", "rejected"]
    ended = agentkit("evolve", "log", "--state", "proposed")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "agentkit: no candidate is proposed\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--limit", "0"), "--limit: 0 is no whole number above 0"),
        (("--state", "kept"), "'kept'; expected one of proposed, accepted, rejected, no-evidence, reverted"),
    ],
)
def test_wrong_words_are_told_before_anything_is_read(agentkit: Run, words: tuple[str, ...], told: str) -> None:
    ended = agentkit("evolve", "log", *words)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert told in ended.stderr


def test_where_nothing_was_tried_it_says_how_to_begin(agentkit: Run, environ: dict[str, str]) -> None:
    ended = agentkit("evolve", "log")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr == "agentkit: nothing was tried yet: agentkit evolve try --propose 'PROGRAM…'\n"
    assert list_log(agentkit) == []


def test_a_record_has_the_whole_verdict(agentkit: Run, environ: dict[str, str]) -> None:
    plant(environ, time.time(), commit_id=COMMIT, verdict=json.dumps(VERDICT))
    [record] = list_log(agentkit)
    assert (record["base"], record["commit"], record["verdict"]) == (BASE, COMMIT, VERDICT)


def test_a_line_says_what_came_of_it_and_who_proposed_it_at_what_cost(agentkit: Run, environ: dict[str, str]) -> None:
    kept = plant(environ, time.time() - 8000, state="accepted", kept=1, cost_usd=0.125, duration_s=75.0, reason="good")
    head, row = agentkit("evolve", "log").stdout.splitlines()
    assert head.split() == ["id", "when", "state", "kept", "cost", "time", "proposer", "reason"]
    assert row.split() == [kept.id[:16], "2h", "ago", "accepted", "yes", "0.125", "usd", "75s", "mend", "good"]


def test_what_is_open_says_what_it_waits_for(agentkit: Run, environ: dict[str, str]) -> None:
    now = time.time()
    left = {"state": "proposed", "ended_at": None}
    plant(environ, now - 9, step="proposed", claim=None, **left, reason="main moved on")
    plant(environ, now - 8, step="proposing", claim=DEAD, **left, reason="")
    cut_off, waits = agentkit("evolve", "log").stdout.splitlines()[1:]
    assert cut_off.endswith("cut off: while its proposer was at work")
    assert waits.endswith("waits: main moved on")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_terminal_is_too_narrow_for_state_and_reason(environ: dict[str, str], width: int) -> None:
    plant(environ, time.time() - 3, state="no-evidence", proposer="mend " * 40, reason="word " * 30)
    lines = draw(environ, width, NO_COLOR="1")
    assert max(map(len, lines)) <= width
    assert "no-evidence" in lines[1]
    assert sum(line.count("word") for line in lines) == 30
    assert ("proposer" in lines[0]) is (width == 200)


def test_colours_say_the_state_unless_somebody_says_no(environ: dict[str, str]) -> None:
    plant(environ, time.time(), state="rejected")
    assert "\x1b[1;31mrejected" in "".join(draw(environ, 80, **COLOURS))
    assert "\x1b" not in "".join(draw(environ, 80, NO_COLOR="1"))


def test_what_others_wrote_steers_no_terminal(agentkit: Run, environ: dict[str, str]) -> None:
    plant(environ, time.time(), proposer="mend\x1b[2J", reason="evil\x1b]0;title\x07\nreason")
    for text in ("".join(draw(environ, 200, NO_COLOR="1")), agentkit("evolve", "log").stdout):
        assert "\x1b" not in text
        assert "\\x1b[2J" in text
        assert "\\x07 reason" in text


def test_where_there_are_several_repositories_each_is_named(agentkit: Run, environ: dict[str, str]) -> None:
    now = time.time()
    plant(environ, now - 9)
    assert "/srv/scripts" not in agentkit("evolve", "log").stdout + agentkit("evolve", "summary").stdout
    plant(environ, now - 5, repository="/srv/other")
    plant(environ, now - 4, repository="/srv/other", ended_at=None, step="proposed", state="proposed", reason="busy")
    assert agentkit("evolve", "log").stdout.split("\n")[0].split()[-1] == "repository"
    for verb in ("log", "summary", "status"):
        assert "/srv/other" in agentkit("evolve", verb).stdout
