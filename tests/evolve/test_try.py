"""One change from its proposal to its verdict: by a program, a patch, a revision, or a decision."""

from __future__ import annotations

import json
import secrets

from tests.evolve.machine import BAD, GOOD, JOB, Machine


def test_a_change_that_passes_is_kept(machine: Machine) -> None:
    base = machine.git("rev-parse", "HEAD")
    status, [record] = machine.ask("try", "--propose", GOOD)
    assert status == 0
    assert (record["state"], record["kept"], record["base"]) == ("accepted", True, base)
    assert machine.git("rev-parse", "HEAD") == record["commit"]
    assert (machine.scripts / "job.sh").read_text() == f"{JOB}# twice as safe\n"
    assert machine.git("status", "--porcelain") == ""
    assert machine.candidates() == {record["id"]: record["commit"]}


def test_a_secret_among_the_words_of_a_proposer_is_told_to_nobody(machine: Machine) -> None:
    secret = f"s3cr3t-{secrets.token_hex(8)}"
    status, [record] = machine.ask("try", "--propose", f"API_TOKEN={secret}; {GOOD}")
    assert (status, record["proposer"]) == (0, f"API_TOKEN=***; {GOOD}")
    told = [machine.git("log", "--format=%B"), *(machine.call("evolve", *words)[1] for words in (["log"], ["summary"]))]
    assert not any(secret in text for text in told)


def test_a_change_that_breaks_a_test_is_filed_and_nothing_is_touched(machine: Machine) -> None:
    (machine.scripts / "job.sh").write_text(f"{JOB}# not committed\n")
    machine.write({"new.txt": "untracked\n"})
    before = machine.look()
    status, [record] = machine.ask("try", "--propose", BAD)
    assert status == 1
    assert record["state"] == "rejected"
    assert "test_it_saves" in str(record["reason"])
    assert machine.look() == before
    assert "lost" in machine.git("show", f"{record['commit']}:job.sh")
    assert machine.candidates() == {record["id"]: record["commit"]}


def test_a_patch_and_a_revision_are_candidates_too(machine: Machine) -> None:
    (machine.scripts / "job.sh").write_text(f"{JOB}# by patch\n")
    patch = machine.git("diff") + "\n"
    machine.git("checkout", "-q", "--", "job.sh")
    status, [record] = machine.ask("try", "--patch", "-", stdin=patch)
    assert (status, record["state"], record["proposer"]) == (0, "accepted", "patch")
    machine.git("checkout", "-qb", "side")
    machine.write({"job.sh": f"{JOB}# by revision\n"})
    machine.git("commit", "-qam", "by hand")
    machine.git("checkout", "-q", "main")
    status, [record] = machine.ask("try", "--rev", "side")
    assert (status, record["state"], record["proposer"]) == (0, "accepted", "rev side")
    assert (machine.scripts / "job.sh").read_text().endswith("# by revision\n")


def test_a_decision_is_tried_once_and_others_pass_through(machine: Machine) -> None:
    machine.configure(f'[evolve]\nproposer = ["sh", "-c", {json.dumps(GOOD)}]\nrepository = "{machine.scripts}"\n')
    decision = {"v": 1, "kind": "decision", "id": "d1", "action": "propose", "proposal": "Be safer\nmuch safer",
                "findings": ["f" * 64]}  # fmt: skip
    other = {"v": 1, "kind": "decision", "id": "d2", "action": "notify"}
    stdin = f"{json.dumps(other)}\n{json.dumps(decision)}\n"
    status, [passed, record] = machine.ask("try", stdin=stdin)
    assert status == 0
    assert passed == other
    assert (record["state"], record["findings"], record["decision"]) == ("accepted", ["f" * 64], "d1")
    assert machine.git("log", "-1", "--format=%s") == "Be safer"
    status, [_, again] = machine.ask("try", stdin=stdin)
    assert (status, again["id"]) == (0, record["id"])
    assert len(machine.candidates()) == 1


def test_only_a_person_changes_what_holds_the_machine(machine: Machine) -> None:
    propose = "mkdir -p .github/workflows && echo x > .github/workflows/ci.yml"
    status, [record] = machine.ask("try", "--propose", propose)
    assert (status, record["state"], record["verdict"]) == (77, "rejected", None)
    assert record["id"] in machine.candidates()
    status, [record] = machine.ask("try", "--propose", propose, "--allow-protected", "a new runner")
    assert (status, record["state"]) == (0, "accepted")
