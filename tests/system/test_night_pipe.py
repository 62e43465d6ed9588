"""The way as a pipe, and as the line of crontab.example: where a part of it breaks, does somebody hear of it?"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.evolve.machine import Machine
from tests.system.nightmachine import LIMIT_S, Night, make_night, make_pattern, read_watch

PARTS = ("heartbeat check --json", "depmap explain --json --quiet", "think wake --json", "evolve try")
# What stands in the place of a part: it gets what that part gets, and `%s` is that part.
BREAKS = {
    "killed": "sh -c 'kill -KILL $$'",
    "missing": "/missing/agentkit",
    "garbage": "sh -c 'cat >&2; echo {{{ no JSON'",
    "cut": "sh -c '%s | head -c 150'",
}


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return make_pattern(tmp_path_factory.mktemp("pattern") / "pattern")


@pytest.fixture
def night(pattern: Machine, tmp_path: Path) -> Night:
    """A night with a lock whose owner is dead, a job that went home because of it, and somebody who thinks."""
    night = make_night(pattern, "night", tmp_path)
    night.configure(night.provider("thinker"), "mender")
    with subprocess.Popen(["true"]) as gone:
        pass
    night.lock.write_text(f"{gone.pid}\n")
    assert _run(night, f"{night.program} depmap build {night.machine.scripts} --quiet").returncode == 0
    run = f"{night.program} heartbeat run backup-{night.name} --every 1d --expect-output '^saved' -- "
    assert _run(night, f"{run}sh {night.machine.scripts}/backup.sh").returncode == 0
    return night


def _run(night: Night, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line as cron does: with sh, and an environment that is small."""
    return subprocess.run(
        ["sh", "-c", line], cwd=night.folder, capture_output=True, text=True, timeout=LIMIT_S, check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": f"{night.folder}/bin:{os.environ['PATH']}", "HOME": str(night.folder),
             "AGENTKIT_HOME": str(night.machine.home)},
    )  # fmt: skip


def _watch(night: Night) -> str:
    return read_watch(night.program).split(" ", 5)[5]


def _break(night: Night, part: str, how: str) -> str:
    """Return the line of the watch with one part broken; each part is a program of its own in it, so quotes hold."""
    whole = f"{night.program} {part}"
    broken = night.folder / "bin/broken"
    instead = BREAKS[how].replace("%s", whole)
    broken.write_text(f"#!/bin/sh\nexec {instead}\n")
    broken.chmod(0o755)
    line = _watch(night)
    assert line.count(whole) == 1
    return line.replace(whole, shlex.quote(str(broken)))


def _last_state(night: Night) -> str:
    ended = _run(night, f"{night.program} heartbeat history night-watch --json")
    (run,) = [json.loads(line) for line in ended.stdout.splitlines()]
    return str(run["state"])


def _candidates(night: Night) -> list[dict[str, object]]:
    return [json.loads(line) for line in _run(night, f"{night.program} evolve log --json").stdout.splitlines()]


@pytest.mark.parametrize("by", ["pipe", "watch"])
def test_the_way_is_gone_in_one_go(night: Night, by: str) -> None:
    pipe = " | ".join(f"{night.program} {part}" for part in PARTS)
    line = {"pipe": pipe, "watch": _watch(night)}[by]
    ended = _run(night, line)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("accepted ")
    assert len(_candidates(night)) == 1
    again = _run(night, line)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert night.order() == ["runbook", "thinker"]


def test_with_json_the_way_ends_in_records(night: Night) -> None:
    pipe = " | ".join(f"{night.program} {part}" for part in (*PARTS[:3], "evolve try --json"))
    ended = _run(night, pipe)
    assert ended.returncode == 0, ended.stderr
    (candidate,) = [one for one in map(json.loads, ended.stdout.splitlines()) if one["kind"] == "candidate"]
    assert (candidate["state"], candidate["kept"]) == ("accepted", True)


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("part", PARTS[:3])
def test_a_part_that_breaks_is_a_failed_watch_and_nothing_is_tried(night: Night, part: str, how: str) -> None:
    before = night.look()
    ended = _run(night, _break(night, part, how))
    assert ended.returncode != 0, (ended.stdout, ended.stderr)
    assert ended.stdout + ended.stderr
    assert _last_state(night) == "failed"
    assert _candidates(night) == []
    assert night.look() == before


@pytest.mark.parametrize("how", ["killed", "missing"])
def test_a_last_part_that_breaks_is_a_failed_watch_and_the_decision_is_not_lost(night: Night, how: str) -> None:
    before = night.look()
    ended = _run(night, _break(night, PARTS[3], how))
    assert ended.returncode != 0
    assert ended.stdout + ended.stderr
    assert _last_state(night) == "failed"
    assert night.look() == before
    # It was told to nobody, so that the next wake tells it.
    assert "\naccepted " in "\n" + _run(night, _watch(night)).stdout
    assert len(_candidates(night)) == 1
    assert night.order().count("runbook") == 1
