"""Which files make up a systemd unit: its fragment, its other names, its drop-ins, and what wants it?

As systemd.unit(5) has it (UNIT FILE LOAD PATH, drop-ins, aliases); paths are those inside the root folder.
"""

import os
import re
import stat
from dataclasses import dataclass, field
from functools import lru_cache

from agentkit.core.plainfiles import open_plain
from agentkit.core.rooted import resolve

# Of the system manager, the first one wins (systemd-analyze unit-paths).
FOLDERS = (
    *("/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient"),
    *("/run/systemd/generator.early", "/etc/systemd/system", "/etc/systemd/system.attached", "/run/systemd/system"),
    *("/run/systemd/system.attached", "/run/systemd/generator", "/usr/local/lib/systemd/system"),
    *("/lib/systemd/system", "/usr/lib/systemd/system", "/run/systemd/generator.late"),
)
TYPES = "service|socket|target|device|mount|automount|swap|timer|path|slice|scope"
# Folders beside a unit's file: drop-ins, and links to what the unit pulls in (.upholds since systemd 254).
EXTRAS = (".d", ".wants", ".requires", ".upholds")
# Types whose units may have other names, and those that may be templates.
HAVE_ALIASES = frozenset({"service", "socket", "target", "device", "timer", "path"})
HAVE_INSTANCES = HAVE_ALIASES - {"device"}
NULL = "/dev/null"
MOST_BYTES = 4 * 1024 * 1024
# As often as systemd follows a name to another one.
MOST_ALIASES = 8
_NAME = re.compile(rf"(?P<prefix>[\w:.\\-]+)(?P<at>@(?P<instance>[\w:.\\@-]*))?\.(?P<type>{TYPES})", re.ASCII)


@dataclass(frozen=True)
class UnitFiles:
    """What stands in the folders of a machine's units.

    `places` are paths of files by name; `aliases` names by name; `extras` the folders `NAME.d`, `NAME.wants` and such
    by their last part, first one first; `unreadable` the folders we may not look into, each with the reason. What else
    is found on the way is kept: `listings` of folders, `names` that stand for another unit by that unit's own name.
    """

    root: str
    places: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    extras: dict[str, list[str]] = field(default_factory=dict)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    listings: dict[str, list[tuple[str, bool, bool]]] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)


def find_unit_files(root: str = "/") -> UnitFiles:
    """Return all files of units of the machine with this root folder; never raises on what is there."""
    files = UnitFiles(root)
    seen: set[str] = set()
    for folder in FOLDERS:
        for name, is_link, is_folder in _list(files, folder, seen):
            if is_folder:
                if name.endswith(EXTRAS):
                    files.extras.setdefault(name, []).append(f"{folder}/{name}")
                continue
            if not _NAME.fullmatch(name) or name in files.places or name in files.aliases:
                continue
            alias = _read_alias(root, folder, name) if is_link else None
            if alias is None:
                files.places[name] = f"{folder}/{name}"
            elif alias != name and _may_alias(name, alias):
                files.aliases[name] = alias
    return files


def find_fragment(files: UnitFiles, name: str) -> tuple[str, str] | None:
    """Return the own name of a unit and the path of its file; None for none, or for names in circles."""
    parts = _NAME.fullmatch(name)
    if not parts:
        return None
    for _ in range(MOST_ALIASES):
        if name in files.places:
            return name, files.places[name]
        if name in files.aliases:
            name = files.aliases[name]
            continue
        template = to_template(name)
        if template == name:
            return None
        if template in files.places:
            return name, files.places[template]
        if template not in files.aliases:
            return None
        name = to_instance(files.aliases[template], name)
    return None


def find_names(files: UnitFiles, name: str) -> list[str]:
    """Return all names of the unit with this own name, its own first."""
    if files.aliases and not files.names:
        for alias in files.aliases:
            own = find_fragment(files, alias)
            files.names.setdefault(own[0] if own else "", []).append(alias)
            if "@." in alias:
                files.names.setdefault("@", []).append(alias)
    found = [name, *files.names.get(name, ())]
    # The alias of a template lends a name to each of its instances.
    for alias in files.names.get("@", ()):
        other = to_instance(alias, name)
        if other not in found and (own := find_fragment(files, other)) and own[0] == name:
            found.append(other)
    return found


def find_drop_ins(files: UnitFiles, names: list[str]) -> list[str]:
    """Return the paths of the drop-ins of a unit in the order in which they are read."""
    found = find_extras(files, names, ".d")
    return [found[entry] for entry in sorted(found) if entry.endswith(".conf")]


def _may_alias(name: str, alias: str) -> bool:
    """Return whether systemd takes a link for another name of this unit, and does not pass it over."""
    here, there = _NAME.fullmatch(name), _NAME.fullmatch(alias)
    if not here or not there or here["type"] != there["type"] or here["type"] not in HAVE_ALIASES:
        return False
    # A template's name means a template, and a plain one a plain unit.
    return bool(here["instance"]) or here["instance"] == there["instance"]


def find_extras(files: UnitFiles, names: list[str], suffix: str) -> dict[str, str]:
    """Return what lies in a unit's folders of one kind (see EXTRAS): paths by name, of two the one that counts."""
    folders: list[str] = []
    for name in names:
        # All of /etc comes before all of /lib, and the closer name first within each.
        wanted = [path for stem in _find_stems(name) for path in files.extras.get(f"{stem}{suffix}", ())]
        folders.extend(sorted(wanted, key=_rank_parent) if len(wanted) > 1 else wanted)
    folders.extend(files.extras.get(f"{names[0].rpartition('.')[2]}{suffix}", ()))
    found: dict[str, str] = {}
    for folder in folders:
        for entry, _, is_folder in list_folder(files, folder):
            if not entry.startswith(".") and not is_folder:
                found.setdefault(entry, f"{folder}/{entry}")
    return found


def find_wanted(files: UnitFiles) -> dict[str, set[str]]:
    """Return the names that links in `.wants/` and `.requires/` folders pull in, by the name of the unit that does."""
    wanted: dict[str, set[str]] = {}
    for extra, folders in files.extras.items():
        unit, _, kind = extra.rpartition(".")
        if kind == "d":
            continue
        seen: set[str] = set()
        for folder in folders:
            for name, is_link, _ in list_folder(files, folder):
                if name in seen or not _NAME.fullmatch(name) or "@." in name:
                    continue
                seen.add(name)
                # A link to a masked unit stays: that the unit never runs is news.
                if is_link and read_link(files.root, f"{folder}/{name}") != NULL:
                    wanted.setdefault(unit, set()).add(name)
    return wanted


def is_masking(root: str, path: str) -> bool:
    """Return whether a file is empty or a link to /dev/null, which hides what lies below; False where it is missing."""
    try:
        here = resolve(root, path)
        # Another machine's /dev may be empty.
        if here == resolve(root, NULL):
            return True
        status = os.stat(here)
    except OSError:
        return False
    return stat.S_ISCHR(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_size == 0)


def read_bytes(root: str, path: str) -> bytes:
    """Return what a plain file holds; raises OSError where it cannot be read, is none, or is larger than 4 MiB."""
    with open_plain(resolve(root, path)) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(f"larger than {MOST_BYTES // 2**20} MiB")
    return content


def is_unit_name(name: str) -> bool:
    """Return whether this may be the name of a unit that can be started: no template, at most 255 characters."""
    parts = _NAME.fullmatch(name) if len(name) < 256 and "@." not in name else None
    return parts is not None and (parts["instance"] is None or parts["type"] in HAVE_INSTANCES)


def to_template(name: str) -> str:
    """Return `foo@.timer` for `foo@bar.timer`; a name without an instance stays as it is."""
    parts = _NAME.fullmatch(name)
    return f"{parts['prefix']}@.{parts['type']}" if parts and parts["at"] else name


def to_instance(template: str, name: str) -> str:
    """Return a template's name with the instance that another name has; what is no template stays as it is."""
    parts = _NAME.fullmatch(name)
    if "@." not in template or not parts or not parts["instance"]:
        return template
    return template.replace("@.", f"@{parts['instance']}.", 1)


def split_name(name: str) -> tuple[str, str | None, str]:
    """Return prefix, instance (None for none) and type of a unit's name; raises ValueError for what is no such name."""
    parts = _NAME.fullmatch(name)
    if not parts:
        raise ValueError(f"{name!r} is no name of a unit")
    return parts["prefix"], parts["instance"], parts["type"]


def list_folder(files: UnitFiles, folder: str) -> list[tuple[str, bool, bool]]:
    """Return name, is link, and is folder of all in there, in order; looked at once only."""
    if folder not in files.listings:
        files.listings[folder] = _list(files, folder, set())
    return files.listings[folder]


def _list(files: UnitFiles, folder: str, seen: set[str]) -> list[tuple[str, bool, bool]]:
    """Return name, is link, and is folder of each plain file, link or folder in there, in order."""
    try:
        here = os.path.realpath(resolve(files.root, folder))
        if here in seen:
            return []
        seen.add(here)
        with os.scandir(here) as entries:
            found = [(entry.name, entry.is_symlink(), _is_folder(files.root, folder, entry)) for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        files.unreadable.append((folder, error.strerror or str(error)))
        return []
    return sorted(found)


def _is_folder(root: str, folder: str, entry: os.DirEntry[str]) -> bool:
    if not entry.is_symlink():
        return entry.is_dir()
    try:
        return os.path.isdir(resolve(root, f"{folder}/{entry.name}"))
    except OSError:
        return False


def _read_alias(root: str, folder: str, name: str) -> str | None:
    """Return the name of the unit that a link stands for; None where it leads out of the folders of units."""
    target = read_link(root, f"{folder}/{name}")
    path = os.path.normpath(os.path.join(folder, target)) if target else ""
    return os.path.basename(path) if os.path.dirname(path) in FOLDERS else None


def read_link(root: str, path: str) -> str | None:
    """Return where a link leads, as written; None for what is no link or cannot be read."""
    try:
        return os.readlink(resolve(root, path, follow_last=False))
    except OSError:
        return None


@lru_cache(4096)
def _find_stems(name: str) -> tuple[str, ...]:
    """Return the names whose `.d` folders hold for a unit: its own, its template's, and both cut behind each dash."""
    prefix, instance, kind = split_name(name)
    stems = [name]
    if instance:
        stems.extend(_find_stems(to_template(name)))
    cut = prefix.rstrip("-").rfind("-") + 1
    # What is cut from a template is no template any more: so systemd does it.
    if cut > 0:
        stems.extend(_find_stems(f"{prefix[:cut]}{'@' + instance if instance else ''}.{kind}"))
    return tuple(stems)


def _rank_parent(path: str) -> int:
    return FOLDERS.index(os.path.dirname(path))
