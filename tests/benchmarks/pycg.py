"""Recall and precision of the call graph of Python on PyCG's micro-benchmark (Salis et al., ICSE 2021).

    python -m tests.benchmarks.pycg FOLDER      # its micro-benchmark/snippets, from github.com/vitsalis/PyCG

Each of its cases holds programs and the edges that a person wrote down for them. Calls of builtins (`<builtin>.len`)
are no edges of our map: they are counted by themselves.
"""

from __future__ import annotations

import json
import os
import re
import sys

from agentkit.depmap.disk import Disk
from agentkit.depmap.python.program import Program, read_program
from agentkit.depmap.python.things import Class

BUILTIN = ("<builtin>", "<**Py")


def find_edges(program: Program) -> set[tuple[str, str]]:
    """Return the edges with the names of the benchmark, which has none to classes without `__init__`."""
    assert program.analysis is not None
    found = set()
    for site in program.analysis.engine.sites:
        caller = ".".join(filter(None, (site.module.name, site.function))).replace(".<locals>", "")
        for thing, name in site.seen.items():
            if not isinstance(thing, Class) and not name.startswith("builtins."):
                found.add((caller, name.removeprefix("py:").replace(":", ".").replace(".<locals>", "")))
    return found


def main(folder: str) -> int:
    """Print a line a category, and the sums."""
    right = said = wanted = builtins = 0
    for category in sorted(os.listdir(folder)):
        sums = [0, 0, 0]
        for case in sorted(os.listdir(os.path.join(folder, category))):
            base = os.path.join(folder, category, case)
            with open(f"{base}/callgraph.json", encoding="utf-8") as file:
                graph = json.load(file)
            truth = {(caller, called) for caller, every in graph.items() for called in every}
            builtins += sum(called.startswith(BUILTIN) for _, called in truth)
            truth = {edge for edge in truth if not edge[1].startswith(BUILTIN)}
            truth = {tuple(re.sub(r"<lambda\d+>", "<lambda>", name) for name in edge) for edge in truth}  # type: ignore[misc]
            found = find_edges(read_program([base], Disk("/"), lambda _: None))
            sums = [sums[0] + len(found & truth), sums[1] + len(found), sums[2] + len(truth)]
            if found != truth:
                print(f"  {category}/{case}: missed {sorted(truth - found)}, too many {sorted(found - truth)}")
        print(f"{category:14} {sums[0]} of {sums[2]} found, {sums[1]} said")
        right, said, wanted = right + sums[0], said + sums[1], wanted + sums[2]
    print(f"recall {right / wanted:.1%} ({right} of {wanted}), precision {right / said:.1%} ({right} of {said})")
    print(f"left aside: {builtins} calls of builtins")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
