"""What do the command lines of units call behind their first program: wrappers, shells and the texts of these?"""

from __future__ import annotations

from dataclasses import replace

from agentkit.depmap.calls import Place, Script
from agentkit.depmap.disk import Disk
from agentkit.depmap.edge import Edge
from agentkit.depmap.shelledges import map_script
from agentkit.depmap.shellscript import read_words
from agentkit.depmap.unitcommands import UnitCommand
from agentkit.depmap.unitmap import UnitMap
from agentkit.depmap.values import State


def read_unit_command(command: UnitCommand, disk: Disk) -> Script:
    """Return what a command line of a unit calls."""
    state = State(folder="/", variables={name: ((value,),) for name, value in command.environment})
    return read_words(command.words, Place(command.file, command.line or 1), disk, state)


def map_unit_commands(units: UnitMap, disk: Disk) -> list[Edge]:
    """Return the edges of what units run, but for the first program of each line: that is among the units' own."""
    edges: dict[Edge, None] = {}
    for command in units.commands:
        if not command.words:
            continue
        script = read_unit_command(command, disk)
        for edge in map_script(script, disk, origin=f"unit:{command.unit}"):
            if edge.kind != "exec" or edge.via is not None:
                edges[replace(edge, rule=command.key)] = None
    return list(edges)
