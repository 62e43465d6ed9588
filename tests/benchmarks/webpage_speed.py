"""How long does `depmap export --format html` take, and how fast does the page answer in a real browser?

    nice python -m tests.benchmarks.webpage_speed [--edges 15000 300000] [--turns 20]

The maps are those of tests.benchmarks.depmap_speed. Of the export: seconds and the most memory of the whole process. Of
the page: until it answers, until the worst points are counted; then milliseconds of scripting (what the browser itself
counts, `ScriptDuration` of its developer tools) for each letter of a search and for each node that is opened (least,
middle, most), and the same with everything that the page's thread does for it (`TaskDuration`: style, layout). Both are
CPU of that thread, so that they are the same on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests.benchmarks.depmap_speed import LIMIT_S, SYSTEM, Server
from tests.system.chromium import Chromium, start_chromium

# As a person types: parts of names, several words, and slips that nothing matches.
QUERIES = ("srv s12#f1", "cmd:c12", "/usr/bin/c2", "srrv/s10#f0", "c1", "nothing like it")
# As its own process, which tells its CPU and its most memory: `ru_maxrss` would be that of who started it.
EXPORT = """
import os, runpy, sys
sys.argv = ["agentkit", "depmap", "export", "--format", "html"]
try:
    runpy.run_module("agentkit", run_name="__main__")
finally:
    most = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
    sys.stderr.write(f"{sum(os.times()[:2])} {most}")
"""
SHOWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"


def main() -> int:
    """Make the maps, export them, ask the page, print a few lines each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--edges", type=int, nargs="*", default=[15_000, 300_000])
    parser.add_argument("--turns", type=int, default=20)
    chosen = parser.parse_args()
    for edges in sorted(chosen.edges):
        with tempfile.TemporaryDirectory(prefix="webpage-speed-") as folder:
            server = Server(folder, edges)
            server.build()
            page = Path(folder, "map.html")
            _export(server, page)
            with start_chromium() as browser:
                browser.look_like(1280, 800)
                browser.ask("Performance.enable", timeDomain="threadTicks")
                _measure(browser, page, server, chosen.turns)
    return 0


def _export(server: Server, page: Path) -> None:
    started = time.perf_counter()
    with page.open("wb") as file:
        words = [sys.executable, "-c", EXPORT]
        ended = subprocess.run(
            words, env=dict(server.environ), stdout=file, stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, check=True
        )
    took = time.perf_counter() - started
    cpu, memory = map(float, ended.stderr.split())
    size = os.path.getsize(page) / 2**20
    print(f"\nexport: {took:.2f} s ({cpu:.2f} s of CPU), {memory / 1024:.0f} MiB, a page of {size:.1f} MiB")


def _measure(browser: Chromium, page: Path, server: Server, turns: int) -> None:
    started = time.perf_counter()
    browser.open(page)
    browser.wait_for("document.querySelector('#found').textContent")
    answered = time.perf_counter()
    browser.wait_for("!document.querySelector('[aria-busy]')")
    counted = time.perf_counter()
    heap = browser.ask("Runtime.getHeapUsage")["usedSize"] / 2**20
    things = browser.run("document.querySelector('.tiles').innerText.replaceAll(/\\s+/g, ' ')")
    print(f"page ({things}): answers after {answered - started:.2f} s", end=", ")
    print(f"all is counted after {counted - started:.2f} s, {heap:.0f} MiB of script's memory")
    browser.press("/")
    typed = [_cost(browser, partial(browser.press, letter)) for query in QUERIES for letter in (*query, "Escape")]
    _tell("a letter of a search", typed)
    last = len(server.roots) - 1
    nodes = [f"file:/srv/s{last - last % SYSTEM - turn * SYSTEM}" for turn in range(turns) if turn * SYSTEM < last]
    nodes += [f"cmd:c{turn}" for turn in range(turns)]
    _open(browser, nodes[0])  # the first one is slower: its code is compiled
    opened = [_cost(browser, partial(_open, browser, node)) for node in nodes[1:]]
    _tell("a node", opened)
    counts = [_open(browser, node) for node in nodes]
    print(f"{'':24}with {min(counts)} to {max(counts)} things that fall")


def _open(browser: Chromium, node: str) -> int:
    browser.run(f"location.hash = {json.dumps('#' + node)}")
    browser.wait_for(f"document.title.startsWith({json.dumps(node + ' ')})")
    told = browser.run("document.querySelector('#falls h2 .count').textContent")
    return int(told.replace(",", ""))


def _cost(browser: Chromium, act: Callable[[], object]) -> tuple[float, float]:
    """Return milliseconds of scripting and of everything, until the answer has been drawn."""
    before = _read_metrics(browser)
    act()
    browser.run(SHOWN)
    after = _read_metrics(browser)
    script, task = (1000 * (after[name] - before[name]) for name in ("ScriptDuration", "TaskDuration"))
    return script, task


def _read_metrics(browser: Chromium) -> dict[str, float]:
    return {one["name"]: one["value"] for one in browser.ask("Performance.getMetrics")["metrics"]}


def _tell(title: str, costs: Sequence[tuple[float, float]]) -> None:
    for name, times in zip(("scripting", "all of it"), zip(*costs, strict=True), strict=True):
        told = f"{min(times):8.1f}{statistics.median(times):8.1f}{max(times):8.1f}"
        print(f"{title:24}{name:12}{told}  of {len(times)}")


if __name__ == "__main__":
    sys.exit(main())
