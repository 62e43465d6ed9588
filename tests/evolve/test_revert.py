"""A change that was kept is taken back through the ratchet, once; what is in the way is told before anything moves."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import jsonschema
import pytest

from agentkit.core.lines import Record
from agentkit.core.ourselves import call_ourselves
from agentkit.core.schemas import read_schema
from tests.evolve.machine import BAD, GOOD, JOB, LIMIT_S, Machine, judged_by_pytest

OTHER = "echo more >> README"
NEW_TEST = "printf 'def test_new():\\n    assert True\\n' > test_new.py"


def keep(machine: Machine, propose: str) -> Record:
    status, [record] = machine.ask("try", "--propose", propose)
    assert (status, record["kept"]) == (0, True), record
    return record


def ask(machine: Machine, name: object, status: int = 0) -> Record:
    found, [record] = machine.ask("revert", str(name))
    assert found == status, record
    return record


def show(machine: Machine, name: object) -> Record:
    return next(one for one in machine.ask("log", "--all")[1] if one["id"] == name)


def refs(machine: Machine) -> str:
    return machine.git("for-each-ref")


def test_the_newest_goes_back_by_the_ratchets_own_way_with_the_tests_that_came_with_it(machine: Machine) -> None:
    base = machine.git("rev-parse", "HEAD")
    kept = keep(machine, f"{NEW_TEST}; {GOOD}")
    record = ask(machine, kept["id"])
    assert (record["state"], record["kept"], record["reverts"], record["verdict"]) == (
        "accepted",
        True,
        kept["id"],
        None,
    )
    assert record["proposer"] == f"revert {str(kept['id'])[:16]}"
    assert machine.git("rev-parse", "HEAD") == record["commit"]
    assert machine.git("rev-parse", "HEAD^{tree}") == machine.git("rev-parse", f"{base}^{{tree}}")
    assert machine.git("rev-parse", "HEAD^") == kept["commit"]
    assert (machine.scripts / "job.sh").read_text() == JOB
    assert machine.git("status", "--porcelain") == ""
    assert machine.candidates() == {one["id"]: one["commit"] for one in (kept, record)}
    old = show(machine, kept["id"])
    assert (old["state"], old["kept"], old["reason"]) == ("reverted", False, f"taken back by {str(record['id'])[:16]}")
    assert "test_new" not in machine.call("ratchet", "why", "test_new", "--json")[1].partition("now")[2]
    assert machine.call("ratchet", "check")[0] == 0


def test_an_older_one_is_taken_back_by_its_inverse_which_is_judged(machine: Machine) -> None:
    kept = keep(machine, GOOD)
    later = keep(machine, OTHER)
    record = ask(machine, kept["id"])
    assert (record["state"], record["kept"], record["base"]) == ("accepted", True, later["commit"])
    assert record["verdict"] is not None
    assert (
        machine.git("log", "-1", "--format=%s")
        == f'Revert "{machine.git("log", "-1", "--format=%s", str(kept["commit"]))}"'
    )
    assert (machine.scripts / "job.sh").read_text() == JOB
    assert (machine.scripts / "README").read_text().endswith("more\n")
    assert (show(machine, kept["id"])["state"], show(machine, later["id"])["state"]) == ("reverted", "accepted")


def test_a_record_of_it_fits_the_schema(machine: Machine) -> None:
    jsonschema.validate(ask(machine, keep(machine, GOOD)["id"]), read_schema("candidate"))


@judged_by_pytest
def test_what_the_ratchet_rejects_is_told_with_its_tests_and_nothing_moves(machine: Machine) -> None:
    kept = keep(machine, f"{NEW_TEST}; {GOOD}")
    keep(machine, OTHER)
    before = machine.look()
    status, stdout, _ = machine.call("evolve", "revert", str(kept["id"]))
    assert status == 1
    assert machine.look() == before
    head, test, hint = stdout.splitlines()
    assert head.startswith("rejected ")
    assert test == "  test_new::test_new pass -> missing"
    assert hint.startswith("next: agentkit ratchet rollback N --dry-run")
    assert (show(machine, kept["id"])["state"], show(machine, kept["id"])["kept"]) == ("accepted", True)
    assert len(machine.candidates()) == 3


def test_later_changes_of_the_same_lines_are_in_the_way_and_nothing_is_begun(machine: Machine) -> None:
    kept = keep(machine, "sed -i 's/Saves what/Keeps what/' job.sh; sed -i s/scripts/programs/ README")
    keep(machine, "sed -i 's/Keeps what/Holds what/' job.sh; git rm -q README")
    before, known = machine.look(), refs(machine)
    status, stdout, stderr = machine.call("evolve", "revert", str(kept["id"]))
    assert (status, stdout) == (65, "")
    assert "job.sh" in stderr or "README" in stderr
    assert (machine.look(), refs(machine)) == (before, known)
    assert len(machine.ask("log", "--all")[1]) == 2


def test_the_paths_of_a_conflict_are_named(machine: Machine) -> None:
    kept = keep(machine, "sed -i 's/Saves what/Keeps what/' job.sh")
    keep(machine, "sed -i 's/Keeps what/Holds what/' job.sh")
    status, _, stderr = machine.call("evolve", "revert", str(kept["id"]))
    assert status == 65
    assert "error: what came after it changed the same lines of job.sh\n" in stderr


def test_to_do_it_twice_is_to_do_it_once(machine: Machine) -> None:
    kept = keep(machine, GOOD)
    record = ask(machine, kept["id"])
    before, known = machine.look(), refs(machine)
    assert ask(machine, kept["id"])["id"] == record["id"]
    assert (machine.look(), refs(machine)) == (before, known)


def test_a_dry_run_tells_and_does_nothing(machine: Machine) -> None:
    older, newer = keep(machine, GOOD), keep(machine, OTHER)
    before, known, rows = machine.look(), refs(machine), machine.ask("log", "--all")
    for one, words in (
        (newer, "would put on main a commit with the tree before "),
        (older, "would let the ratchet judge"),
    ):
        status, stdout, _ = machine.call("evolve", "revert", str(one["id"]), "--dry-run")
        assert (status, stdout.count("\n")) == (0, 1)
        assert stdout.startswith(words)
    assert (machine.look(), refs(machine), machine.ask("log", "--all")) == (before, known, rows)
    ask(machine, newer["id"])
    status, stdout, _ = machine.call("evolve", "revert", str(newer["id"]), "--dry-run")
    assert (status, stdout.startswith("would do nothing: ")) == (0, True)
    assert machine.call("evolve", "revert", str(newer["id"]), "--dry-run", "--json")[0] == 2


def test_only_what_was_kept_can_be_taken_back(machine: Machine) -> None:
    _, [rejected] = machine.ask("try", "--propose", BAD)
    before, known = machine.look(), refs(machine)
    assert machine.call("evolve", "revert", "abcdef")[0] == 69
    assert machine.call("evolve", "revert", "ab")[0] == 2
    status, stdout, stderr = machine.call("evolve", "revert", str(rejected["id"]))
    assert (status, stdout) == (69, "")
    assert f"{str(rejected['id'])[:16]} was not kept" in stderr
    assert (machine.look(), refs(machine)) == (before, known)


def test_where_nothing_was_tried_nothing_is_made(machine: Machine) -> None:
    status, _, stderr = machine.call("evolve", "revert", "abcdef")
    assert (status, "nothing was tried yet" in stderr) == (69, True)
    assert not (machine.home / "evolve.db").exists()


def test_what_takes_another_back_is_not_taken_back_itself_and_the_way_to_have_it_again_works(machine: Machine) -> None:
    kept = keep(machine, GOOD)
    record = ask(machine, kept["id"])
    status, _, stderr = machine.call("evolve", "revert", str(record["id"]))
    assert status == 77
    assert f"agentkit evolve diff {str(kept['id'])[:16]} | agentkit evolve try --patch -" in stderr
    patch = machine.call("evolve", "diff", str(kept["id"]))[1]
    assert machine.call("evolve", "try", "--patch", "-", stdin=patch)[0] == 0
    assert (machine.scripts / "job.sh").read_text() == f"{JOB}# twice as safe\n"


def test_what_a_person_took_back_by_the_ratchet_is_written_down(machine: Machine) -> None:
    kept = keep(machine, GOOD)
    assert machine.call("ratchet", "rollback")[0] == 0
    before, known = machine.look(), refs(machine)
    status, stdout, _ = machine.call("evolve", "revert", str(kept["id"]), "--dry-run")
    assert (status, stdout.startswith("would write down that ")) == (0, True)
    record = ask(machine, kept["id"])
    assert (record["id"], record["state"], record["kept"]) == (kept["id"], "reverted", False)
    assert (machine.look(), refs(machine)) == (before, known)


def test_what_a_person_had_allowed_is_taken_back_without_being_asked_again(machine: Machine) -> None:
    status, [kept] = machine.ask("try", "--propose", "mkdir .ci; echo x > .ci/run", "--allow-protected", "new")
    assert status == 0
    keep(machine, OTHER)
    record = ask(machine, kept["id"])
    assert record["allowed"] == f"takes {str(kept['id'])[:16]} back, which was allowed: new"
    assert not (machine.scripts / ".ci/run").exists()


def test_changes_in_the_way_are_not_touched_and_it_goes_on_when_they_are_gone(machine: Machine) -> None:
    kept = keep(machine, GOOD)
    (machine.scripts / "job.sh").write_text("a person's\n")
    before = machine.look()
    status, stdout, stderr = machine.call("evolve", "revert", str(kept["id"]))
    assert (status, stdout) == (77, "")
    assert "job.sh" in stderr
    assert machine.look() == before
    assert show(machine, kept["id"])["kept"] is True
    machine.git("checkout", "-q", "--", "job.sh")
    assert "would go on with" in machine.call("evolve", "revert", str(kept["id"]), "--dry-run")[1]
    record = ask(machine, kept["id"])
    assert (machine.scripts / "job.sh").read_text() == JOB
    assert [one["id"] for one in machine.ask("log", "--all")[1]] == [record["id"], kept["id"]]


def test_commits_that_wait_are_never_taken_back_with_it(machine: Machine) -> None:
    kept = keep(machine, GOOD)
    (machine.scripts / "job.sh").write_text("a person's\n")
    machine.call("evolve", "revert", str(kept["id"]))
    machine.git("commit", "-qam", "by hand")
    before = machine.look()
    for words in (("revert", str(kept["id"])), ("resume",)):
        assert machine.call("evolve", *words)[0] == 77
        assert machine.look() == before


def test_it_is_asked_from_anywhere_and_for_the_right_repository(machine: Machine, tmp_path: Path) -> None:
    kept = keep(machine, GOOD)
    status, stdout, _ = machine.call("evolve", "revert", str(kept["id"]), "--json", cwd=tmp_path)
    assert (status, json.loads(stdout)["state"]) == (0, "accepted")
    assert (machine.scripts / "job.sh").read_text() == JOB


def test_a_branch_that_is_no_longer_held_is_told(machine: Machine) -> None:
    kept = keep(machine, GOOD)
    with sqlite3.connect(machine.home / "evolve.db") as database:
        database.execute("UPDATE candidates SET branch = 'refs/heads/other'")
    status, _, stderr = machine.call("evolve", "revert", str(kept["id"]))
    assert (status, "was kept on other, and what is held is main" in stderr) == (77, True)


@pytest.mark.parametrize("way", ["resume", "revert"])
@pytest.mark.parametrize("is_newest", [True, False])
def test_a_kill_between_the_move_and_the_row_is_mended(machine: Machine, way: str, is_newest: bool) -> None:
    kept = keep(machine, GOOD)
    if not is_newest:
        keep(machine, OTHER)
    record = ask(machine, kept["id"])
    after = machine.look()
    # As it stood when the ratchet had moved and nothing was written down of it.
    with sqlite3.connect(machine.home / "evolve.db") as database:
        database.execute("UPDATE candidates SET state = 'accepted', kept = 1 WHERE id = ?", (kept["id"],))
        words = "UPDATE candidates SET step = ?, state = 'proposed', kept = 0, attempts = 1, claim = '1 1 x x'"
        step = "proposing" if is_newest else "proposed"
        database.execute(f"{words}{', commit_id = NULL' if is_newest else ''} WHERE id = ?", (step, record["id"]))
    if is_newest:
        machine.git("update-ref", "-d", f"refs/agentkit/candidates/{record['id']}")
    status, [mended] = machine.ask("resume") if way == "resume" else machine.ask("revert", str(kept["id"]))
    assert (status, mended["id"], mended["kept"], mended["commit"]) == (0, record["id"], True, record["commit"])
    assert show(machine, kept["id"])["state"] == "reverted"
    assert machine.look() == after
    assert machine.candidates()[str(record["id"])] == record["commit"]


@pytest.mark.parametrize("number", range(6))
def test_killed_anywhere_it_goes_on_and_is_done_once(machine: Machine, number: int) -> None:
    kept = keep(machine, GOOD)
    if number % 2:
        keep(machine, OTHER)
    readme = (machine.scripts / "README").read_text()
    process = subprocess.Popen(
        call_ourselves("evolve", "revert", str(kept["id"])), cwd=machine.scripts, env=machine.environ,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        time.sleep(0.25 * (number + 1))
        process.send_signal(signal.SIGKILL)
    finally:
        process.wait(timeout=LIMIT_S)
    assert (machine.scripts / "README").read_text() == readme
    assert machine.call("evolve", "resume")[0] == 0
    ask(machine, kept["id"])
    assert (machine.scripts / "job.sh").read_text() == JOB
    assert machine.git("status", "--porcelain") == ""
    rows = machine.ask("log", "--all")[1]
    assert [one["kept"] for one in rows if one["reverts"] == kept["id"]].count(True) == 1
    assert all(one["step"] == "done" for one in rows)
