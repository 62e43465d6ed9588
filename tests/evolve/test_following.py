"""A branch that moves on while a change waits: the same change, on top of what is accepted then."""

from __future__ import annotations

import json
import subprocess

from agentkit.core.ourselves import call_ourselves
from tests.evolve.machine import GOOD, JOB, Machine, judged_by_pytest
from tests.evolve.test_odd_repositories import GOOD_JOB, accept

LIMIT_S = 120


def hold_up(machine: Machine, propose: str) -> dict[str, object]:
    """Let a change wait, for the person is at work on the file that it changes."""
    (machine.scripts / "job.sh").write_text(f"{JOB}# by hand\n")
    _, [record] = machine.ask("try", "--propose", propose)
    machine.git("checkout", "-q", "job.sh")
    return record


def test_a_change_that_waited_while_the_branch_moved_on_comes_along(machine: Machine) -> None:
    waiting = hold_up(machine, GOOD)
    assert (waiting["state"], waiting["step"]) == ("proposed", "proposed")
    accept(machine, "echo more >> README")
    base = machine.git("rev-parse", "HEAD")
    status, [record] = machine.ask("resume")
    assert (status, record["id"], record["state"], record["kept"]) == (0, waiting["id"], "accepted", True)
    assert (record["base"], machine.git("rev-parse", "HEAD^")) == (base, base)
    assert machine.candidates() == {str(record["id"]): record["commit"]}
    assert machine.git("rev-parse", "HEAD") == record["commit"]
    assert (machine.scripts / "job.sh").read_text() == GOOD_JOB
    assert machine.git("diff", "--name-only", "HEAD^") == "job.sh"
    assert machine.git("status", "--porcelain") == ""


def test_what_changes_the_same_lines_as_what_was_kept_meanwhile_ends(machine: Machine) -> None:
    waiting = hold_up(machine, GOOD)
    accept(machine, "echo '# something else' >> job.sh")
    before = machine.look()
    status, [record] = machine.ask("resume")
    assert (status, record["state"], record["kept"]) == (65, "no-evidence", False)
    assert "moved on" in str(record["reason"])
    assert "job.sh" in str(record["reason"])
    assert (machine.look(), machine.candidates()) == (before, {str(waiting["id"]): waiting["commit"]})


def test_what_the_branch_has_by_now_ends(machine: Machine) -> None:
    hold_up(machine, GOOD)
    accept(machine, GOOD)
    status, [record] = machine.ask("resume")
    assert (status, record["state"], record["kept"]) == (65, "no-evidence", False)
    assert "has all of it" in str(record["reason"])


@judged_by_pytest
def test_what_was_well_before_may_fail_on_top_of_what_came_since(machine: Machine) -> None:
    waiting = hold_up(machine, GOOD)
    machine.write({"test_once.py": "def test_once():\n    assert 'twice' not in open('job.sh').read()\n"})
    accept(machine, "true")
    before = machine.look()
    status, [record] = machine.ask("resume")
    assert (status, record["id"], record["state"]) == (1, waiting["id"], "rejected"), record
    assert "test_once" in str(record["reason"])
    assert machine.look() == before


def test_a_commit_of_a_person_is_that_persons_to_rebase(machine: Machine) -> None:
    machine.git("checkout", "-qb", "mine")
    (machine.scripts / "job.sh").write_text(GOOD_JOB)
    machine.git("commit", "-qam", "safer")
    machine.git("checkout", "-q", "main")
    (machine.scripts / "job.sh").write_text(f"{JOB}# by hand\n")
    assert machine.ask("try", "--rev", "mine")[0] == 77
    machine.git("checkout", "-q", "job.sh")
    accept(machine, "echo more >> README")
    status, [record] = machine.ask("resume")
    assert (status, record["state"], record["commit"]) == (65, "no-evidence", machine.git("rev-parse", "mine"))
    assert f"git rebase {machine.git('rev-parse', 'main')[:12]}" in str(record["reason"])


def test_what_was_killed_between_the_ref_and_the_row_comes_along(machine: Machine) -> None:
    waiting = hold_up(machine, GOOD)
    accept(machine, "echo more >> README")
    machine.git("update-ref", f"refs/agentkit/candidates/{waiting['id']}", "HEAD")
    status, [record] = machine.ask("resume")
    assert (status, record["id"], record["kept"]) == (0, waiting["id"], True)
    assert machine.candidates() == {str(record["id"]): record["commit"]}


def test_of_two_at_once_the_second_is_judged_on_top_of_the_first(machine: Machine) -> None:
    """Both begin with the same base: the one that ends first is kept, and the other one is not lost by that."""
    ways = ["echo '# twice as safe' >> job.sh", "echo more >> README"]
    both = [
        subprocess.Popen(
            call_ourselves("evolve", "try", "--propose", f"{way}; sleep 3", "--json"), cwd=machine.scripts,
            env=machine.environ, stdout=subprocess.PIPE,
        )
        for way in ways
    ]  # fmt: skip
    records = [json.loads(one.communicate(timeout=LIMIT_S)[0]) for one in both]
    assert [one.returncode for one in both] == [0, 0], records
    assert [one["kept"] for one in records] == [True, True]
    assert (machine.scripts / "job.sh").read_text() == GOOD_JOB
    assert (machine.scripts / "README").read_text().endswith("more\n")
