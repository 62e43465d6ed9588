"""What does systemd itself make of the units of a machine: relations with their origins, and command lines?"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agentkit.core.unitfiles import FOLDERS, find_fragment, find_unit_files
from agentkit.depmap.edge import Edge
from agentkit.depmap.unitmap import UnitMap, map_units
from tests.machines import LIMIT_S
from tests.otherusers import AS_NOBODY

KINDS = {
    "Requires": "requires",
    "Requisite": "requires",
    "Wants": "wants",
    "Upholds": "wants",
    "BindsTo": "bindsto",
    "PartOf": "partof",
    "After": "after",
    "Before": "before",
    "OnFailure": "onfailure",
    "OnSuccess": "onfailure",
    "Triggers": "triggers",
    "TriggeredBy": "triggers",
}
# What hangs on the machine that runs, and not on its files: devices, and mounts of the kernel.
OF_THIS_MOMENT = ("origin-mountinfo", "origin-udev", "origin-proc-swap")
_RELATION = re.compile(r"\t\t(\w+): (\S+) \(([a-z -]+)\)")
_ESCAPED = re.compile(r"[\x01-\x1f\x7f]|\\|\"|`|\$")
_NAMED = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v"}

Relation = tuple[str, str, str]


@dataclass
class Dump:
    """What `systemd --test` printed: load states by unit, origins by relation, printed commands by unit and key."""

    states: dict[str, str] = field(default_factory=dict)
    fragments: set[str] = field(default_factory=set)
    relations: dict[Relation, set[str]] = field(default_factory=dict)
    commands: dict[tuple[str, str], list[str]] = field(default_factory=dict)


class TooManyUnitsError(Exception):
    """Units name ever more instances of templates, more than systemd itself takes."""


def dump_units(folders: Sequence[str], names: Iterable[str], prefix: str = "") -> Dump:
    """Return what the system manager loads for these names from these folders; `prefix` is taken off of paths."""
    with tempfile.TemporaryDirectory(prefix="agentkit-asked-") as own:
        Path(own).chmod(0o755)
        # A slice: what drop-ins for all services or targets say does not reach it.
        asked = Path(own) / "asked.slice"
        asked.write_text(f"[Unit]\nDefaultDependencies=no\nAfter={' '.join(names)}\n")
        is_root = os.geteuid() == 0
        ended = subprocess.run(
            [shutil.which("systemd") or "/lib/systemd/systemd", "--test", "--system", f"--unit={asked.name}"],
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "SYSTEMD_UNIT_PATH": ":".join([own, *folders])},
            **(AS_NOBODY if is_root else {}),
            timeout=LIMIT_S,
            check=False,
        )
    if ended.returncode and "No buffer space available" in ended.stderr:
        raise TooManyUnitsError(f"systemd does not take {len(list(names))} names at once")
    assert ended.returncode == 0, ended.stderr[-2000:]
    return _read_dump(ended.stdout.replace(prefix, "") if prefix else ended.stdout, asked.name)


def _read_dump(text: str, asked: str) -> Dump:
    dump = Dump()
    for block in re.split(r"^\t-> Unit ", text, flags=re.MULTILINE)[1:]:
        name, _, rest = block.partition(":\n")
        if name == asked:
            continue
        key = ""
        for line in rest.splitlines():
            if found := _RELATION.match(line):
                _add_relation(dump, name, found, asked)
            elif line.startswith("\t\tFragment Path: "):
                dump.fragments.add(name)
            elif line.startswith("\t\tUnit Load State: "):
                dump.states[name] = line.rpartition(" ")[2]
            elif line.startswith("\t\t-> Exec"):
                key = line.strip("\t->: ")
            elif line.startswith("\t\t\tCommand Line: "):
                dump.commands.setdefault((name, key), []).append(line.removeprefix("\t\t\tCommand Line: "))
    return dump


def _add_relation(dump: Dump, name: str, found: re.Match[str], asked: str) -> None:
    kind = KINDS.get(found[1])
    origins = {word for word in found[3].split() if word.startswith("origin-")}
    if kind and origins and found[2] != asked:
        # A service that names its sockets tells so itself, and the sockets trigger it.
        ends = (found[2], kind, name) if found[1] == "TriggeredBy" else (name, kind, found[2])
        dump.relations.setdefault(ends, set()).update(origins)


def to_relation(edge: Edge) -> Relation | None:
    """Return an edge between two units as a relation, None for other edges."""
    if not (edge.source.startswith("unit:") and edge.target.startswith("unit:")):
        return None
    return edge.source[5:], edge.kind, edge.target[5:]


def compare_relations(
    found: UnitMap, dump: Dump, own: Callable[[str], str] = str
) -> tuple[dict[str, list[Relation]], int]:
    """Return what is told otherwise, and how many relations were compared.

    `missing` stands in a file and is no edge; `invented` is an edge from a file and no relation from one;
    `implicit-missing` and `implicit-invented` are those that systemd, or the map, adds by itself to a unit that it
    loads. `own` gives the unit that an alias means.
    """
    ours: dict[Relation, set[str]] = {}
    for edge in found.edges:
        relation = to_relation(edge)
        if relation and relation[0] in dump.states:
            ours.setdefault(relation, set()).add(edge.rule)
    # None that systemd loads leads to a template.
    ours = {each: rules for each, rules in ours.items() if "@." not in each[2]}
    stated = {each for each, rules in ours.items() if not all(rule.startswith("implicit") for rule in rules)}
    # A mount of the kernel that no file speaks of.
    at_hand = {name for name in dump.states if name.endswith(".mount") and name != "-.mount"} - dump.fragments
    told: dict[Relation, set[str]] = {}
    known = {end for relation in ours for end in (relation[0], relation[2])}
    for (source, kind, target), origins in dump.relations.items():
        # systemd keeps an alias apart where it refuses the unit, and then takes names of templates by it.
        is_told = source in known - at_hand and (kind != "triggers" or target in known)
        if is_told and own(source) == source != own(target):
            told.setdefault((source, kind, own(target)), set()).update(origins)
    in_files = {each for each, origins in told.items() if "origin-file" in origins}
    theirs = {each for each, origins in told.items() if not origins <= set(OF_THIS_MOMENT)}
    # Which service a socket starts is written down with Service=, and yet systemd calls it implicit.
    named = {each for each in stated if each[1] == "triggers" and ours[each] == {"Service"}}
    # Of a unit that it refuses, it forgets the slice.
    stated -= {each for each in stated if ours[each] == {"Slice"} and dump.states[each[0]] != "loaded"}
    differences = {
        "missing": sorted(in_files - ours.keys()),
        "invented": sorted(stated - in_files - (named & theirs)),
        "implicit-missing": sorted(each for each in theirs - in_files - ours.keys() if _is_of_files(dump, each)),
        "implicit-invented": sorted(each for each in ours.keys() - stated - theirs if _is_of_files(dump, each)),
    }
    return differences, len(in_files | stated | theirs)


def _is_of_files(dump: Dump, relation: Relation) -> bool:
    """Return whether a relation hangs on files alone, and not on the order in which systemd came across them."""
    source, kind, target = relation
    # Of two units that pull each other in, either may come to be ordered behind the other.
    either = {(target, each, source) for each in ("wants", "requires", "bindsto", "after")}
    if source.endswith(".target") and (either | {(source, "partof", target)}) & dump.relations.keys():
        return False
    # In a container, systemd does nothing for swap.
    if dump.states.get(source) != "loaded" or (source.endswith(".swap") and kind == "before"):
        return False
    return not target.endswith(".device") and not target.startswith("blockdev@")


def compare_commands(found: UnitMap, dump: Dump) -> tuple[list[tuple[str, str, list[str], list[str]]], int]:
    """Return unit, key, our lines and theirs where these differ, and how many lines were compared."""
    known = {edge.source[5:] for edge in found.edges if edge.source.startswith("unit:")}
    ours: dict[tuple[str, str], list[str]] = {}
    for command in found.commands:
        if command.unit in dump.states:
            line = " ".join(map(print_word, command.argv))
            ours.setdefault((command.unit, command.key), []).append(line)
    keys = [key for key in ours.keys() | dump.commands.keys() if dump.states[key[0]] == "loaded" and key[0] in known]
    differing = [
        (*key, ours.get(key, []), dump.commands.get(key, []))
        for key in sorted(keys)
        if ours.get(key, []) != dump.commands.get(key, [])
    ]
    return differing, sum(len(dump.commands.get(key, [])) for key in keys)


def print_word(word: str) -> str:
    """Return a word as systemd prints it in a command line (shell_maybe_quote)."""
    if not word or re.search(r"""[\x01-\x20\x7f"\\`$*?\['()<>|&;!\udc80-\udcff]""", word):
        return '"' + _ESCAPED.sub(_escape, word) + '"'
    return word


def _escape(found: re.Match[str]) -> str:
    here = found[0]
    if here in '\\"`$':
        return f"\\{here}"
    return f"\\{_NAMED[here]}" if here in _NAMED else f"\\{ord(here):03o}"


def hold_against_systemd(root: str) -> tuple[dict[str, object], int, int]:
    """Return what the map of a machine tells otherwise than systemd, and how many relations and command lines agree."""
    files = find_unit_files(root)
    found = map_units(root, files)
    # What systemd reads an alias by is its own affair; the units of other names are asked for by these names.
    names = {name for name in files.places if "@." not in name}
    ends = {end for edge in found.edges if (relation := to_relation(edge)) for end in (relation[0], relation[2])}
    names |= {name for name in ends if "@" in name and "@." not in name}
    prefix = "" if root == "/" else root
    dump = dump_units([prefix + folder for folder in FOLDERS], sorted(names), prefix)
    relations, related = compare_relations(found, dump, lambda name: (find_fragment(files, name) or (name,))[0])
    commands, commanded = compare_commands(found, dump)
    told: dict[str, object] = {kind: several for kind, several in relations.items() if several}
    return {**told, **({"commands": commands} if commands else {})}, related, commanded
