"""Does the job run, and is the status true, whatever becomes of disk, home, descriptors and our own code?"""

import itertools
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.heartbeat.jobs import LIMIT_S, Job

# Every place that may hold evidence refuses it.
NOWHERE = 'mkdir -p /var/lib/agentkit; : > /var/lib/agentkit/0; : > /tmp/agentkit-0; : > "$BASE/agentkit-home"\n'
RAN = "sh -c ': > \"$BASE/ran\"'"


def read_records(*folders: Path) -> list[dict[str, object]]:
    """Return the whole records; what a full disk tore is followed by the same record once more."""
    found = []
    for folder in folders:
        for file in sorted(path for path in folder.rglob("spool/*.jsonl") if path.is_file()):
            for line in filter(None, file.read_bytes().splitlines()):
                try:
                    found.append(json.loads(line))
                except ValueError:
                    assert line.startswith(b'{"v":1,'), "not even half a record"
    return found


def places(job: Job) -> tuple[Path, Path, Path]:
    return job.home, job.base / "var-lib" / "agentkit" / "0", job.base / "tmp" / "agentkit-0"


# What stands in the way of the state folder, and the place that takes the evidence then.
DAYS = 'mkdir -p "$AGENTKIT_HOME/spool"; for n in 0 1; do day="$AGENTKIT_HOME/spool/$(date -u -d "$n day" +%F).jsonl"; '
FAULTS = {
    "missing with all above it": ("export AGENTKIT_HOME=$BASE/a/b/c/d", "a/b/c/d"),
    "a file": (': > "$BASE/agentkit-home"', "var-lib/agentkit/0"),
    "below a file": (': > "$BASE/file"; export AGENTKIT_HOME=$BASE/file/below', "var-lib/agentkit/0"),
    "a dangling link": ('ln -s nowhere "$BASE/agentkit-home"', "var-lib/agentkit/0"),
    "a link to a folder": ('mkdir "$BASE/real"; ln -s real "$BASE/agentkit-home"', "real"),
    "a loop of links": ('ln -s agentkit-home "$BASE/agentkit-home"', "var-lib/agentkit/0"),
    "on a read-only disk": (
        'mkdir "$BASE/agentkit-home"; mount -t tmpfs -o ro tmpfs "$BASE/agentkit-home"',
        "var-lib/agentkit/0",
    ),
    "a path that is too long": (f"export AGENTKIT_HOME=$BASE/{'x' * 300}", "var-lib/agentkit/0"),
    "relative": ("cd $BASE; export AGENTKIT_HOME=relative", "relative"),
    "relative, and its folder is gone": (
        "mkdir $BASE/gone; cd $BASE/gone; rmdir $BASE/gone; export AGENTKIT_HOME=relative",
        "var-lib/agentkit/0",
    ),
    "its spool is a file": (
        'mkdir -p "$AGENTKIT_HOME"; : > "$AGENTKIT_HOME/spool"',
        "var-lib/agentkit/0",
    ),
    "its spool's file is a folder": (
        DAYS + 'mkdir "$day"; done',
        "var-lib/agentkit/0",
    ),
    "its spool's file is a link": (
        DAYS + 'ln -s /etc/passwd "$day"; done',
        "var-lib/agentkit/0",
    ),
    "its spool's file is a pipe": (
        DAYS + 'mkfifo "$day"; done',
        "var-lib/agentkit/0",
    ),
    "no home at all": ("unset HOME AGENTKIT_HOME; export XDG_STATE_HOME=$BASE/xdg", "xdg/agentkit"),
    "an empty home": ("unset AGENTKIT_HOME; export HOME= XDG_STATE_HOME=$BASE/xdg", "xdg/agentkit"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_the_job_runs_and_its_evidence_is_somewhere(job: Job, tmp_path: Path, name: str) -> None:
    script, place = FAULTS[name]
    ended = job.in_machine(f"{script}\n$RUN x -- {RAN}")
    assert (ended.returncode, (tmp_path / "ran").exists()) == (0, True), ended.stderr
    assert [record["state"] for record in read_records(tmp_path / place)] == ["started", "ok"]
    lines = ended.stderr.decode().splitlines()
    # A relative folder of no folder is none: the fallback is then the first place.
    went_elsewhere = place.startswith("var-lib") and not name.startswith("relative")
    assert [line[:30] for line in lines] == ["agentkit: warning: x: its evid"] * went_elsewhere
    assert all("/var/lib/agentkit/0" in line for line in lines)


def test_a_folder_without_rights_sends_evidence_to_a_private_folder(job: Job, tmp_path: Path) -> None:
    script = f'mkdir "$AGENTKIT_HOME"; chmod 500 "$AGENTKIT_HOME"; chmod 555 /var/lib; $POWERLESS $RUN x -- {RAN}'
    ended = job.in_machine(script)
    assert (ended.returncode, (tmp_path / "ran").exists()) == (0, True), ended.stderr
    assert [record["state"] for record in read_records(tmp_path / "tmp" / "agentkit-0")] == ["started", "ok"]
    [line] = ended.stderr.decode().splitlines()
    assert line.startswith("agentkit: warning: x: its evidence went to /tmp/agentkit-0/")
    assert line.count("Permission denied") == 2


@pytest.mark.parametrize(
    "trap",
    [
        'mkdir -m 777 /tmp/agentkit-0',
        'mkdir "$BASE/elsewhere"; ln -s "$BASE/elsewhere" /tmp/agentkit-0',
        'ln -s "$BASE/elsewhere" /tmp/agentkit-0',
        ': > /tmp/agentkit-0',
    ],
)  # fmt: skip
def test_what_others_put_under_tmp_gets_nothing(job: Job, tmp_path: Path, trap: str) -> None:
    ended = job.in_machine(
        f': > "$BASE/agentkit-home"; mkdir /var/lib/agentkit; : > /var/lib/agentkit/0; {trap}\n$RUN x -- {RAN}'
    )
    assert (ended.returncode, (tmp_path / "ran").exists()) == (73, True)
    found = [path for name in ("tmp/agentkit-0", "elsewhere") for path in (tmp_path / name).glob("*")]
    assert found == []


def test_with_evidence_nowhere_a_good_run_ends_with_73_and_one_line(job: Job, tmp_path: Path) -> None:
    ended = job.in_machine(f"{NOWHERE} $RUN x -- {RAN}")
    lines = ended.stderr.decode().splitlines()
    assert (ended.returncode, (tmp_path / "ran").exists()) == (73, True)
    assert [line[:70] for line in lines] == [
        "agentkit: warning: x: no lock could be made, so overlapping runs are n",
        "agentkit: warning: x: its evidence could be written nowhere (/tmp/pyte",
    ] or [line[:60] for line in lines][1] == "agentkit: warning: x: its evidence could be written nowhere "


def test_with_evidence_nowhere_a_failure_stays_what_it_is(job: Job) -> None:
    ended = job.in_machine(f"{NOWHERE} $RUN x -- sh -c 'exit 9'")
    assert ended.returncode == 9


def test_a_full_disk_gives_up_its_reserve_and_loses_nothing(job: Job, tmp_path: Path) -> None:
    script = """
    mkdir "$AGENTKIT_HOME"; mount -t tmpfs -o size=64k tmpfs "$AGENTKIT_HOME"
    $RUN x -- true
    test -s "$AGENTKIT_HOME/spool/reserve"
    cat /dev/zero > "$AGENTKIT_HOME/fill" 2>/dev/null || true
    $RUN x -- sh -c 'seq 1000; : > "$BASE/ran"'
    test ! -e "$AGENTKIT_HOME/spool/reserve"
    cp -r "$AGENTKIT_HOME" "$BASE/seen"
    """
    ended = job.in_machine(script)
    assert (ended.returncode, ended.stderr, (tmp_path / "ran").exists()) == (0, b"", True)
    assert [record["state"] for record in read_records(tmp_path / "seen")] == ["started", "ok"] * 2


def test_what_a_full_disk_does_not_take_goes_to_the_next_place(job: Job, tmp_path: Path) -> None:
    script = """
    mkdir "$AGENTKIT_HOME"; mount -t tmpfs -o size=64k tmpfs "$AGENTKIT_HOME"
    cat /dev/zero > "$AGENTKIT_HOME/fill" 2>/dev/null || true
    for n in 1 2 3; do $RUN x -- sh -c 'seq 20000; exit 3' || true; done
    """
    ended = job.in_machine(script)
    assert [record["state"] for record in read_records(*places(job)[1:])] == ["started", "failed"] * 3
    assert b"No space left on device" in ended.stderr


def test_a_torn_record_never_swallows_the_next(job: Job, tmp_path: Path) -> None:
    """Fill the disk so that only a part of a record fits, make room, run again: every whole record is readable."""
    script = """
    mkdir "$AGENTKIT_HOME"; mount -t tmpfs -o size=64k tmpfs "$AGENTKIT_HOME"
    for n in 1 2 3 4 5 6; do $RUN x -- sh -c 'seq 3000; exit 3' 2>/dev/null || true; done
    rm -f "$AGENTKIT_HOME/fill"; mount -o remount,size=1m "$AGENTKIT_HOME"
    $RUN last -- true
    cp -r "$AGENTKIT_HOME" "$BASE/seen"
    """
    assert job.in_machine(script).returncode == 0
    whole = read_records(tmp_path / "seen", *places(job)[1:])
    assert [r["state"] for r in whole if r["job"] == "last"] == ["started", "ok"]
    assert len([r for r in whole if r["job"] == "x"]) == 12


@pytest.mark.parametrize("closed", [c for n in (1, 2, 3) for c in itertools.combinations((0, 1, 2), n)])
@pytest.mark.parametrize("tee", [(), ("--tee",)])
def test_closed_descriptors_are_none_of_the_jobs_business(
    job: Job, tmp_path: Path, closed: tuple[int, ...], tee: tuple[str, ...]
) -> None:
    close = " ".join(f"{number}{'<' if number == 0 else '>'}&-" for number in closed)
    program = f"readlink /proc/self/fd/0 > '{tmp_path}/stdin'; ls /proc/self/fd > '{tmp_path}/fds'; exit 4"
    ended = job.run("x", *tee, "--", "sh", "-c", program, before=("sh", "-c", f'exec "$@" {close}', "sh"))
    assert (ended.returncode, job.last()["status"]) == (4, 4)
    assert (tmp_path / "fds").read_text().split()[:3] == ["0", "1", "2"]
    if 0 in closed:
        assert (tmp_path / "stdin").read_text() == "/dev/null\n"


def test_no_environment_at_all(job: Job, tmp_path: Path) -> None:
    ended = job.in_machine(
        f"export HOME=/nonexistent; cd $REPO; env -i $RUN x -- /bin/sh -c ': > {tmp_path}/ran'", REPO=str(Path.cwd())
    )
    assert (ended.returncode, ended.stderr, (tmp_path / "ran").exists()) == (0, b"", True)


def test_an_entry_of_the_environment_without_a_name_stops_nobody(job: Job) -> None:
    words = [os.fsencode(word) for word in job.words("x", "--", "true")]
    script = textwrap.dedent("""
        import ctypes, os, sys
        def array(items):
            return (ctypes.c_char_p * (len(items) + 1))(*items, None)
        words = [os.fsencode(word) for word in sys.argv[1:]]
        entries = [os.fsencode(f"{name}={value}") for name, value in os.environ.items()]
        entries += [b"=odd", b"nothing", b"TWICE=1", b"TWICE=2"]
        ctypes.CDLL(None).execve(words[0], array(words), array(entries))
    """)
    ended = subprocess.run(
        [sys.executable, "-c", script, *words], env=job.environ, capture_output=True, timeout=LIMIT_S, check=False
    )
    assert (ended.returncode, ended.stderr, job.last()["state"]) == (0, b"", "ok")


def test_a_working_folder_that_was_removed(job: Job, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    before = ("sh", "-c", f'cd "{tmp_path}/gone"; rmdir "{tmp_path}/gone"; exec "$@"', "sh")
    ended = job.run("x", "--", "true", before=before)
    assert (ended.returncode, ended.stderr, job.records()[0]["cwd"]) == (0, b"", None)


def test_no_byte_may_be_written_to_any_file(job: Job, tmp_path: Path) -> None:
    ended = job.in_machine("ulimit -f 0; $RUN x -- sh -c 'mkdir \"$BASE/ran\"'")
    assert (ended.returncode, (tmp_path / "ran").exists()) == (73, True)
    assert b"its evidence could be written nowhere" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_words_that_are_no_utf8_are_kept_readable(job: Job) -> None:
    word = b"/nonexistent/\xff\xfe".decode("utf-8", "surrogateescape")
    ended = job.run("x", "--", word)
    assert (ended.returncode, job.records()[0]["program"]) == (127, "/nonexistent/\\xff\\xfe")


# A bug in our own evidence, simulated: (what is replaced, is the run's own end still known?)
BUGS = {
    "a started record": "run._encode_start",
    "a holder": "run.JobLock.write_holder",
    "the lock": "run.take_job_lock",
    "the look before": "run._look_before",
    "measuring": "measure.Stream.add",
    "the tail": "measure.Tail.add",
    "the closing record": "run.close_run",
    "the marks": "marks.collect_marks",
    "the digest": "measure.Stream.digest",
    "the boot": "beat.describe_this_process",
    "syncing": "spool._sync_folder",
}  # fmt: skip
INNOCENT = ("a started record", "a holder", "the lock", "the look before", "the boot", "syncing")


@pytest.mark.parametrize("status", [0, 5])
@pytest.mark.parametrize("name", BUGS)
def test_a_bug_of_ours_keeps_no_job_from_running_and_hides_no_end(
    job: Job, tmp_path: Path, name: str, status: int
) -> None:
    script = (
        "import os, sys\n"
        "from agentkit.core import paths, spool\n"
        "from agentkit.heartbeat import beat, marks, measure, run\n"
        # This script runs on the real machine: no evidence may go where that one keeps its own.
        f"paths.fallback_folders = spool.fallback_folders = lambda: ('{tmp_path}/second', '{tmp_path}/third')\n"
        "def boom(*words, **how): raise TypeError('simulated')\n"
        f"{BUGS[name]} = boom\n"
        "os._exit(run.main(sys.argv[1:]))\n"
    )
    program = ("sh", "-c", f"echo hello; echo n=1 >> $AGENTKIT_MARKS; : > '{tmp_path}/ran'; exit {status}")
    words = [sys.executable, "-c", script, "x", "--", *program]
    ended = subprocess.run(words, env=job.environ, capture_output=True, timeout=LIMIT_S, check=False)
    expected = 0 if name in INNOCENT else 73
    assert (ended.returncode, (tmp_path / "ran").exists()) == (status or expected, True), ended.stderr
    assert b"Traceback" not in ended.stderr
    assert len([line for line in ended.stderr.splitlines() if b"simulated" in line]) == 1
    assert (job.last()["status"], job.last()["state"]) == (status, "failed" if status else "ok")


def test_a_bug_in_the_watching_leaves_no_program_alone(job: Job) -> None:
    """The program prints more than a pipe holds and ignores TERM; the second one runs past its time limit."""
    script = (
        "import os, sys\n"
        "from agentkit.heartbeat import listening, run\n"
        "def boom(*words, **how): raise TypeError('simulated')\n"
        "listening.Listener.wait = boom\n"
        "os._exit(run.main(sys.argv[1:]))\n"
    )
    for program, status, state in (
        ("seq 100000; exit 0", 73, "ok"),
        ("seq 100000; exit 6", 6, "failed"),
        ("trap '' TERM; while :; do sleep 60; done", 124, "timeout"),
    ):
        words = [sys.executable, "-c", script, "x", "--timeout", "1s", "--", "sh", "-c", program]
        ended = subprocess.run(words, env=job.environ, capture_output=True, timeout=LIMIT_S, check=False)
        assert (ended.returncode, job.last()["state"], job.members()) == (status, state, {})
        assert b"its evidence is incomplete, by a bug in agentkit: TypeError: simulated" in ended.stderr


def test_a_bug_while_effects_are_looked_at_is_no_success(job: Job) -> None:
    script = (
        "import os, sys\n"
        "from agentkit.heartbeat import effects, run\n"
        "def boom(*words, **how): raise TypeError('simulated')\n"
        "effects.look_after = boom\n"
        "os._exit(run.main(sys.argv[1:]))\n"
    )
    words = [sys.executable, "-c", script, "x", "--expect-output", "done", "--", "echo", "done"]
    ended = subprocess.run(words, env=job.environ, capture_output=True, timeout=LIMIT_S, check=False)
    assert (ended.returncode, job.last()["state"], job.last()["status"]) == (73, "failed", 0)


def test_fifty_processes_that_run_at_once_lose_no_record(job: Job) -> None:
    script = 'for n in 1 2 3 4 5 6; do "$@" || exit; done'
    processes = [
        subprocess.Popen(["sh", "-c", script, "sh", *job.words(f"job-{number}", "--", "true")], env=job.environ)
        for number in range(50)
    ]
    assert [process.wait(LIMIT_S) for process in processes] == [0] * 50
    records = job.records()
    assert len(records) == 600
    assert len({(record["run"], record["state"]) for record in records}) == 600
