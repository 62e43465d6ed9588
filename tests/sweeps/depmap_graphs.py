"""Are blast, why, cycles and spof what networkx says, on a thousand graphs that are declared at random?

python -m tests.sweeps.depmap_graphs [--graphs 1000] [--seed N]
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time

from agentkit.depmap.opening import open_map
from tests.depmap.maps import make_map
from tests.depmap.oracle import declare, find_disagreements, make_graph


def main() -> int:
    """Make the graphs, ask both, print a line for each disagreement and the sum."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--graphs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}")
    choices = random.Random(chosen.seed)
    edges = wrong = 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="depmap-graphs-") as folder:
        environ = {**os.environ, "AGENTKIT_HOME": folder}
        for number in range(chosen.graphs):
            graph = make_graph(choices)
            make_map(environ, declare(graph, choices))
            edges += graph.number_of_edges()
            if not graph:
                continue
            with open_map(environ) as chart:
                found = find_disagreements(chart, graph, choices)
            wrong += bool(found)
            for line in found:
                print(f"graph {number}: {line}")
    took = time.monotonic() - started
    print(f"{chosen.graphs} graphs with {edges} edges: {wrong} with a disagreement, in {took:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
