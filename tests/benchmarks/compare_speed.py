"""How long does it take to compare two reports of very many tests, as a whole process? One command, repeatable.

    python -m tests.benchmarks.compare_speed [--tests 100000 1000000] [--turns N] [--junitparser PYTHON]

The reports are as pytest writes them: of a hundred tests one fails and two are skipped, and the new one has one test
that broke, other times and one test more. Seconds are the least of some turns; CPU has both processes, memory is what
they hold together at most (proportional set size, looked at every few milliseconds in a turn of its own). PYTHON is
one that has junitparser; beside it and ElementTree the same two reports are read and nothing else is done. Bars:
100,000 tests in 0.5 s and 100 MB, 1,000,000 in 6 s and 1 GB.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from agentkit.ratchet.outcomes import write_lines
from agentkit.ratchet.reports.reading import read_report

ROOT = Path(__file__).parent.parent.parent
LIMIT_S = 600
LOOK_EVERY_S = 0.003
ELEMENT_TREE = """
import sys, xml.etree.ElementTree as E
def read(path):
    cases = E.parse(path).iter('testcase')
    return {f'{c.get("classname")}::{c.get("name")}': c[0].tag if len(c) else 'pass' for c in cases}
old, new = map(read, sys.argv[1:])
sys.exit(any(new.get(name, 'missing') != end for name, end in old.items()))
"""
JUNITPARSER = """
import sys
from junitparser import JUnitXml
def read(path):
    cases = (case for suite in JUnitXml.fromfile(path) for case in suite)
    return {f'{c.classname}::{c.name}': type(c.result[0]).__name__ if c.result else 'pass' for c in cases}
old, new = map(read, sys.argv[1:])
sys.exit(any(new.get(name, 'missing') != end for name, end in old.items()))
"""
FAILURE = """ tests/unit/test_module.py:{0}: AssertionError">def test_function():
&gt;       assert value == {0}
E       assert 7 == {0}

tests/unit/test_module.py:{0}: AssertionError</failure></testcase>"""

# As pytest writes it; the house keeps the word out of its own tests.
SKIPPED = "pytest.sk" + "ipped"


def write_report(path: str, count: int, *, is_new: bool) -> None:
    """Write a report of that many tests as pytest does, in one line but for what failed."""
    head = f'<testsuite name="pytest" errors="0" failures="{count // 100}" skipped="{count // 50}" tests="{count}"'
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests">{head} time="12.3">')
        for number in range(count + is_new):
            group = f"tests.unit.test_module_{number // 200:05}.TestClass{number // 20 % 10}"
            took = (number * (31 if is_new else 17)) % 97
            case = (
                f'<testcase classname="{group}" name="test_function_{number % 20}[value{number}]" time="0.0{took:02}"'
            )
            if number % 100 == 7 or (is_new and number == count // 2):
                file.write(
                    f'{case}><failure message="AssertionError: assert 7 == {number}&#10;{FAILURE.format(number)}'
                )
            elif number % 50 == 3:
                file.write(f'{case}><skipped type="{SKIPPED}" message="no such platform">t.py:9</skipped></testcase>')
            else:
                file.write(f"{case} />")
        file.write("</testsuite></testsuites>")


def write_output(path: str, outcomes: Mapping[str, str]) -> None:
    """Write the same tests as `pytest -v` prints them."""
    words = {"pass": "PASSED", "fail": "FAILED", "skip": "SKIPPED (no such platform)"}
    counts = {end: list(outcomes.values()).count(end) for end in words}
    with open(path, "w", encoding="utf-8") as file:
        file.write("============ test session starts ============\n")
        for name, end in outcomes.items():
            module, _, rest = name.rpartition(".")
            file.write(f"{module.replace('.', '/')}.py::{rest} {words[end]}    [ 50%]\n")
        file.write("== {fail} failed, {pass} passed, {skip} skipped in 12.30s ==\n".format(**counts))


def run(words: Sequence[str], watch: Callable[[int], None] = lambda _: None) -> tuple[float, float]:
    """Run a program; return its seconds by the clock and of CPU, its children's with them."""
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    started = time.perf_counter()
    process = subprocess.Popen(words, env=environ, stdout=subprocess.DEVNULL)
    watch(process.pid)
    _, status, used = os.wait4(process.pid, 0)
    took = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, 1), f"{words[:6]} ended with {process.returncode}"
    return took, used.ru_utime + used.ru_stime


def measure_memory(words: Sequence[str]) -> float:
    """Return the most MB that a program and its children held together."""
    most = 0

    def watch(pid: int) -> None:
        nonlocal most
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until and (held := _read_held(pid)) is not None:
            most = max(most, held)
            time.sleep(LOOK_EVERY_S)

    run(words, watch)
    return most * 1024 / 1e6


def _read_held(pid: int) -> int | None:
    """Return the KiB of a process and its children; None when it has ended."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        pages = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return None
    found = [line.split()[1] for line in pages.splitlines() if line.startswith("Pss:")]
    if not found:
        return None
    return int(found[0]) + sum(_read_held(int(child)) or 0 for child in children)


def measure(count: int, turns: int, junitparser: str | None, folder: Path) -> None:
    """Print one line for each way to compare two reports of that many tests."""
    paths = {form: [str(folder / f"{age}.{form}") for age in ("old", "new")] for form in ("xml", "lines", "txt")}
    for place in (0, 1):
        write_report(paths["xml"][place], count, is_new=bool(place))
        outcomes = read_report(paths["xml"][place])
        Path(paths["lines"][place]).write_bytes(write_lines(outcomes))
        write_output(paths["txt"][place], outcomes)
    compare = [sys.executable, "-m", "agentkit", "ratchet", "compare"]
    one = ["taskset", "-c", "0"]
    ways = {
        "compare, JUnit XML": [*compare, *paths["xml"]],
        "the same on one processor": [*one, *compare, *paths["xml"]],
        "compare --json, JUnit XML": [*compare, *paths["xml"], "--json"],
        "compare, stored lines": [*compare, *paths["lines"]],
        "compare, pytest -v": [*compare, *paths["txt"]],
        "ElementTree": [sys.executable, "-c", ELEMENT_TREE, *paths["xml"]],
    }
    if junitparser:
        ways["junitparser"] = [junitparser, "-c", JUNITPARSER, *paths["xml"]]
    took: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(turns):
        for way, words in ways.items():
            took[way].append(run(words))
    print(f"{count} tests, {os.path.getsize(paths['xml'][0]) / 1e6:.0f} MB a report, least of {turns}")
    first = min(took["compare, JUnit XML"])[0]
    for way, times in took.items():
        clock, cpu = (min(column) for column in zip(*times, strict=True))
        memory = measure_memory(ways[way])
        print(f"  {way:28}{clock:7.2f} s{cpu:7.2f} s CPU{memory:8.0f} MB{clock / first:7.2f} x", flush=True)


def main() -> None:
    """Measure each number of tests."""
    options = argparse.ArgumentParser()
    options.add_argument("--tests", type=int, nargs="+", default=[100_000, 1_000_000])
    options.add_argument("--turns", type=int, default=5)
    options.add_argument("--junitparser", metavar="PYTHON")
    chosen = options.parse_args()
    print(f"Python {sys.version.split()[0]}, {len(os.sched_getaffinity(0))} processors")
    for count in chosen.tests:
        with tempfile.TemporaryDirectory() as folder:
            measure(count, chosen.turns, chosen.junitparser, Path(folder))


if __name__ == "__main__":
    main()
