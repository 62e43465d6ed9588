"""What does systemd itself make of the units of a machine: relations with their origins, and command lines?"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agentkit.depmap.edge import Edge
from agentkit.depmap.unitmap import UnitMap
from tests.machines import LIMIT_S, NOBODY

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


def dump_units(folders: Sequence[str], names: Iterable[str], prefix: str = "") -> Dump:
    """Return what the system manager loads for these names from these folders; `prefix` is taken off of paths."""
    with tempfile.TemporaryDirectory(prefix="agentkit-asked-") as own:
        Path(own).chmod(0o755)
        asked = Path(own) / "asked-for-the-dump.target"
        asked.write_text(f"[Unit]\nDefaultDependencies=no\nWants={' '.join(names)}\n")
        is_root = os.geteuid() == 0
        ended = subprocess.run(
            [shutil.which("systemd") or "/lib/systemd/systemd", "--test", "--system", f"--unit={asked.name}"],
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "SYSTEMD_UNIT_PATH": ":".join([own, *folders])},
            user=NOBODY if is_root else None,
            group=NOBODY if is_root else None,
            extra_groups=[] if is_root else None,
            timeout=LIMIT_S,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr
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


def compare_relations(found: UnitMap, dump: Dump) -> tuple[dict[str, list[Relation]], int]:
    """Return what is told otherwise, and how many relations were compared.

    `missing` stands in a file and is no edge; `invented` is an edge from a file and no relation from one;
    `implicit-missing` and `implicit-invented` are those that systemd, or the map, adds by itself.
    """
    ours: dict[Relation, set[str]] = {}
    for edge in found.edges:
        relation = to_relation(edge)
        if relation and relation[0] in dump.states:
            ours.setdefault(relation, set()).add(edge.rule)
    stated = {each for each, rules in ours.items() if not all(rule.startswith("implicit") for rule in rules)}
    # A mount of the kernel that no file speaks of.
    at_hand = {name for name in dump.states if name.endswith(".mount") and name != "-.mount"} - dump.fragments
    dump.relations = {each: origins for each, origins in dump.relations.items() if each[0] not in at_hand}
    in_files = {each for each, origins in dump.relations.items() if "origin-file" in origins}
    theirs = {each for each, origins in dump.relations.items() if not origins <= set(OF_THIS_MOMENT)}
    # Which service a socket starts is written down with Service=, and yet systemd calls it implicit.
    named = {each for each in stated if each[1] == "triggers" and ours[each] == {"Service"}}
    differences = {
        "missing": sorted(in_files - ours.keys()),
        "invented": sorted(stated - in_files - (named & theirs)),
        "implicit-missing": sorted(each for each in theirs - in_files - ours.keys() if _is_of_files(each)),
        "implicit-invented": sorted(each for each in ours.keys() - stated - theirs if _is_of_files(each)),
    }
    return differences, len(in_files | stated | theirs)


def _is_of_files(relation: Relation) -> bool:
    return not relation[2].endswith(".device") and not relation[2].startswith("blockdev@")


def compare_commands(found: UnitMap, dump: Dump) -> tuple[list[tuple[str, str, list[str], list[str]]], int]:
    """Return unit, key, our lines and theirs where these differ, and how many lines were compared."""
    ours: dict[tuple[str, str], list[str]] = {}
    for command in found.commands:
        if command.unit in dump.states:
            line = " ".join(map(print_word, command.argv))
            ours.setdefault((command.unit, command.key), []).append(line)
    keys = [key for key in ours.keys() | dump.commands.keys() if dump.states[key[0]] in ("loaded", "bad-setting")]
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
