"""What a proposer is told: what became of the proposals before, and nothing that it could work for instead."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentkit.evolve.feedback import LONGEST_OUTPUT, LONGEST_OUTPUTS, SHOWN, SHOWN_TESTS
from tests.evolve.machine import BAD, FILES, GOOD, JUDGED, PYTEST_FILES, Machine, judged_by_pytest, make_machine

# What a proposer got is in its change.
LISTEN = "cat > request.json"
METRICS = f"""{JUDGED}metrics = ["sh", "measure.sh"]
"""
MEASURE = """printf '{"name": "secret-size", "value": %s, "direction": "lower"}' $(wc -c < job.sh)
"""
HOLDOUT = """def test_hidden_quokka():
    words = open("job.sh").read()
    print("the hidden output")
    assert "lost" not in words and "wombat" not in words
"""


@dataclass(frozen=True)
class Told:
    """What stood on a proposer's stdin."""

    raw: str

    @property
    def request(self) -> dict[str, object]:
        """Return the object."""
        return dict(json.loads(self.raw))

    @property
    def feedback(self) -> list[dict[str, object]]:
        """Return what it is told of each proposal before."""
        rows = self.request["feedback"]
        assert isinstance(rows, list)
        return rows


def listen(machine: Machine, *more: str) -> Told:
    _, [record] = machine.ask("try", "--propose", LISTEN, *more)
    return Told(machine.git("show", f"{record['commit']}:request.json"))


def reject(machine: Machine, propose: str = BAD) -> dict[str, object]:
    status, [record] = machine.ask("try", "--propose", propose)
    assert status in (1, 65, 77), record
    return record


def test_the_first_one_is_told_what_there_is_to_change_and_no_more(machine: Machine) -> None:
    base = machine.git("rev-parse", "HEAD")
    told = listen(machine)
    assert told.raw.count("\n") == 0  # the last one is stripped by git's reader
    assert told.request == {
        "v": 1, "kind": "request", "repository": str(machine.scripts), "branch": "refs/heads/main", "base": base,
        "decision": None, "feedback": [],
    }  # fmt: skip


@judged_by_pytest
def test_the_next_one_is_told_which_tests_failed_and_what_they_said(machine: Machine) -> None:
    before = reject(machine)
    [row] = listen(machine).feedback
    assert (row["candidate"], row["state"], row["answer"]) == (before["id"], "rejected", "reject")
    assert row["proposer"] == BAD
    assert "test_it_saves was pass and fails now" in str(row["reason"])
    assert [one["id"] for one in row["regressed"]] == ["test_job::test_it_saves"]  # type: ignore[attr-defined]
    [output] = row["outputs"]  # type: ignore[misc]
    assert output["id"] == "test_job::test_it_saves"
    assert "assert b'saved' in b'lost" in output["text"]


def test_one_without_evidence_is_told_with_its_reason(machine: Machine) -> None:
    reject(machine, "exit 3;")
    [row] = listen(machine).feedback
    assert (row["state"], row["answer"], row["outputs"]) == ("no-evidence", None, [])
    assert row["reason"] == "the proposer ended with 3"


def test_the_newest_are_told_first_and_no_more_than_a_few(machine: Machine) -> None:
    for number in range(SHOWN + 1):
        reject(machine, f"exit {number + 1};")
    reasons = [row["reason"] for row in listen(machine).feedback]
    assert reasons == [f"the proposer ended with {number + 1}" for number in range(SHOWN, 0, -1)]


def test_what_was_kept_and_what_was_said_of_another_base_is_not_told(machine: Machine) -> None:
    reject(machine)
    assert machine.ask("try", "--propose", GOOD)[0] == 0
    assert listen(machine).feedback == []


def test_what_was_said_of_the_same_finding_is_told_on_another_base_too(machine: Machine) -> None:
    def decide(name: str, findings: list[str], propose: str) -> dict[str, object]:
        proposer = json.dumps(["sh", "-c", propose])
        machine.configure(f'[evolve]\nproposer = {proposer}\nrepository = "{machine.scripts}"\n')
        decision = {"v": 1, "kind": "decision", "id": name, "action": "propose", "proposal": "mend it",
                    "findings": findings}  # fmt: skip
        return machine.ask("try", stdin=json.dumps(decision) + "\n")[1][-1]

    first = decide("d1", ["a" * 64, "b" * 64], BAD)
    decide("d2", ["c" * 64], "exit 9")
    assert machine.ask("try", "--propose", GOOD)[0] == 0
    record = decide("d3", ["b" * 64], LISTEN)
    told = Told(machine.git("show", f"{record['commit']}:request.json"))
    assert [row["candidate"] for row in told.feedback] == [first["id"]]
    assert told.request["decision"]["findings"] == ["b" * 64]  # type: ignore[index]


def test_what_happened_in_another_repository_or_on_another_branch_is_not_told(machine: Machine, tmp_path: Path) -> None:
    other = make_machine(tmp_path / "other")
    assert machine.call("evolve", "try", "--propose", BAD, cwd=other.scripts)[0] == 1
    assert listen(machine).feedback == []


@judged_by_pytest
def test_a_revert_that_was_rejected_is_nobodys_proposal(machine: Machine) -> None:
    _, [kept] = machine.ask("try", "--propose", f"printf 'def test_new():\\n    pass\\n' > test_new.py; {GOOD}")
    machine.ask("try", "--propose", "echo more >> README")
    assert machine.ask("revert", str(kept["id"]))[0] == 1
    assert listen(machine).feedback == []


def test_what_was_taken_back_is_told_so(machine: Machine) -> None:
    def decide(name: str, propose: str) -> dict[str, object]:
        proposer = json.dumps(["sh", "-c", propose])
        machine.configure(f'[evolve]\nproposer = {proposer}\nrepository = "{machine.scripts}"\n')
        decision = {"v": 1, "kind": "decision", "id": name, "action": "propose", "proposal": "mend", "findings": ["f"]}
        return machine.ask("try", stdin=json.dumps(decision) + "\n")[1][-1]

    kept = decide("d1", GOOD)
    assert machine.ask("revert", str(kept["id"]))[0] == 0
    record = decide("d2", LISTEN)
    [row] = Told(machine.git("show", f"{record['commit']}:request.json")).feedback
    assert (row["candidate"], row["state"], row["reason"]) == (kept["id"], "reverted", "it was kept, and taken back")


def test_a_metric_is_told_neither_by_name_nor_by_value(tmp_path: Path) -> None:
    machine = make_machine(tmp_path / "machine", {**FILES, "agentkit.toml": METRICS, "measure.sh": MEASURE})
    before = reject(machine, "printf '# a long word of no use\\n' >> job.sh")
    assert "secret-size" in json.dumps(before["verdict"])
    reject(machine, f"{BAD}; echo '# and longer' >> job.sh")
    told = listen(machine)
    assert [row["reason"] for row in told.feedback][1] == "a metric is worse than its best"
    assert "was pass and fails now" in str(told.feedback[0]["reason"])
    numbers = [metric[key] for metric in before["verdict"]["metrics"] for key in ("best", "now", "limit")]  # type: ignore[index]
    for word in ("secret-size", *(f"{number:g}" for number in numbers)):
        assert word not in json.dumps([{**row, "candidate": "", "proposer": ""} for row in told.feedback])


def test_of_a_holdout_no_name_no_number_and_no_output_is_told(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden-folder"
    hidden.mkdir()
    (hidden / "test_hidden.py").write_text(HOLDOUT)
    settings = f'[ratchet]\nholdout = "{hidden}"\n'
    machine = make_machine(tmp_path / "machine", {**PYTEST_FILES, "agentkit.toml": settings})
    before = reject(machine, "echo '# wombat' >> job.sh")
    assert "hold-out" in str(before["reason"])
    told = listen(machine)
    [row] = told.feedback
    assert (row["answer"], row["reason"]) == ("reject", "tests that no proposer sees do not hold")
    assert (row["regressed"], row["outputs"]) == ([], [])
    for word in ("quokka", "hidden", "hold-out", "1 of 1", "special-cased"):
        assert word not in told.raw


def test_where_a_holdout_lies_is_not_told_when_it_is_gone(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden-folder"
    hidden.mkdir()
    (hidden / "test_hidden.py").write_text(HOLDOUT)
    settings = f'[ratchet]\nholdout = "{hidden}"\n'
    machine = make_machine(tmp_path / "machine", {**PYTEST_FILES, "agentkit.toml": settings})
    hidden.rename(tmp_path / "elsewhere")
    machine.ask("try", "--propose", "echo '# x' >> job.sh")
    for _ in range(4):
        machine.ask("resume")
    [record] = machine.ask("log", "--all")[1]
    assert record["state"] == "no-evidence"
    assert "hidden-folder" in str(record["reason"])
    told = listen(machine)
    assert [row["reason"] for row in told.feedback] == ["it could not be judged"]
    assert "hidden-folder" not in told.raw


def make_talkative(folder: Path, words: str, *, count: int = 1) -> Machine:
    """Make a machine whose tests say these words when they fail."""
    tests = f"""import pytest, subprocess


@pytest.mark.parametrize("number", range({count}))
def test_it(number):
    said = subprocess.run(["sh", "job.sh"], capture_output=True, timeout=20).stdout
    if b"saved" not in said:
        pytest.fail({words})
"""
    return make_machine(folder, {**PYTEST_FILES, "test_job.py": tests})


def test_what_many_tests_said_is_bounded_and_cut_at_lines(tmp_path: Path) -> None:
    words = "''.join(f'line {number}.{row} of it\\n' for row in range(300))"
    machine = make_talkative(tmp_path / "machine", words, count=SHOWN_TESTS + 5)
    reject(machine)
    [row] = listen(machine).feedback
    outputs, regressed = row["outputs"], row["regressed"]
    assert isinstance(outputs, list)
    assert isinstance(regressed, list)
    assert (len(regressed), row["more_regressed"]) == (SHOWN_TESTS, 5)
    sizes = [len(one["text"]) for one in outputs]
    assert max(sizes) <= LONGEST_OUTPUT
    assert LONGEST_OUTPUTS // 2 < sum(sizes) <= LONGEST_OUTPUTS
    assert all(re.match(r"(E +)?(Failed: )?line \d+\.\d+ of it\n", one["text"]) for one in outputs)


def test_a_secret_is_masked_before_a_text_is_shortened(tmp_path: Path) -> None:
    secret = f"hush-{os.urandom(12).hex()}-hush"
    (tmp_path / "spoken").write_text(f"{secret}\n" * 300)
    # Wherever it is cut, that is within one of them.
    machine = make_talkative(tmp_path / "machine", f"open('{tmp_path}/spoken').read()")
    assert machine.call("vault", "init", "--new-recovery", str(tmp_path / "recovery.key"))[0] == 0
    assert machine.call("vault", "set", "shop/token", "--purpose", "orders", stdin=secret)[0] == 0
    reject(machine, f"{BAD}; : {secret}")
    told = listen(machine)
    [row] = told.feedback
    assert "vault:shop/token" in str(row["proposer"])
    assert "vault:shop/token" in json.dumps(row["outputs"])
    for part in (secret[5:13], secret[-13:-5]):
        assert part not in told.raw


@judged_by_pytest
def test_the_ratchet_is_asked_once_for_what_the_tests_said(machine: Machine) -> None:
    before = reject(machine)
    reject(machine, "exit 3;")
    with sqlite3.connect(machine.home / "evolve.db") as database:
        [(known,)] = database.execute("SELECT outputs FROM candidates WHERE id = ?", (before["id"],))
        assert [one["id"] for one in json.loads(known)] == ["test_job::test_it_saves"]
        database.execute("UPDATE candidates SET outputs = replace(outputs, 'lost', 'found in the archive')")
    assert "found in the archive" in str(listen(machine).feedback[1]["outputs"])


@pytest.mark.parametrize("more", [[], ["--allow-protected", "why"]])
def test_what_it_was_told_is_kept_by_its_digest(machine: Machine, more: list[str]) -> None:
    reject(machine)
    _, [record] = machine.ask("try", "--propose", LISTEN, *more)
    raw = machine.git("show", f"{record['commit']}:request.json") + "\n"
    assert record["prompt_digest"] == hashlib.sha256(raw.encode()).hexdigest()
