"""What was begun and left is taken up, by one alone, and no evaluation that was finished is repeated."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from pathlib import Path

from agentkit.core.claims import name_this_process
from agentkit.core.ourselves import call_ourselves
from tests.evolve.machine import BAD, GOOD, JOB, Machine, copy_machine
from tests.processes import wait_until

LIMIT_S = 120


def set_back(machine: Machine, **news: object) -> None:
    """Let the candidates of the archive be as a crash would have left them."""
    words = ", ".join(f"{name} = ?" for name in news)
    with sqlite3.connect(machine.home / "evolve.db") as archive:
        archive.execute(f"UPDATE candidates SET {words}", list(news.values()))
    archive.close()


def count_verdicts(machine: Machine, commit: object) -> int:
    """Return how often the ratchet judged a commit."""
    status, stdout, stderr = machine.call("ratchet", "log", "--json")
    assert status == 0, stderr
    return sum(json.loads(line)["candidate"] == commit for line in stdout.splitlines())


def test_nothing_to_do_is_silent_and_leaves_nothing_behind(machine: Machine) -> None:
    assert machine.call("evolve", "resume") == (0, "", "")
    assert not (machine.home / "evolve.db").exists()
    machine.ask("try", "--propose", GOOD)
    assert machine.call("evolve", "resume", "--json") == (0, "", "")


def test_a_proposer_that_was_cut_off_is_asked_again(machine: Machine) -> None:
    _, [record] = machine.ask("try", "--propose", BAD)
    machine.git("update-ref", "-d", f"refs/agentkit/candidates/{record['id']}")
    set_back(machine, step="proposing", state="proposed", commit_id=None, verdict=None, attempts=1, claim="1 1 x 1")
    status, [again] = machine.ask("resume")
    assert (status, again["id"], again["state"]) == (1, record["id"], "rejected")
    assert machine.candidates() == {again["id"]: again["commit"]}


def test_a_verdict_that_was_given_is_not_asked_for_again(machine: Machine) -> None:
    _, [record] = machine.ask("try", "--propose", BAD)
    set_back(machine, step="proposed", state="proposed", verdict=None, claim="1 1 x 1")
    status, [again] = machine.ask("resume")
    assert (status, again["state"], again["reason"]) == (1, "rejected", record["reason"])
    assert count_verdicts(machine, record["commit"]) == 1


def test_a_change_that_was_kept_before_the_row_said_so_stays_kept_once(machine: Machine) -> None:
    _, [record] = machine.ask("try", "--propose", GOOD)
    set_back(machine, step="proposed", state="proposed", verdict=None, kept=0, claim="1 1 x 1")
    status, [again] = machine.ask("resume")
    assert (status, again["state"], again["kept"]) == (0, "accepted", True)
    assert count_verdicts(machine, record["commit"]) == 1
    assert machine.git("rev-parse", "HEAD") == record["commit"]


def test_what_waits_for_a_free_way_is_kept_when_it_is_free(machine: Machine) -> None:
    machine.write({"job.sh": f"{JOB}# not committed\n"})
    status, [record] = machine.ask("try", "--propose", GOOD)
    assert (status, record["state"]) == (77, "proposed")
    assert machine.ask("resume")[0] == 77
    # From a line of a crontab it was told once.
    assert machine.call("evolve", "resume") == (77, "", "")
    machine.git("checkout", "-q", "--", "job.sh")
    status, [again] = machine.ask("resume")
    assert (status, again["id"], again["kept"]) == (0, record["id"], True)


def test_a_proposer_that_was_cut_off_begins_with_what_is_accepted_by_then(machine: Machine) -> None:
    _, [record] = machine.ask("try", "--propose", BAD)
    machine.git("update-ref", "-d", f"refs/agentkit/candidates/{record['id']}")
    set_back(machine, step="proposing", state="proposed", commit_id=None, verdict=None, attempts=0, claim=None)
    machine.write({"README": "somebody went on\n"})
    machine.git("commit", "-qam", "go on")
    assert machine.call("ratchet", "accept")[0] == 0
    status, [again] = machine.ask("resume")
    assert (status, again["id"], again["state"]) == (1, record["id"], "rejected")
    assert again["base"] == machine.git("rev-parse", "HEAD") == machine.git("rev-parse", f"{again['commit']}^")


def test_what_somebody_works_on_is_left_alone(machine: Machine) -> None:
    machine.ask("try", "--propose", BAD)
    set_back(machine, step="proposed", state="proposed", claim=name_this_process())
    assert machine.ask("resume") == (0, [])


def test_two_that_resume_at_once_take_each_candidate_once(machine: Machine) -> None:
    for _ in range(3):
        machine.ask("try", "--propose", f"{BAD}; sleep 1")
    for candidate in machine.candidates():
        machine.git("update-ref", "-d", f"refs/agentkit/candidates/{candidate}")
    set_back(machine, step="proposing", state="proposed", commit_id=None, verdict=None, attempts=1, claim=None)
    both = [
        subprocess.Popen(
            call_ourselves("evolve", "resume", "--json"), cwd=machine.scripts, env=machine.environ,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    lines = [line for one in both for line in one.communicate(timeout=LIMIT_S)[0].splitlines()]
    assert len(lines) == len({json.loads(line)["id"] for line in lines}) == 3
    assert sum(count_verdicts(machine, commit) for commit in set(machine.candidates().values())) == 3


def test_a_repository_that_is_gone_holds_up_no_other(machine: Machine, first_machine: Machine, tmp_path: Path) -> None:
    other = copy_machine(first_machine, tmp_path / "other")
    machine.ask("try", "--propose", BAD)
    ended = machine.call("evolve", "try", "--propose", BAD, cwd=other.scripts)
    assert ended[0] == 1
    set_back(machine, step="proposed", state="proposed", claim=None)
    shutil.rmtree(machine.scripts)
    machine.scripts.mkdir()
    status, stdout, stderr = machine.call("evolve", "resume", "--json", cwd=machine.folder)
    assert status == 69
    assert str(machine.scripts) in stderr
    [record] = [json.loads(line) for line in stdout.splitlines()]
    assert (record["repository"], record["state"]) == (str(other.scripts), "rejected")
    # It waits, and is told again.
    assert machine.call("evolve", "resume", "--json", cwd=machine.folder)[:2] == (69, "")


def test_a_kill_in_the_middle_of_a_proposal_loses_nothing(machine: Machine) -> None:
    before = machine.look()
    begun = subprocess.Popen(
        call_ourselves("evolve", "try", "--propose", f"sleep 300; {GOOD}"), cwd=machine.scripts, env=machine.environ
    )
    archive = machine.home / "evolve.db"
    wait_until(lambda: archive.exists() and machine.ask("status")[1])
    begun.kill()
    begun.wait(timeout=LIMIT_S)
    assert machine.look() == before
    with sqlite3.connect(archive) as store:
        store.execute("UPDATE candidates SET argv = ?", (json.dumps(["/bin/sh", "-c", GOOD]),))
    store.close()
    status, [record] = machine.ask("resume")
    assert (status, record["state"], record["kept"]) == (0, "accepted", True)
