"""Which programs on this machine ask which of its units?"""

from __future__ import annotations

from agentkit.depmap.disk import Disk
from agentkit.depmap.edge import Edge
from agentkit.depmap.unitmap import UnitMap


def map_known_clients(units: UnitMap, disk: Disk) -> list[Edge]:
    """Return an edge from each client program to the unit that it talks to."""
    return []
