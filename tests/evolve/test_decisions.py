"""Decisions from a pipe: which of them are tried, what becomes of all others, and is one ever lost or tried twice?"""

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.core.ourselves import call_ourselves
from tests.evolve.machine import LIMIT_S, Machine

# It does what the decision says, in the words of a shell, and keeps what it was told.
OBEY = """asked=$(cat); printf '%s' "$asked" > told.json
case $asked in *'"proposal": "break'*) sed -i s/saved/lost/ job.sh;; *'"proposal": "wait'*) sleep 60;; esac
echo "# $AGENTKIT_CANDIDATE" >> job.sh"""


def configure(machine: Machine, *, limit: str = "60s") -> None:
    machine.configure(
        f'[evolve]\nproposer = ["sh", "-c", {json.dumps(OBEY)}]\nrepository = "{machine.scripts}"\nlimit = "{limit}"\n'
    )


def decision(name: str, words: str = "be safer", **more: object) -> dict[str, object]:
    return {"v": 1, "kind": "decision", "id": name, "status": "thought", "action": "propose", "proposal": words,
            "findings": ["f" * 64], "severity": "critical", "rationale": "the lock is stale", **more}  # fmt: skip


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def rows(machine: Machine) -> list[tuple[str, str, str]]:
    """Return decision, step and state of the candidates, as they were written down."""
    path = machine.home / "evolve.db"
    if not path.exists():
        return []
    with sqlite3.connect(path) as store:
        if not store.execute("SELECT 1 FROM sqlite_master WHERE name = 'candidates'").fetchone():
            return []  # it is being made
        return list(store.execute("SELECT decision, step, state FROM candidates ORDER BY at"))


def wait_until(predicate: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT_S
    while not predicate():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def test_what_asks_for_nothing_passes_through_byte_for_byte_and_in_order(machine: Machine) -> None:
    text = (
        '{"kind":"decision",  "action": "notify", "id": 7}\n'
        '{"kind": "finding", "title": "\\u00e4\\ud83d"}\n\n'
        '{"action": "propose"}\n'
        '{"kind": "decision", "action": ["propose"], "x": 1e999}\n'
        '  {"kind": "decision", "action": "none"}'
    )
    status, stdout, stderr = machine.call("evolve", "try", "--json", stdin=text)
    assert (status, stderr) == (0, "")
    assert stdout == text.replace("\n\n", "\n") + "\n"
    # Nothing was asked for, and so nothing was made.
    assert rows(machine) == []
    assert machine.call("evolve", "try", stdin=text) == (0, "", "")


def test_a_person_is_told_what_a_model_decided_instead(machine: Machine) -> None:
    text = lines(decision("d1" * 16, action="notify"), {**decision("d2"), "status": "asleep", "action": "none"})
    status, stdout, _ = machine.call("evolve", "try", stdin=text)
    told = "notify critical: the lock is stale; agentkit think journal show d1d1d1d1d1d1d1d1\n"
    assert (status, stdout) == (0, told)
    assert machine.call("evolve", "try", "--quiet", stdin=text) == (0, "", "")


NO_DECISIONS = {
    "half": '{"kind": "decision", "action": "propose", "id": "a", "prop',
    "text": "a model said: propose",
    "list": '[{"kind": "decision"}]',
    "no action": '{"kind": "decision", "id": "a", "proposal": "be safer"}',
    "no words": lines(decision("a", "")),
    "blank words": lines(decision("a", " \n\t")),
    "words of another kind": lines(decision("a", proposal=["rm"])),
    "no id": lines({key: value for key, value in decision("a").items() if key != "id"}),
    "number as id": lines(decision("a", id=7)),
    "empty id": lines(decision("")),
    "two lines as id": lines(decision("a\nSigned-off-by: a person")),
    "long id": lines(decision("a" * 201)),
    "findings of another kind": lines(decision("a", findings="f")),
    "numbers as findings": lines(decision("a", findings=[1])),
    "huge": lines(decision("a", "x" * 1024 * 1024)),
    "too large a number": lines(decision("a")).replace('"v": 1', '"v": 1e999'),
    "deep": lines(decision("a")).replace('"v": 1', '"v": ' + "[" * 150 + "]" * 150),
}


@pytest.mark.parametrize("text", NO_DECISIONS.values(), ids=NO_DECISIONS)
def test_what_is_no_decision_is_named_by_its_line_and_tried_by_nobody(machine: Machine, text: str) -> None:
    configure(machine)
    before = machine.look()
    status, stdout, stderr = machine.call("evolve", "try", "--json", stdin="\n" + text)
    assert (status, stdout) == (65, "")
    assert "warning: stdin: line 2 is no " in stderr
    assert stderr.endswith("1 of 2 lines left out; expected decisions, one JSON object a line\n")
    assert rows(machine) == []
    assert machine.look() == before


def test_a_line_of_no_use_keeps_nothing_from_the_others(machine: Machine) -> None:
    configure(machine)
    status, [record] = machine.ask("try", stdin="what\n" + lines(decision("d1")))
    assert (status, record["state"], record["decision"]) == (65, "accepted", "d1")


def test_without_a_proposer_the_decisions_are_passed_on_and_nothing_is_kept_of_them(machine: Machine) -> None:
    text = lines(decision("d1"), decision("d2", action="none"))
    status, stdout, stderr = machine.call("evolve", "try", "--json", stdin=text)
    assert (status, stdout) == (78, text)
    assert "[evolve] proposer is not set" in stderr
    status, stdout, _ = machine.call("evolve", "try", stdin=text)
    assert (status, [line.split()[0] for line in stdout.splitlines()]) == (78, ["propose", "none"])
    assert rows(machine) == []
    # Once there is one, each is tried as if it came for the first time.
    configure(machine)
    status, [_, record] = machine.ask("try", stdin=text)
    assert (status, record["state"]) == (0, "accepted")


def test_a_proposer_is_told_the_decision_and_where_it_begins(machine: Machine) -> None:
    configure(machine)
    base = machine.git("rev-parse", "HEAD")
    asked = decision("d1", "be safer\x00\x1b[31m\n\nmore\ud83d", extra={"of": ["another", "program"]})
    status, [record] = machine.ask("try", stdin=lines(asked))
    told = json.loads((machine.scripts / "told.json").read_text())
    assert status == 0
    assert (told["base"], told["branch"], told["repository"]) == (base, "refs/heads/main", str(machine.scripts))
    assert told["decision"] == {**asked, "proposal": "be safer\x00\x1b[31m\n\nmore?"}
    # What git and a terminal cannot take is no part of the message.
    assert machine.git("log", "-1", "--format=%s") == "be safer  [31m"
    assert machine.git("log", "-1", "--format=%(trailers:key=Decision,valueonly)") == "d1"
    assert record["findings"] == ["f" * 64]


def test_the_place_that_a_decision_names_is_not_where_it_is_made(machine: Machine, tmp_path: Path) -> None:
    configure(machine)
    other = tmp_path / "other"
    machine.git("clone", "-q", ".", str(other))
    before = {path: path.read_bytes() for path in other.rglob("*") if path.is_file()}
    status, [record] = machine.ask("try", stdin=lines(decision("d1", repository=str(other))))
    assert (status, record["repository"]) == (0, str(machine.scripts))
    assert {path: path.read_bytes() for path in other.rglob("*") if path.is_file()} == before


def test_each_begins_where_the_one_before_it_has_led_and_the_worst_is_the_status(machine: Machine) -> None:
    configure(machine)
    base = machine.git("rev-parse", "HEAD")
    told = [decision("d1"), decision("d2", "break it"), decision("d3"), decision("d1", "break it")]
    status, records = machine.ask("try", stdin=lines(*told))
    assert status == 1
    assert [(row["decision"], row["state"]) for row in records] == [
        ("d1", "accepted"), ("d2", "rejected"), ("d3", "accepted"),
    ]  # fmt: skip
    first, second, third = records
    assert (first["base"], second["base"], third["base"]) == (base, first["commit"], first["commit"])
    assert third["parent"] == first["id"]
    assert machine.git("rev-parse", "HEAD") == third["commit"]
    # Told again, nobody is asked again.
    status, again = machine.ask("try", stdin=lines(*told))
    assert (status, [row["id"] for row in again]) == (0, [row["id"] for row in records])
    assert len(rows(machine)) == 3


def test_two_processes_with_the_same_decisions_try_each_once(machine: Machine) -> None:
    configure(machine)
    text = lines(decision("d1"), decision("d2")).encode()
    both = [
        subprocess.Popen(call_ourselves("evolve", "try", "--json"), cwd=machine.scripts, env=machine.environ,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]  # fmt: skip
    for process in both:
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.flush()
    ids = []
    for process in both:
        ids.append([json.loads(line)["id"] for line in process.communicate(timeout=LIMIT_S)[0].splitlines()])
        assert process.returncode == 0
    assert ids[0] == ids[1]
    assert rows(machine) == [("d1", "done", "accepted"), ("d2", "done", "accepted")]
    assert machine.git("rev-list", "--count", "HEAD") == "3"


def test_all_are_written_down_before_the_first_is_begun_and_resume_takes_them_up(machine: Machine) -> None:
    configure(machine, limit="3s")
    names = ["d1", "d2", "d3"]
    process = subprocess.Popen(call_ourselves("evolve", "try"), cwd=machine.scripts, env=machine.environ,
                               stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(lines(decision("d1", "wait"), decision("d2"), decision("d3")).encode())
    process.stdin.close()
    wait_until(lambda: rows(machine))
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=LIMIT_S)
    assert rows(machine) == [(name, "proposing", "proposed") for name in names]
    # It is known, and so told by who has the same decision again.
    status, records = machine.ask("try", stdin=lines(decision("d2")))
    assert (status, [(row["state"], row["base"], row["branch"]) for row in records]) == (0, [("proposed", None, None)])
    status, records = machine.ask("resume")
    assert [(row["decision"], row["state"]) for row in records] == [
        ("d1", "no-evidence"), ("d2", "accepted"), ("d3", "accepted"),
    ]  # fmt: skip
    assert status == 65


def test_ten_thousand_that_cannot_go_on_wait_and_none_is_lost(machine: Machine) -> None:
    configure(machine)
    (machine.scripts / ".git/MERGE_HEAD").write_text(machine.git("rev-parse", "HEAD") + "\n")
    text = lines(*(decision(f"d{number}") for number in range(10_000)))
    status, records = machine.ask("try", stdin=text)
    assert status == 77
    assert [row["decision"] for row in records] == [f"d{number}" for number in range(10_000)]
    assert len(rows(machine)) == 10_000
    status, _, stderr = machine.call("evolve", "try", stdin=text + lines(decision("one more")))
    assert status == 77
    assert "1 decision waits for agentkit evolve resume" in stderr


def test_a_terminal_is_told_what_is_expected_and_a_closed_stdin_holds_nothing(machine: Machine) -> None:
    words = ["sh", "-c", 'exec "$@" <&-', "sh", *call_ourselves("evolve", "try")]
    ended = subprocess.run(words, cwd=machine.scripts, env=machine.environ, capture_output=True, timeout=LIMIT_S,
                           check=False)  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    leader, follower = os.openpty()
    try:
        ended = subprocess.run(call_ourselves("evolve", "try"), cwd=machine.scripts, env=machine.environ,
                               stdin=follower, capture_output=True, timeout=LIMIT_S, check=False)  # fmt: skip
    finally:
        os.close(leader)
        os.close(follower)
    assert ended.returncode == 2
    assert b"it is a terminal" in ended.stderr
    assert machine.call("evolve", "try", stdin="") == (0, "", "")
