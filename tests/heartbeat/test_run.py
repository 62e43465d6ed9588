"""Does a job run as it would without us, with evidence of it?"""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.heartbeat.jobs import ROOT, Job, wait_for

# They stop a process and do not end it: only a time limit does.
# The C library keeps 32 and 33 for its threads, and posix_spawn makes every program deaf to them.
LIBRARY = {32, 33}
STOPPING = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}


def status_in_shell(job: Job, *program: str) -> int:
    """Return what a parent shell sees in $? when it runs the program without us."""
    words = ["sh", "-c", '"$@" >/dev/null 2>&1 </dev/null; echo $?', "sh", *program]
    ended = subprocess.run(words, env=job.environ, capture_output=True, timeout=60, check=True)
    return int(ended.stdout)


def test_every_status_is_the_one_that_a_shell_sees(job: Job) -> None:
    programs = [("sh", "-c", f"exit {status}") for status in range(256)]
    differing = {
        program: (status, reference)
        for program in programs
        if (status := job.run("x", "--", *program).returncode) != (reference := status_in_shell(job, *program))
    }
    assert differing == {}


def test_every_signal_becomes_the_status_that_a_shell_sees(job: Job) -> None:
    programs = [("sh", "-c", f"kill -{number} $$") for number in range(1, 65) if number not in STOPPING | LIBRARY]
    differing = {
        program: (status, reference)
        for program in programs
        if (status := job.run("x", "--", *program).returncode) != (reference := status_in_shell(job, *program))
    }
    assert differing == {}


def make_programs(folder: Path) -> dict[str, str]:
    """Make files that cannot, or can only just, be executed; return them by what they are."""
    made: dict[str, str] = {}

    def make(name: str, content: bytes, mode: int) -> None:
        (folder / name).write_bytes(content)
        (folder / name).chmod(mode)
        made[name] = str(folder / name)

    make("not executable", b"#!/bin/sh\nexit 0\n", 0o644)
    make("a script", b"#!/bin/sh\nexit 7\n", 0o755)
    make("a script without its first line", b"exit 9\n", 0o755)
    make("an empty file", b"", 0o755)
    make("its interpreter is missing", b"#!/nonexistent/interpreter\n", 0o755)
    make("its interpreter is a folder", b"#!/tmp\n", 0o755)
    make("a name\nwith a new line", b"#!/bin/sh\nexit 11\n", 0o755)
    make("-n", b"#!/bin/sh\nexit 12\n", 0o755)
    (folder / "link to nowhere").symlink_to(folder / "nowhere")
    (folder / "loop").symlink_to(folder / "loop")
    for name in ("link to nowhere", "loop"):
        made[name] = str(folder / name)
    made["a folder"] = str(folder)
    made["a file as a folder"] = f"{made['a script']}/x"
    made["a very long name"] = str(folder / ("x" * 300))
    made["not there"] = str(folder / "not there")
    made["not on PATH"] = "agentkit-no-such-program"
    made["on PATH"] = "on-path"
    made["on PATH without its first line"] = "on-path-plain"
    for name, content, mode in (
        ("on-path", "#!/bin/sh\nexit 21\n", 0o755),
        ("on-path-plain", "exit 22\n", 0o755),
    ):
        (folder / "bin").mkdir(exist_ok=True)
        (folder / "bin" / name).write_text(content)
        (folder / "bin" / name).chmod(mode)
    return made


def test_what_cannot_be_executed_ends_as_in_a_shell(job: Job, tmp_path: Path) -> None:
    programs = make_programs(tmp_path)
    job.environ["PATH"] = f"{tmp_path}/bin:/nonexistent:{job.environ['PATH']}"
    differing = {}
    for name, program in programs.items():
        ended = job.run("x", "--", program)
        reference = status_in_shell(job, program)
        if ended.returncode != reference or job.last()["status"] != reference:
            differing[name] = (ended.returncode, reference)
    assert differing == {}


def test_what_is_on_path_and_cannot_be_executed_is_126(job: Job, tmp_path: Path) -> None:
    # POSIX says so; bash follows, dash calls it not found.
    (tmp_path / "denied").write_text("exit 0\n")
    (tmp_path / "folder").mkdir()
    job.environ["PATH"] = f"{tmp_path}:{job.environ['PATH']}"
    assert [job.run("x", "--", name).returncode for name in ("denied", "folder")] == [126, 126]


def test_an_empty_program_word_is_not_found(job: Job) -> None:
    ended = job.run("x", "--", "")
    assert (ended.returncode, job.last()["state"], job.last()["status"]) == (127, "failed", 127)


def test_a_program_that_is_not_there_is_named_in_one_line(job: Job) -> None:
    ended = job.run("x", "--", "/nonexistent/program")
    assert ended.stderr.decode().splitlines() == [
        f"agentkit: x: /nonexistent/program: No such file or directory; agentkit heartbeat show {job.last()['run']}"
    ]
    assert job.last()["trouble"] == "/nonexistent/program: No such file or directory"


def test_a_name_with_escape_sequences_is_shown_and_not_obeyed(job: Job) -> None:
    ended = job.run("x", "--", "./\x1b[2J\n\x07\u202egone")
    assert ended.returncode == 127
    assert ended.stderr.startswith(b"agentkit: x: ./\\x1b[2J\\n\\x07\\u202egone: No such file or directory; ")
    assert ended.stderr.count(b"\n") == 1


def test_arguments_and_environment_arrive_as_they_were_given(job: Job, tmp_path: Path) -> None:
    show = tmp_path / "show.py"
    show.write_text(
        "import sys; out = open(sys.argv[1], 'wb')\n"
        "out.write(open('/proc/self/cmdline', 'rb').read() + b'|' + open('/proc/self/environ', 'rb').read())\n"
    )
    words = [b"", b" ", b"two words", b"\xff\xfe", "schön".encode(), b"new\nline", b"--tee", b"-h", b"--", b"$HOME"]
    given = {b"A": b"\xff", b"EMPTY": b"", b"LINES": b"a\nb", b"PATH": os.environb[b"PATH"]}
    given[b"PYTHONPATH"] = str(ROOT).encode()
    given[b"AGENTKIT_HOME"] = str(job.home).encode()
    program = [os.fsencode(sys.executable), os.fsencode(show)]
    wrapper = [os.fsencode(word) for word in job.words("x", "--")]
    # The locale C makes Python set LC_CTYPE for itself: the program must not see it.
    for more in ({}, {b"LC_CTYPE": b"C"}, {b"LC_ALL": b"C"}, {b"LC_CTYPE": b"C.UTF-8"}):
        for before, to in (([], b"bare"), (wrapper, b"run")):
            out = os.fsencode(tmp_path) + b"/" + to
            subprocess.run([*before, *program, out, *words], env={**given, **more}, timeout=60, check=True)
        bare, run = (tmp_path / "bare").read_bytes(), (tmp_path / "run").read_bytes()
        entries = [entry for entry in run.rpartition(b"|")[2].split(b"\0") if not entry.startswith(b"AGENTKIT_")]
        expected = [entry for entry in bare.rpartition(b"|")[2].split(b"\0") if not entry.startswith(b"AGENTKIT_")]
        assert sorted(entries) == sorted(expected)
        assert run.rpartition(b"|")[0].replace(b"/run\0", b"/bare\0") == bare.rpartition(b"|")[0]


def test_stdin_arrives_byte_for_byte(job: Job, tmp_path: Path) -> None:
    content = os.urandom(300_000)
    ended = job.run("x", "--", "sh", "-c", f"cat > '{tmp_path}/got'", input=content)
    assert (ended.returncode, (tmp_path / "got").read_bytes() == content) == (0, True)


def test_the_program_gets_the_callers_descriptors_and_none_of_ours(job: Job, tmp_path: Path) -> None:
    (tmp_path / "inherited").write_text("from the caller\n")
    script = f'exec 7<"{tmp_path}/inherited"; shift 0; exec "$@"'
    program = f'ls -l /proc/$$/fd > "{tmp_path}/fds"; cat <&7 > "{tmp_path}/got"'
    words = ["sh", "-c", script, "sh", *job.words("x", "--", "sh", "-c", program)]
    subprocess.run(words, env=job.environ, stdin=subprocess.DEVNULL, timeout=60, check=True)
    held = {line.split()[8] for line in (tmp_path / "fds").read_text().splitlines() if "->" in line}
    assert held - {"10"} == {"0", "1", "2", "7"}  # dash moves what it keeps for itself to 10
    assert (tmp_path / "got").read_text() == "from the caller\n"


def test_signals_that_the_caller_blocked_hang_nothing_and_stay_blocked_for_the_program(
    job: Job,
) -> None:
    blocked = (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR2)
    # It lives long enough for its end to be waited for.
    show = "import os, time; time.sleep(0.3); os.execvp('grep', ['grep', 'SigBlk', '/proc/self/status'])"
    program = (sys.executable, "-c", show)
    ended = job.run("x", "--tee", "--", *program, preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, blocked))
    words = dict(line.split() for line in ended.stdout.decode().splitlines())
    assert ended.returncode == 0
    assert int(words["SigBlk:"], 16) == sum(1 << (number - 1) for number in blocked)


def test_the_program_does_not_inherit_what_python_ignores(job: Job) -> None:
    ended = job.run("x", "--tee", "--", "grep", "SigIgn", "/proc/self/status")
    assert int(ended.stdout.split()[1], 16) & (1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)) == 0


def test_a_good_job_is_silent_and_leaves_two_records(job: Job) -> None:
    ended = job.run("backup", "--every", "1h", "--", "sh", "-c", "echo 12 files; echo careful >&2")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    started, closing = job.records()
    assert (started["state"], closing["state"], closing["status"]) == ("started", "ok", 0)
    assert started["expect"] == {"every_s": 3600.0}
    assert (closing["stdout_lines"], closing["stdout_bytes"], closing["stderr_lines"]) == (1, 9, 1)
    assert closing["tail"] == "12 files\ncareful\n"
    assert started["run"] == closing["run"]


def test_records_fit_their_schema(job: Job) -> None:
    from agentkit.core import schemas  # the package's own files

    folder = Path(schemas.__file__).parent
    documents = {name: json.loads((folder / f"{name}.json").read_text()) for name in ("beat", "common")}
    registry = jsonschema.validators.validator_for(documents["beat"])
    from referencing import Registry, Resource

    known = Registry().with_resources(
        (document["$id"], Resource.from_contents(document)) for document in documents.values()
    )
    validator = registry(documents["beat"], registry=known)
    job.run("x", "--watch", "/etc/hostname", "--expect-count", "n>=1", "--", "sh", "-c", "echo ERROR; exit 0")
    job.run("x", "--", "sh", "-c", "sleep 30 & kill -9 $$")
    job.run("x", "--timeout", "0.2s", "--kill-after", "0s", "--", "sleep", "30")
    job.run("x", "--", b"/nonexistent/\xff".decode("utf-8", "surrogateescape"))
    assert [record["state"] for record in job.closings()] == ["idle", "failed", "timeout", "failed"]
    for record in job.records():
        # What is spooled has no host yet: intake knows it.
        validator.validate({"host": "web-1", **record})


def test_a_failing_job_says_so_with_the_end_of_its_output(job: Job) -> None:
    ended = job.run("x", "--", "sh", "-c", "echo nearly there; echo no such host >&2; exit 3")
    lines = ended.stderr.decode().splitlines()
    assert (ended.returncode, ended.stdout, lines[:2]) == (3, b"", ["nearly there", "no such host"])
    assert lines[2].startswith("agentkit: x: failed with status 3 after ")
    assert len(lines) == 3


def test_quiet_leaves_the_error_only(job: Job) -> None:
    ended = job.run("x", "--quiet", "--", "sh", "-c", "echo nearly there; exit 3")
    assert [line[:12] for line in ended.stderr.decode().splitlines()] == ["agentkit: x:"]


def test_a_declared_success_status_is_a_success_and_stays_the_status(job: Job) -> None:
    ended = job.run("x", "--success-status", "0,3", "--", "sh", "-c", "exit 3")
    assert (ended.returncode, ended.stderr, job.last()["state"], job.last()["status"]) == (3, b"", "ok", 3)


def test_each_attempt_leaves_a_beat_of_its_own(job: Job, tmp_path: Path) -> None:
    script = f"echo x >> '{tmp_path}/tries'; [ $(wc -l < '{tmp_path}/tries') = 3 ] || exit 5"
    ended = job.run("x", "--retries", "5", "--retry-delay", "0.01s", "--", "sh", "-c", script)
    assert ended.returncode == 0
    assert [(r["attempt"], r["state"], r["status"]) for r in job.closings()] == [
        (1, "failed", 5),
        (2, "failed", 5),
        (3, "ok", 0),
    ]
    assert len({record["run"] for record in job.records()}) == 1


def test_the_time_limit_counts_for_each_attempt(job: Job) -> None:
    ended = job.run("x", "--retries", "1", "--timeout", "0.3s", "--kill-after", "0s", "--", "sleep", "60")
    assert ended.returncode == 124
    assert [record["state"] for record in job.closings()] == ["timeout", "timeout"]


def test_what_an_attempt_left_behind_is_not_counted_again(job: Job, tmp_path: Path) -> None:
    script = f"[ -e '{tmp_path}/second' ] || {{ sleep 60 & }}; : > '{tmp_path}/second'; exit 1"
    job.run("x", "--retries", "1", "--", "sh", "-c", script)
    first, second = job.closings()
    assert [left["argv0"] for left in first["left_behind"]] == ["sleep"]
    assert "left_behind" not in second


def test_being_asked_to_end_between_two_attempts_ends_it_at_once(job: Job) -> None:
    process = job.start("x", "--retries", "3", "--retry-delay", "1h", "--", "sh", "-c", "exit 4")
    wait_for(job.closings)
    process.terminate()
    assert process.wait(30) == 4
    assert len(job.closings()) == 1
    assert process.stderr is not None
    assert process.stderr.read() == b"agentkit: x: attempt 1 ended with 4, signal 15 let no other follow\n"


@pytest.mark.parametrize("name", ["../x", "x/y", "x\ny", "", ".x", "X", "schön", "-x", "x" * 129, "a b"])
def test_a_name_that_is_none_makes_nothing(job: Job, name: str) -> None:
    ended = job.run("--every", "1h", name, "--", "true")
    assert (ended.returncode, ended.stdout, job.home.exists()) == (2, b"", False)
    assert ended.stderr.startswith(b"agentkit: error: ")
    assert len(ended.stderr.splitlines()) == 2


def test_files_are_private_whatever_the_umask_says(job: Job, tmp_path: Path) -> None:
    for umask in (0, 0o077):
        home = tmp_path / f"a{umask}" / "b" / "home"
        words = ("sh", "-c", f'umask {umask:03o}; exec "$@"', "sh")
        environ = {**job.environ, "AGENTKIT_HOME": str(home)}
        assert job.run("x", "--", "sh", "-c", "echo n=1 >> $AGENTKIT_MARKS", before=words, env=environ).returncode == 0
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (home, *home.rglob("*"), *home.parents[:2])}
        assert {path for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == set()


def test_the_program_knows_its_run_and_its_job(job: Job, tmp_path: Path) -> None:
    job.run("x", "--", "sh", "-c", f'echo "$AGENTKIT_JOB $AGENTKIT_RUN" > "{tmp_path}/told"')
    assert (tmp_path / "told").read_text() == f"x {job.last()['run']}\n"
