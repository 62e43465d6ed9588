"""How much of what scripts touch does the static map have, when trace looks at generated scripts and at real ones?"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from agentkit.depmap.disk import USUAL_PATH
from agentkit.depmap.edge import Edge
from agentkit.depmap.tracing.comparing import Judged, Known
from agentkit.depmap.tracing.missing import find_needed
from agentkit.depmap.tracing.processes import Follower
from agentkit.depmap.tracing.seen import Seen
from agentkit.depmap.tracing.stracing import CALLS, FILTER, PLAIN
from agentkit.depmap.tracing.verifypage import Recall, count_recall
from tests.depmap.mapped import read_edges
from tests.system.strace_runs import (
    FOLDERS,
    REAL_WORDS,
    SERVICE_WORDS,
    at_once,
    find_real_scripts,
    lay_generated,
)
from tests.system.stracedroom import FAKES, run_in_room

# Not below /tmp: what scripts make there for themselves is nobody's.
BASE = "/var"
LIMIT_S = 10.0


@dataclass(slots=True)
class Found:
    """What was seen of all runs, judged, and why what was missed was."""

    runs: int = 0
    judged: list[Judged] = field(default_factory=list)

    def figures(self) -> dict[str, Recall]:
        """Return the figures of each kind of edge, of all, and of all but what programs did by themselves."""
        found = sum(one.found is not None for one in self.judged)
        by_programs = sum(one.found is None and find_needed(one).by_program for one in self.judged)
        whole = {"all": Recall(len(self.judged), found), "told": Recall(len(self.judged) - by_programs, found)}
        return {**count_recall(self.judged), **whole}

    def needed(self) -> Counter[str]:
        """Return how often each thing would be needed, without its places."""
        return Counter(find_needed(one).text.partition(" (")[0] for one in self.judged if one.found is None)


def run_traced_in_room(script: Path, folder: Path, words: Iterable[str], shell: str = "/bin/bash") -> list[Edge]:
    """Run a script in a room of its own as trace runs programs, and return what it touched."""
    log = folder / ".strace"
    log.write_text("")
    strace = [
        "/usr/bin/strace",
        *PLAIN,
        "-e",
        f"trace={','.join(f'?{call}' for call in CALLS)}",
        FILTER,
        "-o",
        str(log),
    ]
    environ = {"HOME": str(folder), "LC_ALL": "C.UTF-8", "TERM": "dumb", "SHELL": "/bin/sh"}
    run_in_room(folder, [*strace, "--", shell, str(script), *words], environ, LIMIT_S)
    seen = Seen(("/tmp",))
    follower = Follower(str(folder), seen, node=None)
    follower.feed(log.read_bytes())
    follower.finish()
    return [_as_outside(edge) for edge in seen.find_edges() if not _is_of_room(edge)]


def measure_generated(seeds: Sequence[str]) -> Found:
    """Trace a generated script of each seed."""
    with tempfile.TemporaryDirectory(prefix="traced-", dir=BASE) as base:

        def run(seed: str) -> tuple[Path, list[Edge]]:
            own = Path(base, seed)
            words = lay_generated(seed, own)
            return own, run_traced_in_room(own / "main.sh", own, words)

        return _judge(at_once(run, seeds))


def measure_real(most: int, choices: random.Random) -> Found:
    """Trace copies of the scripts of this machine's packages: with `--help`, with no words, services with theirs."""
    scripts = sorted(find_real_scripts(FOLDERS))
    chosen = scripts if len(scripts) <= most else sorted(choices.sample(scripts, most))
    with tempfile.TemporaryDirectory(prefix="traced-", dir=BASE) as base:

        def run(script: Path) -> tuple[Path, list[Edge]]:
            own = Path(base, "-".join(script.parts[1:]))
            edges: list[Edge] = []
            for words in SERVICE_WORDS if "init.d" in script.parts else REAL_WORDS:
                shutil.rmtree(own, ignore_errors=True)
                own.mkdir()
                shutil.copyfile(script, own / "main.sh")
                edges += run_traced_in_room(own / "main.sh", own, words)
            return own, edges

        return _judge(at_once(run, chosen))


def _judge(runs: list[tuple[Path, list[Edge]]]) -> Found:
    found = Found(len(runs))
    for own, edges in runs:
        records = read_edges([own / "main.sh"], own)
        known = Known(_to_edge(record) for record in records)
        whole = {(edge.source, edge.kind, edge.target): edge for edge in edges if edge.source == f"file:{own}/main.sh"}
        found.judged += [known.judge(edge) for edge in whole.values()]
    return found


def _to_edge(record: dict[str, object]) -> Edge:
    names = {"from": "source", "to": "target", "edge": "kind"}
    known = ("from", "to", "edge", "file", "line", "rule", "function", "how", "confidence", "via", "path", "reason")
    return Edge(**{names.get(key, key): record[key] for key in known})  # type: ignore[arg-type]


def _as_outside(edge: Edge) -> Edge:
    """Return an edge with the program of the machine for which another one stood in."""
    if edge.path is None or not edge.path.startswith(f"{FAKES}/"):
        return edge
    found = shutil.which(os.path.basename(edge.path), path=USUAL_PATH)
    return replace(edge, path=found and os.path.realpath(found))


def _is_of_room(edge: Edge) -> bool:
    """Tell whether it is a stand-in that the room has and the machine has not, that a shell reads."""
    return edge.kind in ("read", "source") and edge.target.startswith((f"file:{FAKES}/", f"file:{os.sep}.over/"))
