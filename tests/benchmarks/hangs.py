"""Does every real hang end within its limit + 0.5 s, and is nothing left behind but the unkillable pid that is named?

    python -m tests.benchmarks.hangs [--limit 2] [--many 200]

The hangs on a dead mount need root and /dev/fuse. It ends by itself, with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from agentkit.core import tree
from agentkit.core.process import Ended, Program, run_program, run_programs
from tests.processes import find_by_words

BAR_S = 0.5
MANY_BAR_S = 1.0
MEMORY_BAR_MIB = 60
SILENT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1]))).recv(1)"
SERVER = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); s.accept()"
FORTY = "for i in 1 2 3 4; do (for j in 1 2 3 4 5 6 7 8 9 10; do NAP & done; wait) & done; wait"
CHAIN = """import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
end = time.monotonic() + 30
while time.monotonic() < end:
    if os.fork(): os._exit(0)
"""
SHELL_HANGS = {
    "sleeps": "NAP; :",
    "deaf to TERM": "trap '' TERM; NAP; NAP; NAP",
    "stopped itself": "NAP & kill -STOP $$",
    "deaf child in another session": "trap '' TERM; setsid NAP & wait",
    "daemon, forked twice": "(setsid sh -c 'NAP & exit' &); NAP; :",
    "daemon, forked twice, no environment": "(env -i setsid sh -c 'NAP & exit' &); NAP; :",
    "pipe held open by a child": "NAP & exit 0",
    "fork tree of 40": FORTY,
    "deaf fork tree of 40": f"trap '' TERM; {FORTY}",
    "starts its child again": "trap '' TERM; while :; do NAP; done",
    "opens a fifo": "mkfifo FOLDER/fifo; NAP & cat FOLDER/fifo",
    "waits for a lock": "exec 9>>FOLDER/lock; NAP & flock 9",
    "writes for ever": "NAP & exec yes",
}

# The last one is there for its memory: what its programs do before they hang takes time of its own.
CROWDS = {
    "at once": "exec NAP",
    "at once, deaf, with a child": "trap '' TERM; NAP; NAP",
    "at once, after much output": "head -c 200000 /dev/zero; head -c 200000 /dev/zero >&2; exec NAP",
}


def main() -> int:
    """Print the table and return 0 when every bar holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=2.0, help="seconds that each hang gets")
    parser.add_argument("--many", type=int, default=200, help="hangs side by side in the last line")
    options = parser.parse_args()
    limit = timedelta(seconds=options.limit)
    nap = f"sleep {random.randint(10**6, 10**9)}"
    held = True
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}: with others at work, 200 programs take longer to start"
    )
    print(f"{'hang':40} {'limit':>6} {'took':>7}  {'outcome':12} left behind")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        lock = stack.enter_context((folder / "lock").open("a"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        port, stopped = start_silent_servers(stack)
        programs = {
            hang: Program(("sh", "-c", script.replace("NAP", nap).replace("FOLDER", name)), limit)
            for hang, script in SHELL_HANGS.items()
        }
        programs["chain that forks and ends"] = Program((sys.executable, "-c", CHAIN), limit)
        programs["silent port"] = Program((sys.executable, "-c", SILENT, str(port)), limit)
        programs["stopped server"] = Program((sys.executable, "-c", SILENT, str(stopped)), limit)
        programs["never reads its stdin"] = Program(tuple(nap.split()), limit, stdin=bytes(10_000_000))
        dead = mount_dead_folder(folder, stack)
        if dead:
            programs["dead mount: a look at a file"] = Program(("stat", f"{dead}/a"), limit)
            programs["dead mount: the program itself"] = Program((f"{dead}/b",), limit)
            programs["dead mount: its folder"] = Program(("true",), limit, folder=dead / "c")
            programs["dead mount: a child looks"] = Program(("sh", "-c", f"stat {dead}/d & {nap} & wait"), limit)
        for hang, program in programs.items():
            begun = time.monotonic()
            ended = run_program(program)
            held &= print_line(hang, program, time.monotonic() - begun, ended, nap)
        stack.close()
        held &= await_nobody()
    for hang, script in CROWDS.items():
        held &= measure_many(hang, script, options.many, limit, nap)
    return 0 if held else 1


def print_line(hang: str, program: Program, took_s: float, ended: Ended, nap: str) -> bool:
    """Print one hang and tell whether its bars hold."""
    # The servers that hang are children of this process too, but carry no mark.
    left = {*find_by_words(nap), *(pid for pid in tree.list_descendants(os.getpid()) if is_marked(pid))}
    left -= {pid for pid, _ in ended.unkillable}
    names = ", ".join(f"pid {pid} waits in {where}" for pid, where in ended.unkillable)
    held = not left and took_s <= program.limit.total_seconds() + BAR_S
    print(
        f"{hang:40} {program.limit.total_seconds():5.1f}s {took_s:6.2f}s  {ended.outcome:12} {len(left)} "
        f"{'(' + names + ')' if names else ''}{'' if held else '  MISSED'}"
    )
    return held


def measure_many(hang: str, script: str, many: int, limit: timedelta, nap: str) -> bool:
    """Run many hangs side by side, in a runner of their own, and tell whether the bars hold."""
    child = os.fork()
    if child == 0:
        begun = time.monotonic()
        ended = run_programs([Program(("sh", "-c", script.replace("NAP", nap)), limit)] * many, at_once=many)
        took_s, limit_s = time.monotonic() - begun, limit.total_seconds()
        longest_s = max(one.duration for one in ended).total_seconds()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        left = len(find_by_words(nap))
        held = longest_s <= limit_s + BAR_S and memory < MEMORY_BAR_MIB and not left
        held &= took_s <= limit_s + MANY_BAR_S or "output" in hang
        outcomes = ", ".join(sorted({one.outcome for one in ended}))
        figures = f"(each within {longest_s:.2f}s, the runner {memory} MiB){'' if held else '  MISSED'}"
        print(f"{f'{many} {hang}':40} {limit_s:5.1f}s {took_s:6.2f}s  {outcomes:12} {left} {figures}", flush=True)
        os._exit(0 if held else 1)
    return os.waitpid(child, 0)[1] == 0


def is_marked(pid: int) -> bool:
    """Tell whether the process was started by the runner."""
    return any(entry.startswith(b"AGENTKIT_PROBE=") for entry in tree.read_environment(pid))


def start_silent_servers(stack: ExitStack) -> tuple[int, int]:
    """Return a port where nobody answers, and one whose server was stopped."""
    silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    stack.callback(end, server)
    assert server.stdout is not None
    stopped = int(server.stdout.readline())
    server.send_signal(signal.SIGSTOP)
    return silent.getsockname()[1], stopped


def mount_dead_folder(folder: Path, stack: ExitStack) -> Path | None:
    """Return a folder that is a mount whose server never answers, or None where that cannot be had."""
    dead = folder / "dead"
    dead.mkdir()
    script = Path(__file__).with_name("dead_mount.py")
    server = subprocess.Popen([sys.executable, script, dead], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stack.callback(end, server)
    assert server.stdout is not None
    # The kernel asks the server for its version at once, so the line comes at once or never.
    if server.stdout.readline() == "ready\n":
        return dead
    print("no dead mount here: it needs root and /dev/fuse")
    return None


def end(server: subprocess.Popen[str]) -> None:
    """End a server of ours, and wait for it with a limit."""
    server.kill() if server.stdin is None else server.stdin.close()
    server.wait(10)
    if server.stdout is not None:
        server.stdout.close()


def await_nobody() -> bool:
    """Tell whether the unkillable ended, now that the dead mount is gone; reap them."""
    due = time.monotonic() + 10
    while time.monotonic() < due:
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        time.sleep(0.01)
    print("left behind at the end:", tree.list_descendants(os.getpid()))
    return False


if __name__ == "__main__":
    sys.exit(main())
