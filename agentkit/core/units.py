"""What do systemd's unit files of a machine say?"""

from dataclasses import dataclass

from agentkit.core.unitfiles import (
    UnitFiles,
    find_drop_ins,
    find_fragment,
    find_names,
    find_unit_files,
    find_wanted,
    is_masking,
    read_bytes,
)
from agentkit.core.unittext import Setting, expand, parse_unit_text

# Lists that an empty assignment does not take back (systemd.unit(5): "dependencies cannot be reset").
DEPENDENCIES = frozenset(
    {
        *("Wants", "Requires", "Requisite", "BindsTo", "PartOf", "Upholds", "Conflicts", "Before", "After"),
        *("OnFailure", "OnSuccess", "PropagatesReloadTo", "ReloadPropagatedFrom", "PropagatesStopTo"),
        *("StopPropagatedFrom", "JoinsNamespaceOf"),
    }
)
TIMERS = "timers.target"


@dataclass(frozen=True)
class Unit:
    """A unit as its files have it.

    `name` is its own name, not an alias; `file` its fragment and `files` all that was read, as seen from inside the
    root folder; `settings` all assignments in order; `unreadable` files that could not be read or end in nonsense,
    each with the reason. A masked unit has no settings.
    """

    name: str
    file: str
    files: tuple[str, ...]
    settings: tuple[Setting, ...]
    is_masked: bool
    unreadable: tuple[tuple[str, str], ...]

    def get(self, section: str, key: str) -> str | None:
        """Return the last value of a setting, its specifiers filled in; None where it is not set, or taken back."""
        values = self.get_all(section, key)
        return values[-1] if values else None

    def get_all(self, section: str, key: str) -> tuple[str, ...]:
        """Return the values of a setting in order, without those that an empty assignment took back."""
        values: list[str] = []
        for setting in self.settings:
            if setting.section == section and setting.key == key:
                if setting.value:
                    values.append(expand(setting.value, self.name))
                elif key not in DEPENDENCIES:
                    values.clear()
        return tuple(values)

    def get_names(self, section: str, key: str) -> tuple[str, ...]:
        """Return the words of a list of names such as `OnFailure=`, in order."""
        return tuple(dict.fromkeys(word for value in self.get_all(section, key) for word in value.split()))


def read_unit(root: str, name: str, files: UnitFiles | None = None) -> Unit | None:
    """Return what systemd's system manager would read of a unit; None where it has no file.

    `files` spares the look into all folders when many units are read (find_unit_files). The format is that of
    systemd.unit(5) and systemd.syntax(7). Never raises on what the files hold.
    """
    files = files or find_unit_files(root)
    found = find_fragment(files, name)
    if found is None:
        return None
    name, fragment = found
    if is_masking(root, fragment):
        return Unit(name, fragment, (fragment,), (), True, ())
    return _read_files(root, name, fragment, (fragment, *find_drop_ins(files, find_names(files, name))))


def read_drop_ins(files: UnitFiles, name: str) -> Unit:
    """Return what the drop-ins alone say of a unit, as systemd reads them of one that is masked or needs no file."""
    return _read_files(files.root, name, "", tuple(find_drop_ins(files, find_names(files, name))))


def _read_files(root: str, name: str, fragment: str, places: tuple[str, ...]) -> Unit:
    settings: list[Setting] = []
    paths: list[str] = []
    unreadable: list[tuple[str, str]] = []
    for path in places:
        if path != fragment and is_masking(root, path):
            continue
        try:
            content = read_bytes(root, path)
        except (OSError, ValueError) as error:
            unreadable.append((path, getattr(error, "strerror", None) or str(error)))
            continue
        paths.append(path)
        part, trouble = parse_unit_text(content, path)
        settings.extend(part)
        if trouble:
            unreadable.append((path, trouble))
    return Unit(name, fragment, tuple(paths), tuple(settings), False, tuple(unreadable))


def list_enabled_timers(root: str = "/", files: UnitFiles | None = None) -> list[str]:
    """Return the names of the timers that a link in a `.wants/` or `.requires/` folder, or timers.target, pulls in.

    A name without a file is among them: its link is left over.
    """
    files = files or find_unit_files(root)
    names = {name for names in find_wanted(files).values() for name in names}
    target = read_unit(root, TIMERS, files)
    for key in ("Wants", "Requires", "BindsTo", "Upholds"):
        names.update(target.get_names("Unit", key) if target else ())
    timers = [name for name in names if name.endswith(".timer")]
    return sorted({(find_fragment(files, name) or (name,))[0] for name in timers})
