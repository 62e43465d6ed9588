"""How long do `depmap blast`, `why` and a build take on a map of 15,000 and of a million edges, as whole processes?

    python -m tests.benchmarks.depmap_speed [--edges 15000 1000000] [--turns 20] [--valgrind]

Prints milliseconds (least, middle, most), the ratio of the middle one to a bare Python in the same run, and the CPU of
one turn in milliseconds; with --valgrind millions of instructions. The maps are made of documents that look like a
server's: scripts with functions that call each other, programs that a few or very many of them start.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence

from agentkit.depmap.building import build
from agentkit.depmap.document import Document, Mapped
from agentkit.depmap.edge import Edge

LIMIT_S = 300.0
EDGES_A_DOCUMENT = 10
FILES = 1500
FOLDERS = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin")
DEPMAP = ["-m", "agentkit", "depmap"]
# Every script belongs to a small system of its own, so that an answer is of some hundred nodes and not of all.
SYSTEM = 300


class Server:
    """A reader of documents that are made up, with real files as inputs."""

    def __init__(self, folder: str, edges: int) -> None:
        self.folder = folder
        self.environ: Mapping[str, str] = {**os.environ, "AGENTKIT_HOME": f"{folder}/home"}
        self.roots = [Document("script", f"/srv/s{number}") for number in range(edges // EDGES_A_DOCUMENT)]
        os.makedirs(f"{folder}/files")
        for number in range(FILES):
            with open(f"{folder}/files/{number}", "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\necho {number}\n")
            os.utime(file.name, (1_500_000_000, 1_500_000_000))

    def __call__(self, document: Document) -> Mapped:
        """Return three functions, calls of them, two scripts that they start and five programs."""
        path, number = document.path, int(document.path.removeprefix("/srv/s"))
        choices = random.Random(number)
        first = number - number % SYSTEM
        edges = [Edge(f"file:{path}", f"func:{path}#f{index}", "call", path, index + 1, "made") for index in range(3)]
        for index in range(3, 5):
            other = choices.randrange(first, number) if number > first else number
            edges.append(_start(path, index, f"cmd:s{other}", f"/srv/s{other}"))
        for index in range(5, EDGES_A_DOCUMENT):
            program = f"c{number // 7}" if index == 5 else f"c{int(choices.paretovariate(0.7)) % 3000}"
            edges.append(_start(path, index, f"cmd:{program}", f"/usr/bin/{program}"))
        return Mapped(tuple(edges), inputs=(f"{self.folder}/files/{number % FILES}", *FOLDERS))

    def build(self) -> float:
        """Build the map in this process; return the seconds."""
        started = time.perf_counter()
        build(self.environ, self.roots, self, stamp="1", warn=print)
        return time.perf_counter() - started


def _start(path: str, index: int, name: str, program: str) -> Edge:
    function = f"f{index % 3}"
    return Edge(f"func:{path}#{function}", name, "exec", path, index + 1, "made", function=function, path=program)


def main() -> int:
    """Make the maps, ask the questions, print a line each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--edges", type=int, nargs="*", default=[15_000, 1_000_000])
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--valgrind", action="store_true")
    chosen = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {chosen.turns} turns, milliseconds: least, middle, most; ratio; CPU")
    bare = _measure("python -c pass", ["-c", "pass"], os.environ, chosen.turns, None)
    _measure("python -c 'import sqlite3'", ["-c", "import sqlite3"], os.environ, chosen.turns, bare)
    for edges in chosen.edges:
        with tempfile.TemporaryDirectory(prefix="depmap-speed-") as folder:
            server = Server(folder, edges)
            cold = server.build()
            same = server.build()
            with open(f"{folder}/files/7", "a", encoding="utf-8") as file:
                file.write("echo more\n")
            one = server.build()
            size = os.path.getsize(f"{folder}/home/map.db") / 2**20
            took = f"built in {cold:.2f} s, nothing changed {same:.2f} s, one file changed {one:.2f} s"
            print(f"\n{edges} edges, {size:.0f} MiB: {took}, without reading and without a start of Python")
            last = len(server.roots) - 1
            last -= last % SYSTEM
            questions = {
                "blast of a script": ["blast", "--json", f"file:/srv/s{last - SYSTEM}"],
                "blast of a program": ["blast", "--json", f"cmd:c{(last - 2 * SYSTEM) // 7}"],
                "the same as a table": ["blast", f"cmd:c{(last - 2 * SYSTEM) // 7}"],
                "blast of an abbreviation": ["blast", "--json", f"s{last - SYSTEM}#f1"],
                "why, a long way": ["why", "--json", f"file:/srv/s{last - 1}", f"file:/srv/s{last - SYSTEM}"],
                "why, a program of many": ["why", "--json", f"file:/srv/s{last - 1}", "cmd:c1"],
            }
            for title, words in questions.items():
                _measure(title, [*DEPMAP, *words], server.environ, chosen.turns, bare)
                if chosen.valgrind:
                    print(f"{'':28}{_count_instructions([*DEPMAP, *words], server.environ):10.1f} million instructions")
    if chosen.valgrind:
        for words in (["-c", "pass"], ["-c", "import sqlite3"]):
            print(f"{' '.join(words):28}{_count_instructions(words, os.environ):10.1f} million instructions")
    return 0


def _measure(title: str, words: Sequence[str], environ: Mapping[str, str], turns: int, bare: float | None) -> float:
    times, lines = [], 0
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(turns):
        started = time.perf_counter()
        ended = subprocess.run(
            [sys.executable, *words], env=dict(environ), capture_output=True, timeout=LIMIT_S, check=True
        )
        times.append((time.perf_counter() - started) * 1000)
        lines = ended.stdout.count(b"\n")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000 / turns
    middle = statistics.median(times)
    ratio = f"{middle / bare:6.2f}" if bare else "  1.00"
    print(f"{title:28}{min(times):8.1f}{middle:8.1f}{max(times):8.1f}{ratio}{cpu:8.1f}  {lines} lines")
    return middle


def _count_instructions(words: Sequence[str], environ: Mapping[str, str]) -> float:
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    ended = subprocess.run(
        [*valgrind, sys.executable, *words],
        env=dict(environ),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    [count] = re.findall(r"Collected : (\d+)", ended.stderr)
    return int(count) / 1e6


if __name__ == "__main__":
    sys.exit(main())
