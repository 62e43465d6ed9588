"""What may variables hold at one point of a shell script?

A value is a set of alternatives, each of them a list of fields (an array; one field for a plain variable). HOLE
stands in a field for what only a running shell can know. Sets are kept small: beyond MOST alternatives a value is
not known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from agentkit.depmap.calls import HOLE

Fields = tuple[str, ...]
Value = tuple[Fields, ...]

# A variable that stands for what is not known, in a text that is put together and read again.
HOLE_VARIABLE = "_not_known_"
MOST = 16
UNKNOWN: Value = ((HOLE,),)
# What a shell sets by itself, and nobody knows before.
OWN = frozenset(
    {
        *("?", "$", "!", "-", "_", "#", "RANDOM", "SECONDS", "LINENO", "PPID", "UID", "EUID", "BASHPID"),
        *("BASH_VERSION", "BASH_VERSINFO", "OPTARG", "OPTIND", "OPTERR", "REPLY", "FUNCNAME", "BASH_LINENO"),
        *("PIPESTATUS", "HOSTNAME", "HOSTTYPE", "OSTYPE", "MACHTYPE", "SHLVL", "IFS", "PS1", "PS2", "PS4", "COLUMNS"),
        *("LINES", "EPOCHSECONDS", "EPOCHREALTIME", "SRANDOM", "GROUPS", "DIRSTACK", "COMP_WORDS", "COMP_CWORD"),
        *("BASH", "BASHOPTS", "SHELLOPTS", "BASH_COMMAND", "BASH_SUBSHELL", "BASH_ARGV", "BASH_ARGC", "BASH_REMATCH"),
        *("BASH_XTRACEFD", "MAPFILE", "COPROC"),
    }
) | {HOLE_VARIABLE}


@dataclass(slots=True)
class State:
    """What is known at one point: variables, the positional parameters (None: unknown), the folder, and $0."""

    variables: dict[str, Value] = field(default_factory=dict)
    positional: Fields | None = None
    folder: str | None = None
    name: str | None = None
    source: str | None = None

    def copy(self) -> State:
        """Return a state that goes its own way from here."""
        return State(dict(self.variables), self.positional, self.folder, self.name, self.source)


def merge(values: Iterable[Value]) -> Value:
    """Return the alternatives of all values, each once; too many are UNKNOWN."""
    found = dict.fromkeys(alternative for value in values for alternative in value)
    return tuple(found) if 0 < len(found) <= MOST else UNKNOWN


def join_states(before: State, branches: list[State]) -> None:
    """Let `before` hold what may be known after one of the branches was taken."""
    held_before = before.variables
    # Most branches set nothing: that is seen at once.
    changed = [branch.variables for branch in branches if branch.variables != held_before]
    names = {name for variables in changed for name, value in variables.items() if held_before.get(name) is not value}
    for name in names:
        held = [branch.variables[name] for branch in branches if name in branch.variables]
        first = held[0]
        before.variables[name] = first if all(value is first for value in held) else merge(held)
    folders = {branch.folder for branch in branches}
    before.folder = folders.pop() if len(folders) == 1 else None
    positions = {branch.positional for branch in branches}
    before.positional = positions.pop() if len(positions) == 1 else None
