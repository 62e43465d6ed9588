"""Is a program started as a shell starts it, and is it told as a shell tells it what went wrong?"""

import os
import random
import signal
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path

import pytest

from agentkit.core import tree
from agentkit.core.process import Program, run_program, run_programs
from tests.processes import find_by_words, wait_until

ROOT = Path(tree.__file__).parents[2]
LONG = timedelta(seconds=60)
SHORT = timedelta(seconds=0.5)
HEAD = "from datetime import timedelta\nfrom agentkit.core.process import Program, run_program\n"


def shell(script: str, limit: timedelta = LONG, **more: object) -> Program:
    return Program(("sh", "-c", script), limit, **more)  # type: ignore[arg-type]


def test_stdin_comes_whole_and_ends() -> None:
    sent = random.randbytes(3_000_000)
    assert run_program(shell("cat", stdin=sent, keep_bytes=len(sent))).stdout == sent
    assert run_program(shell("cat")).stdout == b""


def test_statuses_are_those_of_a_shell() -> None:
    ended = run_programs([shell(f"exit {status}") for status in range(256)])
    assert [(one.outcome, one.status) for one in ended] == [("exited", status) for status in range(256)]


def test_signals_are_told_as_a_shell_tells_them() -> None:
    # The others stop a process, wake it, or are ignored unless caught.
    ending = sorted(signal.valid_signals() - {17, 18, 19, 20, 21, 22, 23, 28})
    script = f'ulimit -c 0; for n in {" ".join(map(str, ending))}; do sh -c "kill -$n \\$\\$"; echo $?; done'
    reference = subprocess.run(
        ["sh", "-c", script],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    ended = run_programs([shell(f"ulimit -c 0; kill -{int(number)} $$") for number in ending])

    assert [one.status for one in ended] == [int(line) for line in reference.stdout.split()]
    assert [(one.outcome, one.signal) for one in ended] == [("signalled", int(number)) for number in ending]


def test_what_cannot_be_started_is_told_as_a_shell_tells_it(tmp_path: Path) -> None:
    denied, folder, lost = tmp_path / "denied", tmp_path / "folder", tmp_path / "lost"
    denied.write_text("#!/bin/sh\n")
    folder.mkdir()
    lost.write_text("#!/no/such/interpreter\n")
    lost.chmod(0o755)
    names = [str(denied), str(folder), str(lost), "/no/such", "nosuchprogram", "folder", f"{denied}/x"]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    reference = [
        subprocess.run(
            ["/bin/sh", "-c", f"{name}; exit $?"], env=environment, capture_output=True, timeout=60, check=False
        )
        for name in names
    ]

    ended = run_programs([Program((name,), LONG, environment=environment) for name in names])

    assert [one.outcome for one in ended] == ["not-started"] * len(names)
    assert [one.status for one in ended] == [one.returncode for one in reference]
    assert all(one.trouble.startswith(f"{name}: ") for name, one in zip(names, ended, strict=True))


def test_what_may_not_be_executed_does_not_end_the_search(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "program").write_text("#!/bin/sh\nexit 4\n")
    (second / "program").chmod(0o755)

    found = run_program(Program(("program",), LONG, environment={"PATH": f"{first}:{second}"}))
    denied = run_program(Program(("program",), LONG, environment={"PATH": str(first)}))

    assert found.status == 4
    # Shells differ here; this is what execvp(3), and so env(1) and timeout(1), make of it.
    assert (denied.outcome, denied.status) == ("not-started", 126)


def test_a_script_without_a_first_line_is_run_by_the_shell(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo $0 $1; exit 9\n")
    script.chmod(0o755)

    ended = run_program(Program(("script", "one"), LONG, environment={"PATH": f"/nowhere:{tmp_path}:/usr/bin:/bin"}))

    assert (ended.status, ended.stdout) == (9, f"{script} one\n".encode())


def test_a_status_of_127_from_the_program_itself_is_its_own() -> None:
    assert run_program(shell("exit 127")).outcome == "exited"


def test_a_folder_that_cannot_be_entered_is_named(tmp_path: Path) -> None:
    ended = run_program(shell("true", folder=tmp_path / "gone"))
    assert (ended.outcome, ended.status) == ("not-started", 125)
    assert ended.trouble == f"{tmp_path / 'gone'}: No such file or directory"


def test_the_program_runs_in_its_folder_with_its_environment(tmp_path: Path) -> None:
    ended = run_program(shell("pwd; echo $A", folder=tmp_path, environment={"PATH": "/usr/bin:/bin", "A": "b c"}))
    assert ended.stdout == f"{tmp_path}\nb c\n".encode()


def test_no_descriptor_is_left_open_and_none_is_handed_down() -> None:
    # A pipe that may be inherited: what a careless caller holds.
    ends = os.pipe()
    os.set_inheritable(ends[1], True)
    before = sorted(os.listdir("/proc/self/fd"))

    ended = [one for _ in range(4) for one in run_programs([shell("ls /proc/self/fd")] * 50)]
    run_programs([shell("sleep 60", SHORT), Program(("/no/such",), LONG), shell("sleep 60 & exit 1")])

    assert {one.stdout for one in ended} == {b"0\n1\n2\n3\n"}, "3 is the folder that ls reads"
    assert sorted(os.listdir("/proc/self/fd")) == before
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_it_works_where_the_caller_has_no_standard_streams(closed: str, tmp_path: Path) -> None:
    code = """
        import os, sys
        script = "cat; echo out; echo err >&2; exit 6"
        ended = run_program(Program(("sh", "-c", script), timedelta(seconds=60), stdin=b"in "))
        with open(sys.argv[1], "w") as file:
            print(ended.status, ended.stdout, ended.stderr, file=file)
    """
    code = HEAD + textwrap.dedent(code)
    subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", code, tmp_path / "answer"],
        cwd=ROOT, timeout=60, check=True,
    )  # fmt: skip
    assert (tmp_path / "answer").read_text() == "6 b'in out\\n' b'err\\n'\n"


def test_signals_start_afresh_whatever_the_caller_does_with_them() -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None), signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        ended = run_program(Program(("cat", "/proc/self/status"), LONG))
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.pthread_sigmask(signal.SIG_SETMASK, before[1])

    ignored = {1 << (number - 1) for number in signal.valid_signals() if signal.getsignal(number) == signal.SIG_IGN}
    ignored -= {1 << (signal.SIGPIPE - 1), 1 << (signal.SIGXFSZ - 1)}
    lines = dict(line.split(":\t") for line in ended.stdout.decode().splitlines())
    masks = [int(lines[name], 16) for name in ("SigBlk", "SigIgn", "SigCgt")]
    assert masks == [0, sum(ignored), 0]


def test_a_program_does_not_outlive_a_killed_caller(nap: str) -> None:
    code = """
        import sys
        run_program(Program(tuple(sys.argv[1].split()), timedelta(seconds=60)))
    """
    caller = subprocess.Popen([sys.executable, "-c", HEAD + textwrap.dedent(code), nap], cwd=ROOT)
    wait_until(lambda: bool(find_by_words(nap)))

    caller.kill()
    caller.wait(30)

    wait_until(lambda: not find_by_words(nap))
