"""Which units of a machine lean on which others, and what do they run, read and listen at?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from agentkit.core.unitfiles import (
    FOLDERS,
    UnitFiles,
    find_extras,
    find_fragment,
    find_names,
    find_unit_files,
    is_masking,
    is_unit_name,
    read_link,
)
from agentkit.core.units import Unit, read_drop_ins, read_unit
from agentkit.depmap.edge import Edge
from agentkit.depmap.unitcommands import Programs, UnitCommand, add_commands
from agentkit.depmap.unitdraft import Draft, is_name
from agentkit.depmap.unitexec import RefusedError
from agentkit.depmap.unitimplicit import DEFAULT, PERPETUAL, add_implicit, has_defaults
from agentkit.depmap.unitlimits import UnitLimits, find_limits
from agentkit.depmap.unitmounts import relate_to_mounts
from agentkit.depmap.unitrefusals import find_refusal
from agentkit.depmap.unitresources import add_resources
from agentkit.depmap.unitsettings import take_setting
from agentkit.depmap.unitspecifiers import Machine, make_filler, read_machine

# Where templates name each other with ever longer instances, there is no end.
MOST_UNITS = 20_000
LINKS = (
    (".wants", "wants", "wants-link"),
    (".requires", "requires", "requires-link"),
    (".upholds", "wants", "upholds-link"),
)
# These need no file.
FILELESS = ("slice", "device")
_PULLS = frozenset({"requires", "wants", "bindsto"})


@dataclass(frozen=True)
class UnitMap:
    """The units of a machine.

    `limits` are those of the units that run programs and that systemd takes; `inputs` the files and folders that were
    looked at, whether or not they are there; `troubles` paths and what is wrong there. All paths are those inside the
    root folder.
    """

    edges: tuple[Edge, ...]
    commands: tuple[UnitCommand, ...]
    inputs: tuple[str, ...]
    troubles: tuple[tuple[str, str], ...]
    limits: tuple[UnitLimits, ...] = ()


def map_units(root: str, files: UnitFiles | None = None) -> UnitMap:
    """Return the map of all units that have a file on the machine with this root folder, and of each named instance.

    Templates stand for themselves; an alias is the unit that it means. Never raises on what the files hold.
    """
    files = files or find_unit_files(root)
    machine = read_machine(root)
    programs = Programs(root)
    owns: dict[str, str] = {}

    def own(name: str) -> str:
        if name not in owns:
            found = find_fragment(files, name)
            owns[name] = found[0] if found else name
        return owns[name]

    inputs: dict[str, None] = dict.fromkeys((*FOLDERS, *machine.inputs))
    troubles: list[tuple[str, str]] = list(files.unreadable)
    drafts: dict[str, Draft] = {}
    commands: list[UnitCommand] = []
    limits: list[UnitLimits] = []
    todo = [*PERPETUAL, *files.places, *_find_fileless(files)]
    while todo:
        name = own(todo.pop())
        if name in drafts:
            continue
        if len(drafts) >= MOST_UNITS:
            troubles.append(("", f"more than {MOST_UNITS} units: their templates name each other without end"))
            break
        draft = _read_draft(files, machine, name, own, inputs)
        if draft is None:
            continue
        drafts[name] = draft
        if draft.is_loaded:
            add_implicit(draft)
            add_resources(draft)
            commands.extend(add_commands(draft, programs))
            if why := find_refusal(draft):
                draft.is_refused = True
                draft.troubles.append((draft.file, f"systemd refuses {name}: {why}"))
            elif found := find_limits(draft):
                limits.append(found)
        todo.extend(_find_more(files, draft))
    mounts = {name for name, draft in drafts.items() if draft.kind == "mount" and draft.is_sound and draft.file}
    for draft in drafts.values():
        if draft.is_sound:
            relate_to_mounts(draft, mounts)
        troubles.extend(draft.troubles)
    _order_targets(drafts)
    edges = [edge for draft in drafts.values() for edge in draft.edges]
    inputs.update(dict.fromkeys((*programs.variables, *(path for path in programs.paths if path.startswith("/")))))
    inputs.update(dict.fromkeys(files.listings))
    return UnitMap(tuple(edges), tuple(commands), tuple(inputs), tuple(dict.fromkeys(troubles)), tuple(limits))


def _find_fileless(files: UnitFiles) -> Iterable[str]:
    """Return the names of slices and devices that have no file, but drop-ins or links."""
    for extra in files.extras:
        name = extra.rpartition(".")[0]
        # What ends with a dash is no name, but the beginning of several.
        if name.endswith(FILELESS) and is_unit_name(name) and not name.rpartition(".")[0].endswith("-"):
            yield name


def _find_more(files: UnitFiles, draft: Draft) -> Iterable[str]:
    """Return the units that this one names and that have no file of their own: instances and slices."""
    for edge in draft.edges:
        name = edge.target[5:] if edge.target.startswith("unit:") else ""
        if name and name not in files.places and ("@" in name or name.endswith(".slice")):
            yield name


def _read_draft(
    files: UnitFiles, machine: Machine, name: str, own: Callable[[str], str], inputs: dict[str, None]
) -> Draft | None:
    unit = read_unit(files.root, name, files)
    is_loaded = unit is not None and not unit.is_masked
    if unit is None or unit.is_masked:
        if unit is None and not name.endswith(FILELESS) and name not in PERPETUAL:
            return None
        if unit:
            inputs[unit.file] = None
        is_loaded = unit is None or name in PERPETUAL
        unit = read_drop_ins(files, name)
    is_template = "@." in name
    fill = make_filler(machine, name, unit.file)
    draft = Draft(name, unit.file, fill, fill, own)
    draft.kind = name.rpartition(".")[2]
    draft.is_template = is_template
    if is_template:
        draft.fill_name = lambda word: fill(word.replace("%i", "").replace("%I", ""))
    inputs.update(dict.fromkeys(filter(None, (unit.file, *unit.files))))
    draft.troubles.extend(unit.unreadable)
    draft.is_loaded = is_loaded
    is_read = _take_settings(draft, unit)
    if is_read:
        _add_links(files, draft)
    # What systemd adds to a mount or a swap, it adds even where it could not read it to the end.
    draft.is_loaded = is_loaded and (is_read or draft.kind in ("mount", "swap"))
    draft.is_refused = not is_read
    return draft


def _take_settings(draft: Draft, unit: Unit) -> bool:
    """Take the settings as far as systemd reads them: trouble in the fragment ends all, in a drop-in that one.

    Return whether the fragment is without such trouble.
    """
    broken = {path for path, _ in unit.unreadable}
    ended = ""
    for setting in unit.settings:
        if setting.file != unit.file and unit.file in broken:
            break
        if setting.file == ended:
            continue
        try:
            take_setting(draft, setting)
        except RefusedError:
            ended = setting.file
            if ended == unit.file:
                broken.add(ended)
    return unit.file not in broken


def _add_links(files: UnitFiles, draft: Draft) -> None:
    """Add what links in the unit's folders pull in; a link to /dev/null hides one of the same name."""
    names = find_names(files, draft.name)
    for suffix, kind, rule in LINKS:
        for entry, path in find_extras(files, names, suffix).items():
            if not is_name(entry) or not read_link(files.root, path) or is_masking(files.root, path):
                continue
            if draft.relate(kind, entry, None, rule):
                draft.edges[-1] = replace(draft.edges[-1], file=path)


def _order_targets(drafts: dict[str, Draft]) -> None:
    """Order targets behind all that they pull in, unless the other way round is written down (systemd.target(5))."""
    earlier: set[tuple[str, str]] = set()
    for draft in drafts.values():
        for edge in draft.edges:
            if edge.kind == "before":
                earlier.add((edge.source, edge.target))
            elif edge.kind == "after":
                earlier.add((edge.target, edge.source))
    for draft in drafts.values():
        if draft.kind != "target" or not draft.is_sound or not has_defaults(draft):
            continue
        for edge in list(draft.edges):
            other = drafts.get(edge.target[5:]) if edge.kind in _PULLS and edge.target.startswith("unit:") else None
            if other is None or not other.is_sound or not has_defaults(other):
                continue
            if (edge.source, edge.target) not in earlier:
                draft.add("after", edge.target, None, DEFAULT)
                earlier.add((edge.target, edge.source))
