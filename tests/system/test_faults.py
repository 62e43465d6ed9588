"""Whatever is wrong with the evidence, the job runs, nothing recorded is lost, and the statuses tell the truth."""

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agentkit.core.ledger.schema import VERSION
from tests.conftest import ROOT, Run

LIMIT_S = 120


def count_runs(home: Path, job: str = "job") -> int:
    with sqlite3.connect(home / "ledger.db") as ledger:
        return int(
            ledger.execute(
                "SELECT count(*) FROM runs JOIN jobs ON jobs.id = job_id WHERE name = ? AND state <> 'started'", (job,)
            ).fetchone()[0]
        )


def run_job(agentkit: Run, trace: Path, *, status: int = 0) -> None:
    """Run a job that leaves a trace of its own; the trace shows that it ran, whatever became of its evidence."""
    before = trace.read_text() if trace.exists() else ""
    done = agentkit("heartbeat", "run", "job", "--every", "1h", "--", "sh", "-c", f"echo ran >> {trace}; exit {status}")
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert trace.read_text() == before + "ran\n"


def test_a_machine_without_any_ledger(agentkit: Run, home: Path, tmp_path: Path) -> None:
    run_job(agentkit, tmp_path / "trace")
    assert not (home / "ledger.db").exists()
    assert agentkit("heartbeat", "check").returncode == 0
    assert count_runs(home) == 1


def test_a_ledger_locked_for_three_seconds_delays_no_job_and_loses_nothing(
    agentkit: Run, home: Path, tmp_path: Path
) -> None:
    run_job(agentkit, tmp_path / "trace")
    agentkit("heartbeat", "check")
    holder = sqlite3.connect(home / "ledger.db", check_same_thread=False, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    letting_go = threading.Timer(3.0, lambda: holder.execute("ROLLBACK"))
    letting_go.start()
    try:
        run_job(agentkit, tmp_path / "trace")
        assert letting_go.is_alive(), "the job waited for the ledger"
        checked = agentkit("heartbeat", "check")
    finally:
        letting_go.join(LIMIT_S)
        holder.close()
    assert (checked.returncode, checked.stderr) == (0, "")
    assert count_runs(home) == 2


def test_a_ledger_locked_for_longer_is_try_later(agentkit: Run, home: Path, tmp_path: Path) -> None:
    run_job(agentkit, tmp_path / "trace")
    agentkit("heartbeat", "check")
    holder = sqlite3.connect(home / "ledger.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        run_job(agentkit, tmp_path / "trace")
        checked = agentkit("heartbeat", "check")
    finally:
        holder.close()
    assert checked.returncode == 75
    assert "locked" in checked.stderr
    assert agentkit("heartbeat", "check").returncode == 0
    assert count_runs(home) == 2


@pytest.mark.parametrize("damage", ["garbage", "cut", "pages", "empty", "folder"])
def test_a_corrupt_ledger_is_set_aside_and_said_loudly(agentkit: Run, home: Path, tmp_path: Path, damage: str) -> None:
    for _ in range(3):
        run_job(agentkit, tmp_path / "trace")
    agentkit("heartbeat", "check")
    path = home / "ledger.db"
    for extra in ("ledger.db-wal", "ledger.db-shm"):
        (home / extra).unlink(missing_ok=True)
    raw = path.read_bytes()
    if damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        damaged = {"garbage": b"no database" * 99, "cut": raw[: len(raw) // 2], "empty": b"", "pages": raw}[damage]
        if damage == "pages":
            damaged = raw[:4096] + os.urandom(len(raw) - 4096)
        path.write_bytes(damaged)
    run_job(agentkit, tmp_path / "trace")
    checked = agentkit("heartbeat", "check", "--json")
    assert "Traceback" not in checked.stderr
    assert '"type": "ledger"' in checked.stdout
    assert checked.returncode == 1
    assert list(home.glob("ledger.db.corrupt-*"))
    assert count_runs(home) >= 1
    assert agentkit("heartbeat", "check").returncode == 0


def test_a_ledger_of_a_newer_program_is_refused_and_untouched(agentkit: Run, home: Path, tmp_path: Path) -> None:
    run_job(agentkit, tmp_path / "trace")
    agentkit("heartbeat", "check")
    with sqlite3.connect(home / "ledger.db", isolation_level=None) as ledger:
        ledger.execute("PRAGMA journal_mode = DELETE")
        ledger.execute(f"PRAGMA user_version = {VERSION + 1}")
    ledger.close()
    before = (home / "ledger.db").read_bytes()
    run_job(agentkit, tmp_path / "trace")
    checked = agentkit("heartbeat", "check")
    assert checked.returncode == 78
    assert "newer" in checked.stderr
    assert (home / "ledger.db").read_bytes() == before
    with sqlite3.connect(home / "ledger.db", isolation_level=None) as ledger:
        ledger.execute(f"PRAGMA user_version = {VERSION}")
    ledger.close()
    assert agentkit("heartbeat", "check").returncode == 0
    assert count_runs(home) == 2


def in_namespace(script: str, environ: dict[str, str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a script of sh with mounts of its own; `$A` is agentkit."""
    variables = {**environ, "A": f"{sys.executable} -m agentkit", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["unshare", "-m", "sh", "-euc", f"mount --make-rprivate /\n{script}"],
        env=variables,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def test_on_a_full_disk_the_job_runs_and_its_evidence_is_kept(
    environ: dict[str, str], home: Path, tmp_path: Path
) -> None:
    home.mkdir()
    done = in_namespace(
        f"""
        mount -t tmpfs -o size=64k tmpfs {home}
        $A heartbeat run job --every 1h -- echo first
        dd if=/dev/zero of={home}/filler bs=1k count=200 2>/dev/null || true
        $A heartbeat run job --every 1h -- sh -c 'echo ran >> {tmp_path}/trace'
        echo "status $?"
        rm {home}/filler
        find {home} /var/lib/agentkit /tmp/agentkit-$(id -u) -name '*.jsonl' -exec cat '{{}}' + 2>/dev/null |
            grep -c '"state":"ok"' || true
        """,
        {**environ, "HOME": str(tmp_path)},
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "trace").read_text() == "ran\n"
    assert "status 0" in done.stdout
    assert int(done.stdout.splitlines()[-1]) >= 2


def test_on_a_read_only_disk_evidence_goes_to_the_second_place_and_check_says_so(
    environ: dict[str, str], home: Path, tmp_path: Path
) -> None:
    home.mkdir()
    second = tmp_path / "var-lib"
    second.mkdir()
    done = in_namespace(
        f"""
        mount -t tmpfs tmpfs /var/lib
        mkdir /var/lib/agentkit
        mount --bind {second} /var/lib/agentkit
        mount --bind {home} {home}
        mount -o remount,ro,bind {home}
        $A heartbeat run job --every 1h -- sh -c 'echo ran >> {tmp_path}/trace'
        echo "status $?"
        $A heartbeat check || echo "check $?"
        mount -o remount,rw,bind {home}
        $A heartbeat check --json || echo "check $?"
        """,
        {**environ, "HOME": str(tmp_path)},
        tmp_path,
    )
    assert "Traceback" not in done.stderr
    assert (tmp_path / "trace").read_text() == "ran\n"
    assert "status 0" in done.stdout
    assert "check 73" in done.stdout
    assert "spooled in /var/lib/agentkit" in done.stdout
    assert count_runs(home) == 1


@pytest.mark.parametrize("words", [("check",), ("check", "--json")])
def test_an_answer_that_cannot_be_written_is_said_by_the_status(
    agentkit: Run, environ: dict[str, str], home: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    run_job(agentkit, tmp_path / "trace", status=3)
    command = f"{sys.executable} -m agentkit heartbeat {' '.join(words)}"
    for target, expected in ((">/dev/full", 73), (">&-", 73)):
        done = subprocess.run(
            ["sh", "-c", f"{command} {target}"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == expected, done.stderr
        assert "Traceback" not in done.stderr


def test_nothing_in_the_environment_and_no_home(environ: dict[str, str], tmp_path: Path) -> None:
    passwd = tmp_path / "passwd"
    passwd.write_text(f"someone:x:{os.getuid()}:{os.getgid()}::/nonexistent:/bin/sh\n")
    done = in_namespace(
        f"""
        mount --bind {passwd} /etc/passwd
        mount -t tmpfs tmpfs /var/lib
        cd {ROOT}
        env -i {sys.executable} -m agentkit heartbeat run job --every 1h -- true
        env -i {sys.executable} -m agentkit heartbeat check
        find /var/lib/agentkit -name ledger.db
        """,
        environ,
        tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == f"/var/lib/agentkit/{os.getuid()}/ledger.db"
