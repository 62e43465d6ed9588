"""How well do the edges of Python agree with what runs of programs do, and with grimp's imports?

python -m tests.benchmarks.python_truth [--generated 40]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import grimp

from agentkit.depmap.disk import Disk
from agentkit.depmap.python.edges import map_program
from agentkit.depmap.python.program import read_program
from tests.depmap.python.programs import make_program
from tests.depmap.python.test_against_real_runs import leave_out_unreached, read_mapped
from tests.depmap.python.watched import Seen, watch

HERE = Path(__file__).parents[2]
COMMANDS = (
    ("--help",),
    ("schema",),
    ("summary", "--json"),
    ("depmap", "edges", str(HERE / "tests" / "run")),
    ("depmap", "lint", str(HERE / "tests" / "run")),
    ("depmap", "edges", str(HERE / "agentkit" / "core" / "times.py")),
    ("heartbeat", "status"),
    ("vault", "--help"),
    ("checkup",),
)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%} ({part} of {whole})" if whole else "nothing"


def _tell(title: str, seen: Seen, mapped: Seen) -> None:
    said = leave_out_unreached(mapped.calls, seen.calls)
    print(f"{title}: of the calls that ran are mapped {_share(len(seen.calls & mapped.calls), len(seen.calls))}")
    print(f"  of the mapped calls between functions that ran, ran {_share(len(said & seen.calls), len(said))}")
    if seen.touched:
        print(f"  of what was touched is mapped {_share(len(seen.touched & mapped.touched), len(seen.touched))}")
        print(f"  of what is mapped was touched {_share(len(seen.touched & mapped.touched), len(mapped.touched))}")


def _measure_generated(count: int) -> None:
    seen, mapped = Seen(), Seen()
    for seed in range(count):
        with tempfile.TemporaryDirectory(prefix="python-truth-") as name:
            folder, data = Path(name) / "program", Path(name) / "data"
            folder.mkdir()
            data.mkdir()
            script = make_program(seed, folder, data)
            for own, other in ((seen, watch(folder, script)), (mapped, read_mapped(script))):
                own.calls |= {(f"{seed} {caller}", f"{seed} {callee}") for caller, callee in other.calls}
                own.touched |= {(f"{seed} {source}", kind, target) for source, kind, target in other.touched}
    _tell(f"{count} programs by chance", seen, mapped)


def _measure_own() -> None:
    seen = Seen()
    with tempfile.TemporaryDirectory(prefix="python-truth-") as home:
        os.environ["AGENTKIT_HOME"] = home
        for words in COMMANDS:
            one = watch(HERE, HERE / "agentkit" / "__main__.py", *words)
            seen.calls |= {pair for pair in one.calls if all(name.startswith("py:agentkit") for name in pair)}
    started = time.process_time()
    mapped = read_mapped(HERE / "agentkit")
    took_s = time.process_time() - started
    _tell(f"{len(COMMANDS)} commands of agentkit itself", seen, mapped)
    for caller, callee in sorted(seen.calls - mapped.calls)[:20]:
        print(f"    missed: {caller} -> {callee}")
    print(f"  mapped in {took_s:.1f} s of the processor")


def _measure_imports(package: str) -> None:
    graph = grimp.build_graph(package, include_external_packages=False, cache_dir=None)
    theirs = {
        (f"py:{one}", f"py:{other}") for one in graph.modules for other in graph.find_modules_directly_imported_by(one)
    }
    folder = os.path.dirname(sys.modules[package].__file__ or "") if package in sys.modules else _find(package)
    disk = Disk("/")
    edges = map_program(read_program([folder], disk, lambda _: None), disk)
    modules = {f"py:{name}" for name in graph.modules}
    ours = {
        (":".join(edge.source.split(":")[:2]), edge.target)
        for edge in edges
        if edge.kind == "import" and edge.rule == "import" and edge.target in modules
    }
    print(f"imports of {package}: {_share(len(ours & theirs), len(theirs))} of grimp's, {len(ours - theirs)} more")
    for one, other in [*sorted(theirs - ours)[:5], *sorted(ours - theirs)[:5]]:
        print(f"    differs: {one} -> {other}")


def _find(package: str) -> str:
    import importlib.util

    found = importlib.util.find_spec(package)
    assert found is not None
    return os.path.dirname(found.origin or "")


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--generated", type=int, default=40)
    given = parser.parse_args()
    _measure_generated(given.generated)
    _measure_own()
    for package in ("agentkit", "rich", "networkx"):
        _measure_imports(package)
    return 0


if __name__ == "__main__":
    sys.exit(main())
