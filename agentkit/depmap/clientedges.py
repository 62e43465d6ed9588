"""Which programs on this machine ask which of its units?"""

from __future__ import annotations

from agentkit.depmap.clients import CLIENTS, map_clients
from agentkit.depmap.disk import Disk
from agentkit.depmap.edge import Edge
from agentkit.depmap.unitmap import UnitMap


def map_known_clients(units: UnitMap, disk: Disk) -> list[Edge]:
    """Return an edge from each client program to the unit that it talks to."""
    found = ((f"cmd:{name}", disk.find_program(name, None)) for name in CLIENTS)
    return map_clients(units, [(name, path) for name, path in found if path])
