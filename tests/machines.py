"""A machine in a folder, and what systemd itself makes of its units."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.otherusers import AS_NOBODY

LIMIT_S = 120
FOLDERS = ("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "lib/systemd/system")
# What the units of a test lean on, so that systemd finds them together.
GROUND = ("sysinit", "basic", "shutdown", "timers", "time-sync", "time-set")


@dataclass(frozen=True)
class Loaded:
    """A unit as systemd's manager has loaded it: values by the names of its dump, and its commands."""

    values: dict[str, list[str]] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)

    def one(self, key: str) -> str | None:
        """Return the first value of this name."""
        return self.values.get(key, [None])[0]


def build_machine(root: Path, files: Mapping[str, str]) -> Path:
    """Make the files of a machine: texts by path; ` -> TARGET` makes a link. Bare names go to lib/systemd/system."""
    for name, text in files.items():
        path = root / (name if name.startswith(("etc/", "run/", "usr/", "lib/", "opt/")) else f"{FOLDERS[3]}/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith(" -> "):
            path.symlink_to(text.removeprefix(" -> "))
        else:
            path.write_text(text)
    return root


def ask_manager(root: Path, *names: str) -> dict[str, Loaded]:
    """Return these units as `systemd --test` loads them, without a running system; refuses nothing to a user."""
    folder = root / FOLDERS[3]
    folder.mkdir(parents=True, exist_ok=True)
    for name in GROUND:
        if not (folder / f"{name}.target").exists():
            (folder / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")
    (folder / "asked.target").write_text(f"[Unit]\nDefaultDependencies=no\nWants={' '.join(names)}\n")
    # It will not run as root, and nobody must be able to read what it asks for.
    is_root = os.geteuid() == 0
    for path in [root, *root.rglob("*")]:
        if is_root and not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    ended = subprocess.run(
        [shutil.which("systemd") or "/lib/systemd/systemd", "--test", "--system", "--unit=asked.target"],
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        env={
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "SYSTEMD_UNIT_PATH": ":".join(str(root / name) for name in FOLDERS),
        },
        **(AS_NOBODY if is_root else {}),
        timeout=LIMIT_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    loaded: dict[str, Loaded] = {}
    for block in re.split(r"^\t-> Unit ", ended.stdout, flags=re.MULTILINE)[1:]:
        head, _, rest = block.partition(":\n")
        unit = Loaded()
        for line in rest.splitlines():
            key, _, value = line.strip().partition(": ")
            value = re.sub(r" \((?:origin|destination)-.*\)$", "", value).replace(f"{root}/", "/")
            unit.values.setdefault(key, []).append(value)
            if key == "Command Line":
                unit.commands.append(value)
        for name in [head, *unit.values.get("Alias", [])]:
            loaded[name] = unit
    return {name: loaded[name] for name in names}
