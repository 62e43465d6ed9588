"""Does one candidate say all that is known of it, to a person and to a program, and steer no terminal?"""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path

import jsonschema
import pytest

from agentkit.core.schemas import read_schema
from tests.conftest import Run
from tests.evolve.machine import BAD, GOOD, Machine, judged_by_pytest
from tests.evolve.planted import COMMIT, DEAD, VERDICT, plant
from tests.heartbeat.terminal import Terminal

DECISION = {
    "v": 1, "kind": "decision", "id": "d" * 32, "action": "propose", "findings": ["f" * 64, "e" * 64],
    "proposal": "Wait for the lock\nThe job left it behind.", "rationale": "its owner is gone",
}  # fmt: skip


def show(machine: Machine, name: object) -> str:
    status, stdout, stderr = machine.call("evolve", "show", str(name))
    assert (status, stderr) == (0, "")
    return stdout


def read_facts(page: str) -> dict[str, str]:
    """Return {title: text} of the facts of a page."""
    rows = [line[2:] for line in page.splitlines() if line.startswith("  ")]
    return {row[:10].strip(): row[11:] for row in rows}


@judged_by_pytest
def test_a_rejected_one_says_who_why_and_what_the_tests_said(machine: Machine) -> None:
    machine.configure(f'[evolve]\nproposer = ["sh", "-c", {json.dumps(BAD)}]\nrepository = "{machine.scripts}"\n')
    status, [record] = machine.ask("try", stdin=json.dumps(DECISION) + "\n")
    assert status == 1
    page = show(machine, str(record["id"])[:14])
    facts = read_facts(page)
    assert page.startswith(f"rejected {record['reason']}\n")
    assert facts["candidate"] == record["id"]
    assert facts["proposer"] == f"sh -c '{BAD}'"
    assert facts["asked for"] == "Wait for the lock"
    assert facts["because"] == "its owner is gone"
    assert facts["decision"] == "d" * 32
    assert facts["findings"] == f"{'f' * 12}, {'e' * 12}"
    assert facts["branch"] == f"main of {machine.scripts}"
    assert (facts["base"], facts["commit"]) == (str(record["base"])[:12], str(record["commit"])[:12])
    assert facts["held by"] == f"refs/agentkit/candidates/{record['id']}"
    assert facts["kept"] == "no"
    assert facts["verdict"].startswith("reject on ")
    assert "runs of the tests" in facts["took"]
    assert "test_job::test_it_saves  pass  fail  fails now\n" in page
    assert "-- test_job::test_it_saves\n" in page
    assert "AssertionError: assert b'saved' in b'lost\\n'" in page
    assert page.endswith(
        f"agentkit evolve diff {str(record['id'])[:16]}\nagentkit ratchet show {str(record['commit'])[:12]}\n"
    )


def test_one_that_is_kept_can_be_taken_back_and_the_next_one_names_it(machine: Machine, tmp_path: Path) -> None:
    propose = f"{GOOD}; echo '{{\"cost_usd\": 0.125}}' > usage.json; echo thinking; echo $AGENTKIT_CANDIDATE >&2"
    _, [record] = machine.ask("try", "--propose", propose, "--allow-protected", "it is mine")
    page = show(machine, record["commit"])
    facts = read_facts(page)
    assert page.startswith("accepted 2 tests hold\n")
    assert facts["kept"] == "yes, the branch has it"
    assert facts["cost"] == "0.125 usd, as the proposer says"
    assert facts["allowed"] == "protected paths, because: it is mine"
    assert "-- the end of what the proposer printed\nthinking\n" in page
    assert f"-- the end of what it printed on stderr\n{record['id']}\n" in page
    assert page.endswith(f"agentkit evolve revert {str(record['id'])[:16]}\n")
    _, [after] = machine.ask("try", "--propose", "true")
    facts = read_facts(show(machine, after["id"]))
    assert facts["base"].endswith(f", made by candidate {str(record['id'])[:16]}")
    assert facts["commit"] == "none"
    # The ratchet looks at the repository that it is called in.
    _, stdout, _ = machine.call("evolve", "show", str(record["id"]), cwd=tmp_path)
    assert f"\ncd {machine.scripts} && agentkit ratchet show " in stdout


@judged_by_pytest
def test_the_record_has_what_was_said_besides(machine: Machine) -> None:
    _, [record] = machine.ask("try", "--propose", f"{BAD}; echo out; echo err >&2")
    status, [shown] = machine.ask("show", str(record["id"]))
    assert status == 0
    jsonschema.validate(shown, read_schema("candidate"))
    assert {key: shown[key] for key in record} == record
    assert (shown["stdout"], shown["stderr"], shown["attempts"]) == ("out\n", "err\n", 1)
    outputs = shown["outputs"]
    assert isinstance(outputs, list)
    assert [one["id"] for one in outputs] == ["test_job::test_it_saves"]
    assert "assert b'saved'" in outputs[0]["text"]


def test_why_protected_paths_were_no_proposers_is_said(machine: Machine) -> None:
    _, [record] = machine.ask("try", "--propose", "mkdir .ci && touch .ci/run")
    page = show(machine, record["id"])
    assert page.startswith("rejected only a person may change .ci/run (--allow-protected)\n")
    assert "ratchet show" not in page


def test_a_value_of_the_vault_is_masked(machine: Machine, tmp_path: Path) -> None:
    value = secrets.token_hex(16)
    assert machine.call("vault", "init", "--new-recovery", str(tmp_path / "recovery.key"))[0] == 0
    assert machine.call("vault", "set", "token", "--purpose", "orders", stdin=value)[0] == 0
    _, [record] = machine.ask("try", "--propose", f"echo the token is {value[:16]}''{value[16:]}; exit 1")
    page = show(machine, record["id"])
    assert "the token is " in page
    assert value not in page
    assert value not in json.dumps(machine.ask("show", str(record["id"]))[1])


def test_one_that_was_left_names_resume(agentkit: Run, environ: dict[str, str]) -> None:
    left = {"state": "proposed", "ended_at": None}
    now = time.time()
    cut_off = plant(environ, now, **left, step="proposing", reason="", claim=DEAD)
    waits = plant(environ, now - 9, **left, step="proposed", commit_id=COMMIT, reason="job.sh is changed", attempts=3)
    page = agentkit("evolve", "show", cut_off.id).stdout
    assert page.startswith("cut off while its proposer was at work\n")
    assert page.endswith("\n\nagentkit evolve resume\n")
    page = agentkit("evolve", "show", waits.id).stdout
    assert page.startswith("waits job.sh is changed\n")
    assert "judged in 3 attempts" in page


def test_what_was_forgotten_says_so(agentkit: Run, environ: dict[str, str]) -> None:
    one = plant(environ, 1e9, commit_id=COMMIT, forgotten_at=time.time() - 8000)
    page = agentkit("evolve", "show", one.id).stdout
    assert read_facts(page)["forgotten"] == "2h ago: its ref and what was printed are gone"
    assert "held by" not in read_facts(page)


def test_metrics_and_the_kind_of_cheat_are_named(agentkit: Run, environ: dict[str, str]) -> None:
    metric = {"name": "speed", "unit": "s", "direction": "lower", "best": 1.5, "now": 2.5, "limit": 2.0,
              "worse": True, "why": "above 2.0"}  # fmt: skip
    verdict = {**VERDICT, "metrics": [metric], "mechanism": "deleted-test"}
    one = plant(environ, time.time(), commit_id=COMMIT, verdict=json.dumps(verdict), batch="a" * 32, reverts="9" * 32)
    facts = read_facts(agentkit("evolve", "show", one.id).stdout)
    assert facts["metric"] == "speed: best 1.5, now 2.5, above 2.0"
    assert facts["mechanism"] == "deleted-test"
    assert (facts["run"], facts["reverts"]) == ("a" * 16, f"candidate {'9' * 16}")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_what_is_long_folds_beside_its_title_and_nothing_steers_the_terminal(
    environ: dict[str, str], width: int
) -> None:
    one = plant(environ, time.time(), proposer="mend " * 50, reason="evil\x1b[2J reason", stderr="tail\x1b]0;x\x07\n")
    terminal = Terminal(["evolve", "show", one.id], {**environ, "TERM": "xterm", "NO_COLOR": "1"}, width=width)
    try:
        status, seen = terminal.finish()
    finally:
        terminal.close()
    lines = seen.splitlines()
    assert (status, "\x1b" in seen, max(map(len, lines)) <= width) == (0, False, True)
    assert lines[0].rstrip() == "rejected evil\\x1b[2J reason"
    assert "tail\\x1b]0;x\\x07" in lines
    folded = [line for line in lines if "mend" in line]
    assert len(folded) > 1
    assert {line[13:17] for line in folded} == {"mend"}


@pytest.mark.parametrize("words", [("abcd",), ("abcd", "--json")])
def test_one_that_is_not_there_is_69(agentkit: Run, environ: dict[str, str], words: tuple[str, ...]) -> None:
    ended = agentkit("evolve", "show", *words)
    assert (ended.returncode, ended.stdout) == (69, "")
    assert "there is no candidate abcd: nothing was tried yet" in ended.stderr
    one, two = plant(environ, 1e9), plant(environ, 1e9)
    assert agentkit("evolve", "show", *words).returncode == 69
    ended = agentkit("evolve", "show", one.id[:12])
    assert ended.returncode == 69
    assert all(other.id[:16] in ended.stderr for other in (one, two))
    assert agentkit("evolve", "show", "abc").returncode == 2
