"""Does a probe of what hangs end with its limit, do 200 at once within a second more, and what does a check cost?

    python -m tests.benchmarks.probe_hangs [--limit 2] [--many 200] [--checks 5000]

Each line is a `depmap probe` of its own; beside it stands what a probe of `true` takes, for that is the start of the
program. The hangs on a dead mount need root and /dev/fuse, that of fail2ban its server. It ends with 1 when a bar is
missed, and says how busy the machine is.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from agentkit.core import tree
from tests.benchmarks.hangs import CHAIN, SHELL_HANGS, SILENT, mount_dead_folder, start_silent_servers
from tests.depmap.probed import Record, check, write_checks
from tests.processes import find_by_words
from tests.system.hangs import stop_fail2ban

BAR_S, MANY_BAR_S, MEMORY_BAR_MIB = 0.5, 1.0, 60
# What the shell would print: the record of the probe, and the figures of the process itself.
CODE = """
import os, resource, sys
from agentkit.depmap.probing.probe import print_probe
file = sys.argv[1]
print_probe(dict(os.environ), [], file=file, limit=None, jobs=None, as_json=True, is_quiet=False)
own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(own.ru_maxrss // 1024, own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime)
"""
# What a client in Python takes that loads a good deal before it asks; so many other programs a processor compute too.
COMPUTING = "n = 0\nfor i in range(2500000): n += i"
BUSY = 4
# They end by themselves and leave others behind.
ENDING = {"pipe held open by a child", "chain that forks and ends"}
UNKILLABLE = ("dead mount: a look at a file", "dead mount: the program itself", "dead mount: a child looks")


@dataclass(frozen=True)
class Measured:
    """What one probe took, and what it said."""

    took_s: float
    record: Record
    memory_mib: int
    own_cpu_s: float
    children_cpu_s: float


def main() -> int:
    """Print the tables and return 0 when every bar holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=float, default=2.0, help="seconds that each hang gets")
    parser.add_argument("--many", type=int, default=200, help="hangs side by side")
    parser.add_argument("--checks", type=int, default=5000, help="checks of `true` that depend on each other")
    options = parser.parse_args()
    limit_s, held = options.limit, True
    nap = f"sleep {random.randint(10**6, 10**9)}"
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        start_s = min(run_probe(folder, [check("job:start", "true")]).took_s for _ in range(3))
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; a probe of `true` takes {start_s:.2f} s")
        print(f"{'hang':40} {'limit':>6} {'took':>7}  states")
        lock = stack.enter_context((folder / "lock").open("a"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        for hang, run in collect_hangs(folder, nap, stack).items():
            held &= measure_hang(folder, hang, run, limit_s, start_s)
        stack.close()
        held &= measure_many(folder, options.many, limit_s, nap, start_s)
        held &= measure_busy(folder)
        measure_checks(folder, options.checks)
        print("left behind:", left := find_by_words(nap))
    return 0 if held and not left else 1


def collect_hangs(folder: Path, nap: str, stack: ExitStack) -> dict[str, Sequence[str]]:
    """Return {name: command} of everything that hangs here."""
    port, stopped = start_silent_servers(stack)
    hangs: dict[str, Sequence[str]] = {
        hang: ("sh", "-c", script.replace("NAP", nap).replace("FOLDER", str(folder)))
        for hang, script in SHELL_HANGS.items()
    }
    hangs["chain that forks and ends"] = (sys.executable, "-c", CHAIN)
    hangs["silent port"] = (sys.executable, "-c", SILENT, str(port))
    hangs["stopped server"] = (sys.executable, "-c", SILENT, str(stopped))
    server = stack.enter_context(stop_fail2ban(folder / "f2b" if (folder / "f2b").mkdir() is None else folder))
    hangs["stopped fail2ban"] = ("fail2ban-client", "-s", str(server["socket"]), "ping")
    dead = mount_dead_folder(folder, stack)
    if dead:
        commands = (("stat", f"{dead}/a"), (f"{dead}/b",), ("sh", "-c", f"stat {dead}/d & {nap} & wait"))
        hangs.update(zip(UNKILLABLE, commands, strict=True))
    return hangs


def measure_hang(folder: Path, hang: str, run: Sequence[str], limit_s: float, start_s: float) -> bool:
    """Probe one hang with something that depends on it; print it and tell whether its bars hold."""
    checks = [check("job:hang", *run, limit=f"{limit_s}s"), check("job:asker", "true")]
    measured = run_probe(folder, checks, [("job:asker", "job:hang")])
    state = "unkillable" if hang in UNKILLABLE else "ok" if hang in ENDING else "hang"
    held = measured.record[state] == (2 if state == "ok" else 1)
    held &= measured.took_s <= limit_s + BAR_S + start_s and not find_left(folder, hang)
    print(
        f"{hang:40} {limit_s:5.1f}s {measured.took_s:6.2f}s  {tell_states(measured)}{'' if held else '  MISSED'}",
        flush=True,
    )
    return held


def measure_many(folder: Path, many: int, limit_s: float, nap: str, start_s: float) -> bool:
    """Probe many hangs at once; print it and tell whether the bars hold."""
    held = True
    for what, run in {
        "waiting": tuple(nap.split()),
        "deaf, each with a child": ("sh", "-c", f"trap '' TERM; {nap}; :"),
    }.items():
        checks = [check(f"job:n{number}", *run, limit=f"{limit_s}s") for number in range(many)]
        one = run_probe(folder, checks)
        holds = one.record["hang"] == many and one.memory_mib < MEMORY_BAR_MIB
        holds &= one.took_s <= limit_s + MANY_BAR_S + start_s
        print(
            f"{f'{many} at once, {what}':40} {limit_s:5.1f}s {one.took_s:6.2f}s  {tell_states(one)}; "
            f"{one.memory_mib} MiB, own CPU {one.own_cpu_s:.2f} s{'' if holds else '  MISSED'}",
            flush=True,
        )
        held &= holds
    return held


def measure_busy(folder: Path) -> bool:
    """Probe checks that compute while other programs do; print how many are called a hang, and tell whether none is."""
    others = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(BUSY * (os.cpu_count() or 1))]
    try:
        checks = [check(f"job:n{number}", sys.executable, "-c", COMPUTING, limit="3s") for number in range(60)]
        one = run_probe(folder, checks)
    finally:
        for other in others:
            other.kill()
            other.wait(10)
    holds = one.record["ok"] == len(checks)
    what = f"{len(checks)} that compute, {len(others)} others at work"
    print(
        f"{what:40}   3.0s {one.took_s:6.2f}s  {tell_states(one)}; "
        f"each {one.children_cpu_s / len(checks):.2f} s CPU{'' if holds else '  MISSED'}",
        flush=True,
    )
    return holds


def measure_checks(folder: Path, count: int) -> None:
    """Probe many checks that are well and depend on each other; print what one costs."""
    pairs = [(f"job:n{number}", f"job:n{number // 2}") for number in range(1, count)]
    one = run_probe(folder, [check(f"job:n{number}", "true") for number in range(count)], pairs)
    print(
        f"{count} checks of `true`: {one.took_s:.1f} s, each {one.own_cpu_s / count * 1000:.2f} ms CPU of ours and "
        f"{one.children_cpu_s / count * 1000:.2f} ms from its fork to its end; {one.memory_mib} MiB"
    )


def run_probe(folder: Path, checks: list[Record], pairs: Sequence[tuple[str, str]] = ()) -> Measured:
    """Run a probe as a process of its own, and measure it."""
    file = write_checks(folder / "checks.json", checks, pairs)
    environ = {**os.environ, "AGENTKIT_HOME": f"{folder}/home"}
    begun = time.monotonic()
    answer = subprocess.run(
        [sys.executable, "-c", CODE, file], env=environ, capture_output=True, text=True, timeout=600, check=True
    )
    took_s = time.monotonic() - begun
    *_, record, figures = answer.stdout.splitlines()
    memory, own, children = figures.split()
    return Measured(took_s, json.loads(record), int(memory), float(own), float(children))


def find_left(folder: Path, hang: str) -> list[int]:
    """Return the processes that a probe left behind, but for those that nothing can end."""
    left = tree.find_marked(f"AGENTKIT_HOME={folder}/home".encode())
    return [] if hang in UNKILLABLE else [pid for pid in left if (tree.read_stat(pid) or "D")[0] != "D"]


def tell_states(measured: Measured) -> str:
    """Return how many checks are in which state."""
    states = ("ok", "failed", "hang", "unkillable", "blocked", "not_run")
    return ", ".join(f"{measured.record[state]} {state}" for state in states if measured.record[state])


if __name__ == "__main__":
    sys.exit(main())
