"""Which folders does a program need to be run: those of PATH, its own, and those of what interprets it?"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping

BINARIES = ("bin", "sbin")
BESIDE = ("bin", "lib", "lib64", "libexec")
# A version manager's folder of small scripts, which look for the rest beside it.
SHIMS = "shims"
LONGEST_FIRST_LINE = 4096
MOST_INTERPRETERS = 4


def find_program(name: str, environ: Mapping[str, str]) -> str | None:
    """Return the file that is run by that name, None where PATH has none; a relative path is one in the copy."""
    if "/" in name:
        return name if not name.startswith("/") or (os.access(name, os.X_OK) and os.path.isfile(name)) else None
    return shutil.which(name, path=environ.get("PATH", os.defpath))


def find_program_folders(program: str, environ: Mapping[str, str]) -> list[str]:
    """Return the folders and files that are seen so that a program, those of PATH, and Python can be run."""
    found = [sys.prefix, sys.base_prefix]
    for folder in environ.get("PATH", os.defpath).split(":"):
        if folder.startswith("/"):
            found += [folder, *_find_beside(folder)]
    for file in _follow_interpreters(program, environ):
        real = os.path.realpath(file)
        found += [file, real, *_find_beside(os.path.dirname(real)), *_find_environment(file)]
    return list(dict.fromkeys(found))


def _find_beside(folder: str) -> list[str]:
    """Return the folders that belong to one of programs."""
    around, name = os.path.split(folder.rstrip("/"))
    if name == SHIMS and around.count("/") > 1:
        return [around]
    return [f"{around}/{one}" for one in BESIDE] if name in BINARIES and around.count("/") > 1 else []


def _find_environment(python: str) -> list[str]:
    """Return the virtual environment of an interpreter, and where the Python lies that it was made from."""
    around = os.path.dirname(os.path.dirname(python))
    try:
        with open(f"{around}/pyvenv.cfg", encoding="utf-8", errors="replace") as file:
            rows = [row.partition("=") for row in file]
    except OSError:
        return []
    homes = [value.strip() for name, _, value in rows if name.strip() == "home"]
    return [around, *homes, *(one for home in homes for one in _find_beside(os.path.realpath(home)))]


def _follow_interpreters(program: str, environ: Mapping[str, str]) -> list[str]:
    """Return a program, what interprets it, what interprets that."""
    found = [program]
    for _ in range(MOST_INTERPRETERS):
        words = _read_first_line(found[-1])
        if not words:
            break
        name = words[0]
        if os.path.basename(name) == "env":
            named = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
            name = (find_program(named[0], environ) if named else None) or name
        if not name.startswith("/") or name in found:
            break
        found.append(name)
    return found


def _read_first_line(path: str) -> list[str]:
    try:
        if not os.path.isfile(path):
            return []
        with open(path, "rb") as file:
            line = file.read(LONGEST_FIRST_LINE)
    except OSError:
        return []
    return os.fsdecode(line[2:].partition(b"\n")[0]).split() if line.startswith(b"#!") else []
