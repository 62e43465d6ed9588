"""Does every program end by its limit, with its whole tree, and is its answer told rightly?"""

import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from agentkit.core import tree
from agentkit.core.process import Ended, Program, run_program, run_programs
from tests.processes import find_by_words, wait_until

ROOT = Path(tree.__file__).parents[2]
LONG = timedelta(seconds=60)
SHORT = timedelta(seconds=0.5)
HEAD = "from datetime import timedelta\nfrom agentkit.core.process import Program, run_program, run_programs\n"


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


def test_two_hundred_hangs_end_side_by_side(nap: str) -> None:
    ended = run_programs([Program(tuple(nap.split()), timedelta(seconds=3))] * 200, at_once=200)

    assert [one.outcome for one in ended] == ["timed-out"] * 200
    assert find_by_words(nap) == []


def test_done_when_the_program_exits_though_its_pipe_is_held_open(nap: str) -> None:
    ended = run_program(
        shell(f"{nap} & until grep -q sleep /proc/$!/comm; do :; done; echo said; echo warned >&2; exit 5")
    )

    assert (ended.outcome, ended.status, ended.stdout, ended.stderr) == ("exited", 5, b"said\n", b"warned\n")
    assert [name for _, name in ended.left_behind] == ["sleep"]
    assert find_by_words(nap) == []


def test_what_the_only_program_left_is_named_though_nothing_tells_whose_it_is(nap: str) -> None:
    ended = run_program(shell(f"(env -i setsid {nap} &); sleep 0.3"))

    assert len(ended.left_behind) == 1
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


@pytest.mark.parametrize("change", ["({nap} &); :", "exec setsid {nap}"], ids=["an orphan of it", "a new session"])
def test_what_the_callers_child_does_meanwhile_is_spared(change: str, nap: str, tmp_path: Path) -> None:
    go = tmp_path / "go"
    script = f"while [ ! -e {go} ]; do sleep 0.02; done; {change.format(nap=nap)}"
    child = subprocess.Popen(["sh", "-c", script])

    assert run_program(shell(f"touch {go}; sleep 1; exit 4")).status == 4

    wait_until(lambda: find_by_words(nap))
    sleepers = find_by_words(nap)
    assert len(sleepers) == 1
    os.kill(sleepers[0], signal.SIGKILL)
    if sleepers[0] != child.pid:
        os.waitpid(sleepers[0], 0)
    assert child.wait(30) in (0, -9)


def test_the_last_bytes_of_the_output_are_kept_and_all_are_counted() -> None:
    ended = run_program(shell("seq 1 200000; seq 1 5 >&2", keep_bytes=100))
    whole = "".join(f"{number}\n" for number in range(1, 200001)).encode()

    assert (ended.stdout, ended.stdout_bytes, ended.stdout_truncated) == (whole[-100:], len(whole), True)
    assert (ended.stderr, ended.stderr_bytes, ended.stderr_truncated) == (b"1\n2\n3\n4\n5\n", 10, False)


def test_what_a_large_pipe_holds_at_the_end_is_taken_in() -> None:
    code = """if True:
        import fcntl, os
        fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 1 << 20)
        os.write(1, bytes(1 << 20))
    """
    assert run_program(Program((sys.executable, "-c", code), LONG)).stdout_bytes == 1 << 20


def test_a_hundred_mebibytes_of_output_do_not_fill_the_memory() -> None:
    code = """
        import resource
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ended = run_program(Program(("head", "-c", "104857600", "/dev/zero"), timedelta(seconds=60)))
        print(ended.status, ended.stdout_bytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4096)
    """
    assert run_python(code).stdout == "0 104857600 True\n"


def test_what_was_written_before_a_hang_is_kept() -> None:
    ended = run_program(shell("trap 'echo bye; exit 0' TERM; echo one; sleep 60 & wait", timedelta(seconds=2)))
    assert (ended.outcome, ended.status, ended.stdout) == ("timed-out", 124, b"one\nbye\n")


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


def test_who_is_told_of_an_end_may_have_more_run() -> None:
    told: list[tuple[int, int | None]] = []

    def follow(place: int, ended: Ended) -> list[Program]:
        told.append((place, ended.status))
        return [shell(f"exit {place + 10}") for _ in range(2)] if place < 3 else []

    ended = run_programs([shell("exit 7")], follow=follow)

    # Of the second and the third either may end first.
    assert [one.status for one in ended[:3]] == [7, 10, 10]
    assert sorted(one.status or 0 for one in ended[3:]) == [11, 11, 12, 12]
    assert sorted(told) == list(enumerate(one.status for one in ended))


def test_who_wants_to_be_told_that_it_goes_on_is_told_now_and_then(tmp_path: Path) -> None:
    def tell() -> None:
        with (tmp_path / "told").open("a") as file:
            file.write(".")

    ended = run_program(shell(f"until grep -q ... {tmp_path}/told; do sleep 0.01; done 2>&-"), tell=tell)
    assert ended.status == 0


def test_who_wants_to_be_told_that_it_goes_on_is_told_at_once_and_not_at_each_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agentkit.core.process.TELL_S", 3600.0)
    told: list[str] = []
    run_programs([shell("exit 0")] * 100, tell=lambda: told.append("it goes on"))
    assert told == ["it goes on"]


def test_what_follows_a_limit_over_all_is_not_started() -> None:
    follow = {0: [shell("exit 0")]}
    ended = run_programs([shell("sleep 60")], limit=SHORT, follow=lambda place, _: follow.get(place, []))
    assert [(one.outcome, one.status) for one in ended] == [("timed-out", 124), ("not-started", None)]


def test_more_programs_than_a_piece_of_shared_memory_has_notes_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentkit.core.process.NOTES_AT_A_TIME", 2)
    ended = run_programs([Program((name,), LONG) for name in ("/none/0", "true", "/none/2", "/none/3", "true")])
    assert [one.status for one in ended] == [127, 0, 127, 127, 0]


def test_a_hang_says_in_which_function_of_the_kernel_it_waited() -> None:
    ended = run_program(Program(("sleep", "60"), SHORT))
    assert (ended.outcome, ended.was_starved) == ("timed-out", False)
    assert "nanosleep" in ended.waits_in or ended.waits_in == ""


def test_a_program_that_got_no_processor_is_no_hang_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    # Ran for 10 ms and waited for 400 ms of its 500: so it stands in the kernel's own figures.
    monkeypatch.setattr("agentkit.core.tree.processor_time", lambda _: (10_000_000, 400_000_000))
    assert run_program(shell("while :; do :; done", SHORT)).was_starved
    # Who sleeps at the limit waits for something else.
    assert not run_program(shell("exec sleep 60", SHORT)).was_starved


def test_without_room_for_more_descriptors_the_rest_waits_its_turn() -> None:
    code = """
        import os, resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        os.set_inheritable(os.dup(0), True)
        argv = ("sh", "-c", "sleep 0.2; ls /proc/self/fd")
        ended = run_programs([Program(argv, timedelta(seconds=60))] * 40, at_once=40)
        print({(one.status, one.stdout) for one in ended})
    """
    assert run_python(code).stdout == "{(0, b'0\\n1\\n2\\n3\\n')}\n"


def test_where_no_orphan_can_come_to_it_the_mark_finds_them(nap: str) -> None:
    code = """
        import sys
        sys.modules["_ctypes"] = None  # as in a Python that was built without
        print(run_program(Program(("sh", "-c", sys.argv[1]), timedelta(seconds=0.5))).outcome)
    """
    answer = run_python(code, f"(setsid sh -c '{nap} & exit' &); {nap}; :")

    assert answer.stdout == "timed-out\n"
    assert find_by_words(nap) == []


def test_how_it_ended_is_known_though_nobody_wanted_to_hear_of_children() -> None:
    code = """
        import signal
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        print(run_program(Program(("sh", "-c", "exit 3"), timedelta(seconds=60))).status)
        print(signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN)
    """
    assert run_python(code).stdout == "3\nTrue\n"


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
    program = Program((sys.executable, "-c", textwrap.dedent(script), str(told)), timedelta(seconds=5))

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
        lambda: run_programs([shell("true")], computing=0),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"program|variable"):
        wrong()


def test_an_answer_is_told_whole() -> None:
    ended = run_program(shell("exit 0"))
    assert ended == Ended(("sh", "-c", "exit 0"), 0, None, "exited", ended.duration)
    assert timedelta(0) < ended.duration < LONG
