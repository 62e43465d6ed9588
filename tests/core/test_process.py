"""Does every program end by its limit, with its whole tree, and is its answer told rightly?"""

import os
import random
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agentkit.core import tree
from agentkit.core.process import Ended, Program, run_program, run_programs

ROOT = Path(tree.__file__).parents[2]
LONG = timedelta(seconds=60)
SHORT = timedelta(seconds=0.5)
HEAD = "from datetime import timedelta\nfrom agentkit.core.process import Program, run_program, run_programs\n"


@pytest.fixture
def nap() -> Iterator[str]:
    """Give `sleep NUMBER` with a number of its own; whoever still sleeps so after the test is killed."""
    words = f"sleep {random.randint(10**6, 10**9)}"
    yield words
    for pid in find_by_words(words):
        os.kill(pid, signal.SIGKILL)


def find_by_words(words: str) -> list[int]:
    wanted = words.replace(" ", "\0").encode() + b"\0"
    found = []
    for pid in tree.list_pids():
        stat = tree.read_stat(pid)
        if stat and tree.runs(stat) and Path(f"/proc/{pid}/cmdline").read_bytes() == wanted:
            found.append(pid)
    return found


def wait_until(holds: Callable[[], bool]) -> None:
    due = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < due, "it never came to that"
        time.sleep(0.01)


def shell(script: str, limit: timedelta = LONG, **more: object) -> Program:
    return Program(("sh", "-c", script), limit, **more)  # type: ignore[arg-type]


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code that itself runs programs, in a Python of its own."""
    return subprocess.run(
        [sys.executable, "-c", HEAD + textwrap.dedent(code), *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


HANGS = {
    "sleeps": "NAP; :",
    "is deaf to TERM": "trap '' TERM; NAP; NAP; NAP",
    "has a deaf child in another session": "trap '' TERM; setsid NAP & wait",
    "left a daemon that forked twice": "(setsid sh -c 'NAP & exit' &); NAP; :",
    "left a daemon without environment": "(env -i setsid NAP &); NAP; :",
    "stopped itself": "NAP & kill -STOP $$",
    "has a stopped child": "NAP & kill -STOP $!; wait",
    "starts its child again": "trap '' TERM; while :; do NAP; done",
    "is a deaf tree of 40": "trap '' TERM; for i in 1 2 3 4; do (for j in 1 2 3 4 5 6 7 8 9 10; do NAP & done; wait)&"
    " done; wait",
    "opens a fifo": "mkfifo FOLDER/fifo; NAP & cat FOLDER/fifo",
    "waits for a lock": "exec 8>FOLDER/lock 9>FOLDER/lock; flock 8; NAP & flock 9",
    "writes for ever": "NAP & while :; do echo more; done",
    "waits for its stopped child": "sh -c 'NAP & kill -STOP $$' & wait",
}


@pytest.mark.parametrize("name", HANGS)
def test_what_hangs_is_ended_with_all_of_it(name: str, nap: str, tmp_path: Path) -> None:
    ended = run_program(shell(HANGS[name].replace("NAP", nap).replace("FOLDER", str(tmp_path)), SHORT))

    assert (ended.outcome, ended.status, ended.unkillable) == ("timed-out", 124, ())
    assert find_by_words(nap) == []
    assert tree.list_children(os.getpid()) == []


def test_a_silent_port_is_a_hang_like_any_other() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]})).recv(1)"
        ended = run_program(Program((sys.executable, "-c", code), timedelta(seconds=1)))
    assert ended.outcome == "timed-out"


def test_a_program_that_never_reads_its_stdin_blocks_nobody() -> None:
    assert run_program(shell("exit 3", stdin=bytes(10_000_000))).status == 3
    assert run_program(shell("sleep 60", SHORT, stdin=bytes(10_000_000))).outcome == "timed-out"


def test_stdin_comes_whole_and_ends() -> None:
    sent = random.randbytes(3_000_000)
    assert run_program(shell("cat", stdin=sent, keep_bytes=len(sent))).stdout == sent
    assert run_program(shell("cat")).stdout == b""


def test_two_hundred_hangs_end_side_by_side(nap: str) -> None:
    ended = run_programs([Program(tuple(nap.split()), timedelta(seconds=3))] * 200, at_once=200)

    assert [one.outcome for one in ended] == ["timed-out"] * 200
    assert find_by_words(nap) == []


def test_done_when_the_program_exits_though_its_pipe_is_held_open(nap: str) -> None:
    ended = run_program(shell(f"{nap} & echo said; echo warned >&2; sleep 0.3; exit 5"))

    assert (ended.outcome, ended.status, ended.stdout, ended.stderr) == ("exited", 5, b"said\n", b"warned\n")
    assert [name for _, name in ended.left_behind] == ["sleep"]
    assert find_by_words(nap) == []


def test_what_nothing_attributes_is_ended_at_the_end(nap: str) -> None:
    # Forked twice, in a session of its own, without the mark: nobody can say which of the two it came from.
    ended = run_programs([shell(f"(env -i setsid sh -c '{nap} & exit' &) ; sleep 0.3"), shell("sleep 0.5")])

    assert [one.status for one in ended] == [0, 0]
    assert find_by_words(nap) == []


def test_what_the_caller_had_running_is_never_touched(nap: str) -> None:
    child = subprocess.Popen(["sh", "-c", f"(setsid {nap} &); {nap} & wait"], start_new_session=True)
    zombie = subprocess.Popen(["true"])
    wait_until(lambda: len(find_by_words(nap)) == 2 and (tree.read_stat(zombie.pid) or " ")[0] == "Z")

    # The second program runs long enough for the child's own orphans to come here.
    assert [one.outcome for one in run_programs([shell("sleep 60", SHORT), shell("exit 0")])] == ["timed-out", "exited"]

    assert child.poll() is None
    assert len(find_by_words(nap)) == 2
    assert zombie.wait(30) == 0
    child.kill()
    child.wait(30)


def test_an_orphan_of_the_callers_child_is_spared(nap: str, tmp_path: Path) -> None:
    go = tmp_path / "go"
    child = subprocess.Popen(
        ["sh", "-c", f"while [ ! -e {go} ]; do sleep 0.02; done; ({nap} &); :"], start_new_session=True
    )

    assert run_program(shell(f"touch {go}; sleep 0.5; exit 4")).status == 4

    assert child.wait(30) == 0
    assert len(find_by_words(nap)) == 1
    wait_for_pid = find_by_words(nap)[0]
    os.kill(wait_for_pid, signal.SIGKILL)
    os.waitpid(wait_for_pid, 0)


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


def test_the_last_bytes_of_the_output_are_kept_and_all_are_counted() -> None:
    ended = run_program(shell("seq 1 200000; seq 1 5 >&2", keep_bytes=100))
    whole = "".join(f"{number}\n" for number in range(1, 200001)).encode()

    assert (ended.stdout, ended.stdout_bytes, ended.stdout_truncated) == (whole[-100:], len(whole), True)
    assert (ended.stderr, ended.stderr_bytes, ended.stderr_truncated) == (b"1\n2\n3\n4\n5\n", 10, False)


def test_a_hundred_mebibytes_of_output_do_not_fill_the_memory() -> None:
    code = """
        import resource
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ended = run_program(Program(("head", "-c", "104857600", "/dev/zero"), timedelta(seconds=60)))
        print(ended.status, ended.stdout_bytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4096)
    """
    assert run_python(code).stdout == "0 104857600 True\n"


def test_what_was_written_before_a_hang_is_kept() -> None:
    ended = run_program(shell("trap 'echo bye; exit 0' TERM; echo one; sleep 60 & wait", SHORT))
    assert (ended.outcome, ended.status, ended.stdout) == ("timed-out", 124, b"one\nbye\n")


def test_no_descriptor_is_left_open_and_none_is_handed_down() -> None:
    # A pipe that may be inherited: what a careless caller holds.
    ends = os.pipe()
    os.set_inheritable(ends[1], True)
    before = sorted(os.listdir("/proc/self/fd"))

    ended = [one for _ in range(20) for one in run_programs([shell("ls /proc/self/fd")] * 50)]
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


def test_one_limit_over_all_ends_what_runs_and_starts_no_more() -> None:
    ended = run_programs([shell("sleep 60")] * 3, at_once=1, limit=SHORT)

    assert [(one.outcome, one.status) for one in ended] == [
        ("timed-out", 124), ("not-started", None), ("not-started", None),
    ]  # fmt: skip
    assert ended[2].trouble == "the common limit came before its turn"


def test_answers_come_in_the_order_of_the_programs() -> None:
    ended = run_programs([shell(f"sleep 0.{9 - place}; exit {place}") for place in range(9)], at_once=4)
    assert [one.status for one in ended] == list(range(9))
    assert run_programs([]) == []


def test_without_room_for_more_descriptors_the_rest_waits_its_turn() -> None:
    code = """
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        ended = run_programs([Program(("sleep", "0.2"), timedelta(seconds=60))] * 40, at_once=40)
        print({one.status for one in ended})
    """
    assert run_python(code).stdout == "{0}\n"


def test_where_no_orphan_can_come_to_it_the_mark_finds_them(nap: str) -> None:
    code = """
        import sys
        sys.modules["_ctypes"] = None  # as in a Python that was built without
        print(run_program(Program(("sh", "-c", sys.argv[1]), timedelta(seconds=0.5))).outcome)
    """
    answer = run_python(code, f"(setsid sh -c '{nap} & exit' &); {nap}; :")

    assert answer.stdout == "timed-out\n"
    assert find_by_words(nap) == []


def test_an_interrupted_call_leaves_nothing_running(nap: str) -> None:
    code = """
        import signal, sys
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 1)
        try:
            run_program(Program(("sh", "-c", sys.argv[1]), timedelta(seconds=60)))
        except KeyboardInterrupt:
            print("interrupted")
    """
    answer = run_python(code, f"trap '' TERM; (setsid {nap} &); {nap} & {nap}; :")

    assert answer.stdout == "interrupted\n"
    assert find_by_words(nap) == []


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


def test_what_would_not_end_is_named_and_nobody_waits_for_it(tmp_path: Path) -> None:
    # A process that its tracer does not let go stays a zombie for ever: the kernel keeps its status from its parent.
    told = tmp_path / "pid"
    tracer_code = """
        import ctypes, os, sys, time
        due = time.monotonic() + 30
        while time.monotonic() < due and not os.path.exists(sys.argv[1]): time.sleep(0.01)
        PTRACE_SEIZE = 0x4206
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.ptrace(PTRACE_SEIZE, int(open(sys.argv[1]).read()), None, None) != 0:
            sys.exit(f"cannot trace: {os.strerror(ctypes.get_errno())}")
        time.sleep(60)
    """
    tracer = subprocess.Popen([sys.executable, "-c", textwrap.dedent(tracer_code), told])
    script = """
        import ctypes, os, sys, time
        PR_SET_PTRACER, ANY = 0x59616d61, ctypes.c_ulong(-1)
        ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANY, 0, 0, 0)  # where Yama asks for leave
        with open(sys.argv[1] + ".new", "w") as file: file.write(str(os.getpid()))
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        time.sleep(60)
    """
    program = Program((sys.executable, "-c", textwrap.dedent(script), str(told)), timedelta(seconds=2))

    stuck, fine = run_programs([program, shell("exit 0")])

    assert tracer.poll() is None
    pid = int(told.read_text())
    assert (stuck.outcome, stuck.status, [one for one, _ in stuck.unkillable]) == ("unkillable", 124, [pid])
    assert stuck.unkillable[0][1] != ""
    assert fine.status == 0
    # It is let alone by later calls, too.
    assert run_program(shell("exit 0")).unkillable == ()
    tracer.kill()
    tracer.wait(30)
    assert os.waitpid(pid, 0)[0] == pid


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Program((), LONG),
        lambda: Program(("true",), timedelta(0)),
        lambda: Program(("true",), LONG, grace=timedelta(seconds=-1)),
        lambda: Program(("true",), LONG, keep_bytes=-1),
        lambda: Program(("tr\0ue",), LONG),
        lambda: Program(("true",), LONG, environment={"A=B": "c"}),
        lambda: run_programs([shell("true")], at_once=0),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"program|variable"):
        wrong()


def test_an_answer_is_told_whole() -> None:
    ended = run_program(shell("exit 0"))
    assert ended == Ended(("sh", "-c", "exit 0"), 0, None, "exited", ended.duration)
    assert timedelta(0) < ended.duration < LONG
