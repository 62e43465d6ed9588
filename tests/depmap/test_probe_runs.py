"""What becomes of checks that cannot be run, print too much, loop, need a second time, or cannot be ended?"""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agentkit.core.ledger import with_ledger
from agentkit.core.ledger.notes import write_value
from agentkit.core.times import format_instant
from agentkit.depmap.probing.asked import Check
from agentkit.depmap.probing.memory import STUCK_KEY, keep, note_stuck, read_stuck
from tests.conftest import Run
from tests.depmap.probed import Record, check, probe, read_found, write_checks
from tests.processes import find_by_words, wait_until


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "checks"


def sh(node: str, script: str, limit: str = "60s") -> Record:
    return check(node, "sh", "-c", script, limit=limit)


@pytest.mark.parametrize(
    ("run", "status", "told"),
    [
        (["/none/such"], 127, "its check cannot be run: /none/such: No such file or directory"),
        (["no-such-program"], 127, "its check cannot be run: no-such-program: No such file or directory"),
        (["/etc/passwd"], 126, "its check cannot be run: /etc/passwd: Permission denied"),
        (["sh", "-c", "kill -SEGV $$"], 139, "sh -c 'kill -SEGV $$' was ended by signal 11"),
        (["sh", "-c", "echo one; echo two; exit 4"], 4, "sh -c 'echo one; echo two; exit 4' ended with 4: two"),
        (["sh", "-c", "echo out; echo err >&2; exit 4"], 4, "sh -c 'echo out; echo err >&2; exit 4' ended with 4: err"),
    ],
)
def test_how_it_failed_is_told(agentkit: Run, file: Path, run: list[str], status: int, told: str) -> None:
    found = probe(agentkit, write_checks(file, [check("job:a", *run)]))
    [finding] = found.findings
    assert (finding["type"], finding["title"]) == ("failed", told)
    assert isinstance(finding["evidence"], dict)
    assert finding["evidence"]["status"] == status


def test_what_looks_like_a_secret_is_told_nowhere(agentkit: Run, file: Path, home: Path) -> None:
    secret = "hunter" + "22"
    script = f"echo connected with password={secret}; exit 1"
    answer = agentkit("depmap", "probe", "--checks", str(write_checks(file, [sh("job:a", script)])))
    assert "password=***" in answer.stdout
    assert secret not in answer.stdout + answer.stderr
    assert all(secret.encode() not in kept.read_bytes() for kept in home.glob("ledger.db*"))


def test_no_part_of_a_secret_is_told_of_a_line_whose_start_is_gone(agentkit: Run, file: Path, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x" * 50 + "password=" + "Q7" * 50 + "y" * 1950 + "\n")
    [finding] = probe(agentkit, write_checks(file, [sh("job:a", f"cat {tmp_path}/log; exit 1")])).findings
    assert str(finding["title"]).endswith("ended with 1: [a line of 2000 bytes or more]")
    assert "Q7" not in str(finding)


def test_a_program_that_is_not_there_is_named_without_its_secret(agentkit: Run, file: Path) -> None:
    secret = "hunter" + "22"
    [finding] = probe(agentkit, write_checks(file, [check("job:a", f"/none/curl --password={secret}")])).findings
    assert finding["title"] == "its check cannot be run: /none/curl --password=***: No such file or directory"
    assert secret not in str(finding)


def test_a_check_that_prints_for_ever_fills_no_memory(agentkit: Run, file: Path) -> None:
    write_checks(file, [check("job:a", "head", "-c", "1G", "/dev/zero"), check("job:b", "yes", limit="1s")])
    found = probe(agentkit, file)
    assert found.types() == {"job:b": "hang"}


def test_things_that_depend_on_each_other_have_one_root(agentkit: Run, file: Path) -> None:
    checks = [sh("job:a", "exit 1"), check("job:b", "sleep", "60", limit="1s"), sh("job:c", ":"), sh("job:d", ":")]
    pairs = [("job:a", "job:b"), ("job:b", "job:c"), ("job:c", "job:a"), ("job:d", "job:c"), ("job:c", "job:e")]
    found = probe(agentkit, write_checks(file, [*checks, sh("job:e", ":")], pairs))

    assert found.types() == {"job:a": "failed", "job:b": "hang", "job:d": "blocked"}
    assert found.record["roots"] == ["job:b"]
    assert {str(one["cause"]) for one in found.findings} == {
        "{'root': 'job:b', 'via': []}", "{'root': 'job:b', 'via': ['job:a', 'job:c']}",
    }  # fmt: skip


def test_a_loop_of_things_that_are_well_is_well(agentkit: Run, file: Path) -> None:
    pairs = [("job:a", "job:b"), ("job:b", "job:a"), ("job:c", "job:a"), ("job:a", "job:a")]
    found = probe(agentkit, write_checks(file, [sh(f"job:{name}", ":") for name in "abc"], pairs))
    assert (found.status, found.findings, found.record["ok"]) == (0, [], 3)


def test_several_checks_of_one_thing_have_all_to_be_well(agentkit: Run, file: Path) -> None:
    checks = [sh("job:a", ":"), sh("job:a", "exit 1"), sh("job:a", "exit 1"), sh("job:b", ":"), sh("job:a", "exit 2")]
    found = probe(agentkit, write_checks(file, checks, [("job:b", "job:a")]))

    assert [(one["type"], one["subject"]) for one in found.findings] == [
        ("failed", "job:a"), ("failed", "job:a"), ("blocked", "job:b"),
    ]  # fmt: skip
    assert found.record["checks"] == 4
    assert found.record["roots"] == ["job:a"]
    assert len({one["fingerprint"] for one in found.findings}) == 3


def test_what_failed_is_asked_again_and_if_it_is_well_then_so_is_what_depends_on_it(
    agentkit: Run, file: Path, tmp_path: Path
) -> None:
    once = "[ -e {0} ] || {{ touch {0}; exit 1; }}"
    checks = [
        sh("job:a", once.format(tmp_path / "a")), sh("job:b", once.format(tmp_path / "b")), sh("job:c", ":"),
        sh("job:d", "exit 1"),
    ]  # fmt: skip
    found = probe(agentkit, write_checks(file, checks, [("job:c", "job:b"), ("job:b", "job:a"), ("job:a", "job:x")]))

    assert found.types() == {"job:d": "failed"}
    assert [one["subject"] for one in found.findings if one["type"] == "unsteady"] == ["job:a", "job:b"]
    assert found.record["ok"] == 3


def test_what_fails_is_asked_twice_and_what_hangs_once(agentkit: Run, file: Path, tmp_path: Path) -> None:
    checks = [
        sh("job:a", f"echo >> {tmp_path}/a; exit 1"), sh("job:b", f"echo >> {tmp_path}/b; exec sleep 60", limit="1s"),
    ]  # fmt: skip
    probe(agentkit, write_checks(file, checks))
    assert [(tmp_path / name).read_text() for name in "ab"] == ["\n\n", "\n"]


def test_what_the_limit_over_all_leaves_out_is_not_called_a_hang(agentkit: Run, file: Path) -> None:
    checks = [check("job:a", "sleep", "60"), sh("job:b", ":"), sh("job:c", "exit 1"), sh("job:d", ":")]
    found = probe(agentkit, write_checks(file, checks, [("job:b", "job:a"), ("job:d", "job:c")]), "--limit", "3s")

    assert found.status == 1
    assert found.types() == {"job:c": "failed", "job:a": "not-run", "job:b": "not-run", "job:d": "blocked"}
    assert found.record["roots"] == ["job:c"]
    assert found.record["not_run"] == 2


def test_a_limit_of_less_than_a_moment_is_a_limit(agentkit: Run, file: Path) -> None:
    assert probe(agentkit, write_checks(file, [check("job:a", "sleep", "60", limit="0.0000001s")])).types() == {
        "job:a": "hang"
    }


def test_a_variable_without_a_name_keeps_nobody_from_probing(file: Path, environ: dict[str, str]) -> None:
    words = [sys.executable, "-m", "agentkit", "depmap", "probe", "--checks", str(file)]
    write_checks(file, [sh("job:a", ":")])
    answer = subprocess.run(
        ["env", "=nameless", *words], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_a_check_for_which_there_is_no_room_is_no_root(file: Path, environ: dict[str, str]) -> None:
    write_checks(file, [sh("job:a", ":"), sh("job:b", ":")], [("job:b", "job:a")])
    script = f"ulimit -n 12; exec {sys.executable} -m agentkit depmap probe --json --checks {file}"
    answer = subprocess.run(["sh", "-c", script], env=environ, capture_output=True, text=True, timeout=60, check=False)
    found = read_found(answer)
    assert found.types() == {"job:a": "not-run", "job:b": "not-run"}
    assert (found.status, found.record["roots"]) == (1, [])
    assert found.findings[0]["title"] == "no answer: it could not be started (Too many open files): sh -c :"


def test_one_at_a_time_is_a_choice(agentkit: Run, file: Path, tmp_path: Path) -> None:
    script = f"mkdir {tmp_path}/alone && sleep 0.1 && rmdir {tmp_path}/alone"
    checks = [check(f"job:n{number}", "sh", "-c", script) for number in range(5)]
    assert probe(agentkit, write_checks(file, checks), "--jobs", "1").findings == []
    assert agentkit("depmap", "probe", "--checks", str(file), "--jobs", "0").returncode == 2
    assert agentkit("depmap", "probe", "--checks", str(file), "--limit", "soon").returncode == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whoever_ends_a_probe_ends_its_checks_first(
    file: Path, environ: dict[str, str], nap: str, number: signal.Signals
) -> None:
    checks = [sh("job:a", f"trap '' TERM HUP INT; (setsid {nap} &); {nap}; :"), check("job:b", *nap.split())]
    words = [sys.executable, "-m", "agentkit", "depmap", "probe", "--checks", str(write_checks(file, checks))]
    with subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: len(find_by_words(nap)) == 3)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (128 + number, "", "")
    assert find_by_words(nap) == []


def test_what_could_not_be_killed_is_not_started_again_until_it_has_gone(
    agentkit: Run, file: Path, tmp_path: Path, own_environ: dict[str, str], nap: str
) -> None:
    # The sleeper stands for a process of the last probe that waits in the kernel; tests/system has a real one.
    run = ("sh", "-c", f"echo started >> {tmp_path}/starts")
    asked = Check("job:a", run, 60.0, has_limit=True, file=str(file), place="check #1")
    write_checks(file, [check("job:a", *run), check("job:b", "true")], [("job:b", "job:a")])
    with subprocess.Popen(nap.split()) as sleeper:
        stuck = note_stuck(asked.identity, [sleeper.pid])
        keep(own_environ, [], stuck=[stuck], last={}, is_settled=lambda _: False, now=time.time())

        for count in (1, 2):
            found = probe(agentkit, file)
            assert found.types() == {"job:a": "unkillable", "job:b": "blocked"}
            assert found.by_subject["job:a"]["count"] == count
            evidence = found.by_subject["job:a"]["evidence"]
            assert isinstance(evidence, dict)
            assert [one["pid"] for one in evidence["processes"]] == [sleeper.pid]
            assert evidence["since"] == format_instant(stuck.since)
        assert not (tmp_path / "starts").exists()
        # A probe of other checks does not forget it.
        assert probe(agentkit, write_checks(tmp_path / "others", [check("job:c", "true")])).status == 0
        assert probe(agentkit, file).types() == {"job:a": "unkillable", "job:b": "blocked"}
        sleeper.kill()

    after = probe(agentkit, file)
    assert (after.status, (tmp_path / "starts").read_text()) == (0, "started\n")
    assert after.by_subject["job:a"]["state"] == "resolved"


def test_what_another_probe_left_behind_meanwhile_is_not_forgotten(own_environ: dict[str, str]) -> None:
    mine, others, gone = (note_stuck(name, [os.getpid()]) for name in ("a", "b", "c"))
    for stuck in (others, replace(gone, boot="another"), mine):
        keep(own_environ, [], stuck=[stuck], last={}, is_settled=lambda _: False, now=time.time())
    assert read_stuck(own_environ) == {"a": mine, "b": others}


def test_a_process_of_before_the_last_start_of_the_machine_is_another_one(own_environ: dict[str, str]) -> None:
    stuck = note_stuck("a", [os.getpid()])
    assert stuck.living() == stuck.processes != ()
    assert replace(stuck, boot="another").living() == ()
    assert replace(stuck, processes=((os.getpid(), 1),)).living() == ()


@pytest.mark.parametrize(
    "kept", ["", "nonsense", "{}", "[3]", '[["a", [[1]], null, 3], ["a", 3, "b", 4], [1, [], null, 2]]']
)
def test_what_a_ledger_cannot_hold_is_no_stuck_check(kept: str, own_environ: dict[str, str], home: Path) -> None:
    with_ledger(str(home), lambda ledger: write_value(ledger, STUCK_KEY, kept))
    assert read_stuck(own_environ) == {}


def test_what_the_vault_knows_is_masked_in_what_a_check_said(agentkit: Run, file: Path, tmp_path: Path) -> None:
    value = "correct-horse-" + "battery-staple"
    assert agentkit("vault", "init", "--new-recovery", str(tmp_path / "recovery.key")).returncode == 0
    assert agentkit("vault", "set", "token", "--purpose", "a test", input=value).returncode == 0
    (tmp_path / "log").write_text(f"cannot log in with {value} here\n")
    write_checks(file, [sh("job:a", f"cat {tmp_path}/log; exit 1")])

    [finding] = probe(agentkit, file).findings

    assert value not in str(finding)
    assert "cannot log in with" in str(finding["title"])
