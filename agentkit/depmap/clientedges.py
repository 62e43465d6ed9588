"""Which programs of this machine ask which of its units, whatever name a script has for them?"""

from __future__ import annotations

from dataclasses import replace

from agentkit.depmap.clients import CLIENTS, map_clients
from agentkit.depmap.disk import Disk
from agentkit.depmap.edge import Edge
from agentkit.depmap.unitmap import UnitMap


def map_known_clients(units: UnitMap, disk: Disk) -> list[Edge]:
    """Return an edge from each client program to the unit that it talks to."""
    programs = [(f"cmd:{name}", disk.find_program(name, None)) for name in CLIENTS]
    edges: dict[Edge, None] = {}
    for edge in map_clients(units, programs):
        edges[edge] = None
        path = edge.source.removeprefix("cmd:")
        if path.startswith("/") and disk.real_path(path) is None:
            # Of a machine's files the program may be missing: then its bare name is all that scripts and units share.
            edges[replace(edge, source=f"cmd:{path.rpartition('/')[2]}")] = None
    return list(edges)
