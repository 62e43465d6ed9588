"""What does `think wake` cost asleep, with 10,000 findings, with a call, and when a provider does what it should not?

    python -m tests.benchmarks.think_speed [--pairs 40] [--python /usr/bin/python3]

Installs agentkit into an environment of its own as the README says. Asleep: instructions (valgrind), CPU and clock as
ratios to `python -c 'import sqlite3, json'`, by turns. A call: CPU of the wake and of all that it starts. Faults: how
long after its deadline a wake ends, and the most that one of its processes held.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.vault_speed import compare
from tests.benchmarks.wrapper import count_instructions, install
from tests.think.conftest import finding
from tests.think.providers import start_bad_server
from tests.think.scriptedmodel import say, scripted_model

LIMIT_S = 300.0
DEADLINE_S = 3.0
ROUNDS = 5
MODES = ("hang", "drip", "endless", "half-close", "silence", "reset", "deaf")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"


class Home:
    """A state folder with a configuration, and the wakes in it; `agentkit` is the installed program."""

    def __init__(self, folder: Path, agentkit: str) -> None:
        folder.mkdir(mode=0o700)
        self.folder = folder
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "AGENTKIT_HOME": str(folder / "home")}
        (folder / "home").mkdir(mode=0o700)
        self.words = [agentkit, "think", "wake", "--json"]

    def configure(self, *urls: str, more: str = "") -> None:
        """Write a configuration with providers that cost nothing."""
        providers = [
            f"[[think.provider]]\nname = 'm{place}'\nkind = 'openai'\nurl = '{url}'\nmodel = 'm'\nprice = 0\n"
            for place, url in enumerate(urls)
        ]
        (self.folder / "home/agentkit.toml").write_text(
            f"[think]\ndeadline = '{DEADLINE_S}s'\n{more}{''.join(providers)}"
        )

    def wake(self, findings: Sequence[Mapping[str, object]]) -> tuple[float, float, float, int]:
        """Return seconds of clock and of CPU, MiB of the largest process, and the status."""
        script = (
            "import json, resource, subprocess, sys; ended = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, "
            "stderr=subprocess.DEVNULL); used = resource.getrusage(resource.RUSAGE_CHILDREN); print(json.dumps("
            "[used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, ended.returncode]))"
        )
        text = "".join(json.dumps(each) + "\n" for each in findings)
        began = time.monotonic()
        ended = subprocess.run(
            ["python3", "-c", script, *self.words], input=text, env=self.environ, capture_output=True, text=True,
            timeout=LIMIT_S, check=True,
        )  # fmt: skip
        cpu, memory, status = json.loads(ended.stdout)
        return time.monotonic() - began, cpu, memory, status


def main() -> int:
    """Measure and print all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--python", default="/usr/bin/python3")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="think-speed-") as name:
        folder = Path(name)
        programs = install(given.python, folder / "environment")
        agentkit = str(programs / "agentkit")
        measure_asleep(Home(folder / "asleep", agentkit), str(programs / "python"), folder, given.pairs)
        measure_many(Home(folder / "many", agentkit))
        measure_calls(folder, agentkit)
        measure_faults(folder, agentkit)
    return 0


def measure_asleep(home: Home, python: str, folder: Path, pairs: int) -> None:
    """Print what a wake costs that finds nothing to do, and which system calls of the network it makes."""
    bare = [python, "-c", "import sqlite3, json"]
    known = folder / "known"
    known.write_text(json.dumps(finding(severity="info")))
    os.environ.update(home.environ)
    for title, words in (("nothing", home.words), ("a finding that is known", [*home.words, str(known)])):
        subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=LIMIT_S, check=True)
        (cpu, clock), (bare_cpu, bare_clock) = compare(words, bare, pairs)
        counted, bare_counted = count_instructions(words, folder), count_instructions(bare, folder)
        print(
            f"asleep, {title}: instructions {counted / bare_counted:.2f} ({counted / 1e6:.1f} and "
            f"{bare_counted / 1e6:.1f} million), CPU {cpu / bare_cpu:.2f} ({cpu * 1e3:.1f} ms), "
            f"clock {clock / bare_clock:.2f}"
        )
    table = folder / "calls"
    traced = ["strace", "-f", "-e", "trace=%network", "-o", str(table), *home.words, str(known)]
    subprocess.run(traced, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=LIMIT_S, check=True)
    calls = [row for row in table.read_text().splitlines() if re.search(r"\w+\(", row)]
    print(f"asleep: {len(calls)} system calls of the network")


def measure_many(home: Home) -> None:
    """Print what 10,000 findings in 50 groups take to be stored, and again when they are known."""
    many = [
        finding(f"job:{number}", "info", type=f"t{number % 50}", evidence={"tail": "x" * 200})
        for number in range(10_000)
    ]
    for title in ("new", "known"):
        clock, cpu, memory, _ = home.wake(many)
        print(f"10,000 findings, {title}: {clock:.2f} s, CPU {cpu:.2f} s, {memory:.0f} MiB")


def measure_calls(folder: Path, agentkit: str) -> None:
    """Print the CPU of a wake with one call, and how long a second provider takes to answer for a first."""
    with scripted_model(lambda _: (200, say("none"), {})) as good, scripted_model(lambda _: (429, "{}", {})) as busy:
        for title, urls in (("a call", [good.url]), ("a call after a 429 of another", [busy.url, good.url])):
            found = []
            for number in range(ROUNDS):
                home = Home(folder / f"{title} {number}", agentkit)
                home.configure(*urls)
                found.append(home.wake([finding()]))
            assert {status for *_, status in found} == {0}
            clock, cpu = (statistics.median(each[place] for each in found) for place in (0, 1))
            print(f"{title}: {clock:.2f} s, CPU of all processes {cpu:.3f} s, {max(each[2] for each in found):.0f} MiB")


def measure_faults(folder: Path, agentkit: str) -> None:
    """Print for each fault when a wake with a deadline of three seconds was over, and what it held."""
    for mode in MODES:
        with start_bad_server(folder / mode, mode, HEAD) as server:
            home = Home(folder / f"home {mode}", agentkit)
            home.configure(server.url())
            clock, _, memory, status = home.wake([finding(f"job:{number}", type=f"t{number}") for number in range(3)])
            print(f"{mode}: over after {clock:.2f} s of {DEADLINE_S:.0f} s, {memory:.0f} MiB, status {status}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    raise SystemExit(main())
