"""How well does the map agree with runs: of the labelled cases, of generated scripts, of those of real packages?"""

import atexit
import os
import random
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from tests.depmap.edgecases.reading import TOLERATED, UNSEEN, Case, read_cases
from tests.depmap.mapped import Edges, read_edges
from tests.system.corpus import fetch_corpus
from tests.system.edgetruth import Edge, Figures, add_up, compare, never, of_folder
from tests.system.generated_scripts import generate_script
from tests.system.labelled import run_case
from tests.system.straced import Trace, run_straced
from tests.system.stracedroom import WRAPPERS, lay_fakes

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Pardon = Callable[[Edge], bool]
AT_ONCE = 2
STAND_INS = tuple(name for name in WRAPPERS if name not in ("time", "ip", "strace", "script"))
LARGEST_BYTES = 40_000
REAL_LIMIT_S = 5.0
# What a real script is run with: that is nearly always harmless, and the room takes what is not.
REAL_WORDS: tuple[list[str], ...] = (["--help"], [])
SERVICE_WORDS: tuple[list[str], ...] = (["status"], ["start"], ["restart"])
LACKING = re.compile(r"([^\s:]+): command not found")
ABSOLUTE = re.compile(r"(?<![\w$}./-])/(?:usr/)?(?:local/)?s?bin/[\w.+-]+")
BEGINNINGS = (b"#!/bin/sh", b"#! /bin/sh", b"#!/bin/bash", b"#! /bin/bash", b"#!/usr/bin/env bash", b"#!/usr/bin/bash")
FOLDERS = ("/usr/bin", "/usr/sbin", "/etc/cron.daily", "/etc/cron.weekly", "/etc/init.d", "/usr/share/bash-completion")
CONTROL = re.compile(r"&&|\|\||;|\b(?:if|then|else|case|while|until|for|do|trap)\b|\)")
# They wait for a person, for a network or for each other, and show nothing.
LEFT_OUT = frozenset({"byobu", "pyenv-installer"})


@dataclass(slots=True)
class Result:
    """What a batch of runs gave: the figures by (function, program), and those by program alone."""

    by_function: Figures
    by_program: Figures
    scripts: int

    def __str__(self) -> str:
        return f"{self.scripts} scripts\n  by function: {self.by_function}\n  by program:  {self.by_program}"


@lru_cache(maxsize=1)
def trace_cases() -> list[tuple[Case, Path, Trace]]:
    """Return the labelled cases that can be run, the folder where each was, and what it did; all are run once."""
    folder = Path(tempfile.mkdtemp(prefix="edges-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)

    def run(numbered: tuple[int, Case]) -> tuple[Case, Path, Trace]:
        own = folder / str(numbered[0])
        own.mkdir()
        return numbered[1], own, run_case(numbered[1], own)

    return at_once(run, list(enumerate(case for case in read_cases() if case.is_run)))


def measure_cases() -> Result:
    """Compare with the labelled cases that have no machine of their own."""
    chosen = [(case, own, trace) for case, own, trace in trace_cases() if not case.has_root]
    pardoned = {str(own): _pardon(case) for case, own, _ in chosen}
    runs = [(own, case.name, [trace]) for case, own, trace in chosen]
    return _compare(chosen[0][1].parent, runs, lambda own: pardoned[str(own)])


def measure_generated(seeds: Iterable[str]) -> Result:
    """Run a generated script of each seed."""
    with _folder() as folder:

        def run(seed: str) -> tuple[Path, str, list[Trace]]:
            own = folder / seed
            words = lay_generated(seed, own)
            return own, seed, [run_straced(own / "main.sh", own, words)]

        return _compare(folder, at_once(run, list(seeds)), lambda _: never)


def lay_generated(seed: str, folder: Path) -> list[str]:
    """Lay a generated script (main.sh) and all that it starts into a folder, and return the words to run it with."""
    folder.mkdir(exist_ok=True)
    made = generate_script(random.Random(seed))
    for name, text in made.files.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    lay_fakes(folder, [*made.programs, *STAND_INS])
    return made.words


def measure_real(most: int, choices: random.Random) -> Result:
    """Run scripts of packages, as copies: with `--help`, with no words, services with what services know.

    What they name and this machine lacks stands there and does nothing, so that they come further.
    """
    found = sorted({*find_real_scripts(FOLDERS), *find_real_scripts(_list_corpus())})
    chosen = found if len(found) <= most else sorted(choices.sample(found, most))
    with _folder() as folder:

        def run(script: Path) -> tuple[Path, str, list[Trace]]:
            own = folder / "-".join(script.parts[1:])
            traces: list[Trace] = []
            text = script.read_text(errors="replace")
            lacking = {*STAND_INS, *(name for name in ABSOLUTE.findall(text) if not os.path.exists(name))}
            for words in SERVICE_WORDS if "init.d" in script.parts else REAL_WORDS:
                shutil.rmtree(own, ignore_errors=True)
                own.mkdir()
                shutil.copyfile(script, own / "main.sh")
                lay_fakes(own, lacking)
                traces.append(run_straced(own / "main.sh", own, words, REAL_LIMIT_S))
                lacking.update(name for name in LACKING.findall(traces[-1].said) if "/" not in name)
            return own, str(script), traces

        return _compare(folder, at_once(run, chosen), lambda _: _may_stop_before)


def _list_corpus() -> list[str]:
    """Return the folders of cron jobs of many real packages, which need not be installed."""
    return [str(folder) for root in fetch_corpus().values() for folder in root.glob("etc/cron.*") if folder.is_dir()]


def find_real_scripts(folders: Iterable[str]) -> Iterator[Path]:
    """Yield the shell scripts right in these folders that may be run."""
    for folder in folders:
        for path in Path(folder).glob("*") if os.path.isdir(folder) else ():
            state = path.lstat()
            is_fit = stat.S_ISREG(state.st_mode) and state.st_size < LARGEST_BYTES and path.name not in LEFT_OUT
            if is_fit and path.read_bytes()[:40].startswith(BEGINNINGS):
                yield path


def _pardon(case: Case) -> Pardon:
    """Return what tells whether a claim is true though a plain run does not come there, as the labels say."""
    names = {os.path.basename(label.target) for label in case.labels if label.form in (UNSEEN, TOLERATED)}
    return lambda edge: "*" in names or os.path.basename(str(edge["to"]).partition(":")[2]) in names


def _may_stop_before(edge: Edge) -> bool:
    """Tell whether the line of a claim may end before it: `[ -x /bin/x ] && /bin/x`; and x is a program."""
    path, line = str(edge["file"]), edge["line"]
    text = Path(path).read_text(errors="replace").splitlines()[line - 1] if isinstance(line, int) else ""
    program = str(edge["to"]).partition(":")[2]
    is_program = shutil.which(program) is not None or program.startswith("/")
    return is_program and CONTROL.search(text) is not None


def _compare(folder: Path, runs: list[tuple[Path, str, list[Trace]]], pardon_of: Callable[[Path], Pardon]) -> Result:
    edges = read_edges([script for own, _, traces in runs for script in _list_scripts(own, traces)], folder)
    return Result(
        add_up((_judge(run, edges, pardon_of(run[0]), by_function=True) for run in runs), by_function=True),
        add_up((_judge(run, edges, pardon_of(run[0]), by_function=False) for run in runs), by_function=False),
        len(runs),
    )


def _list_scripts(own: Path, traces: list[Trace]) -> list[Path]:
    """Return the script of a folder, and those beside it that it ran."""
    ran = {Path(start.where.file) for trace in traces for start in trace.started}
    ran |= {Path(os.path.normpath(own / start.program)) for trace in traces for start in trace.started}
    beside = [path for path in ran if path.is_relative_to(own) and path.is_file() and ".over" not in path.parts]
    return sorted({own / "main.sh", *beside})


def _judge(run: tuple[Path, str, list[Trace]], edges: Edges, is_pardoned: Pardon, *, by_function: bool) -> Figures:
    own, name, traces = run
    # What is done in files that are not of this folder is not its script's own.
    begin = f"{own}/"
    whole = Trace(
        [start for trace in traces for start in trace.started if start.where.file.startswith(begin)],
        {call for trace in traces for call in trace.calls if call[0].file.startswith(begin)},
        {place for trace in traces for place in trace.ran},
        {word for trace in traces for word in trace.tried},
    )
    figures = Figures(by_function)
    compare(figures, whole, of_folder(edges, own), f"[{name}] ", is_pardoned)
    return figures


def at_once(run: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
    """Return the answers for all items in their order, asked for AT_ONCE at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, items))


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="edges-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
