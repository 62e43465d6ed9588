"""Is a file a program of Python, is it a part of what is installed beside it, which package is it in,
and which file does `python -m` run?"""

from __future__ import annotations

import os
import re

from agentkit.depmap.disk import Disk, is_text

INTERPRETER = re.compile(r"(?:pypy|python)[0-9.]*\Z")
INSTALLED = re.compile(r"/(?:site|dist)-packages/|/lib/python[0-9][^/]*/")


def is_python(head: bytes, path: str) -> bool:
    """Tell whether a file is a text of Python: by its first line, else by its name."""
    if not is_text(head):
        return False
    if head.startswith(b"#!"):
        words = [os.path.basename(word).decode(errors="replace") for word in head[2:].split(b"\n", 1)[0].split()]
        if words[:1] == ["env"]:
            words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        if words and INTERPRETER.match(words[0]):
            return True
    return path.endswith(".py")


def is_installed(path: str) -> bool:
    """Tell whether a file belongs to what is installed beside Python: it is named, and not read."""
    return INSTALLED.search(path) is not None


def find_package(path: str, disk: Disk) -> str | None:
    """Return the folder of the outermost package that a file is in; None where it is in none."""
    folder, found = os.path.dirname(path), None
    while "__init__.py" in disk.list_folder(folder) and os.path.basename(folder).isidentifier():
        found = folder
        folder = os.path.dirname(folder)
    return found


def find_module_file(words: tuple[str, ...], folder: str | None, disk: Disk) -> str | None:
    """Return the file that `python -m MODULE` runs in a folder; None where it is none of that folder."""
    if folder is None or "-m" not in words or not INTERPRETER.match(os.path.basename(words[0])):
        return None
    at = words.index("-m")
    # Behind a program of its own, `-m` is a word of that.
    if not all(word.startswith("-") for word in words[1:at]) or at + 1 >= len(words):
        return None
    name = words[at + 1]
    base = os.path.join(folder, *name.split("."))
    for path in (f"{base}.py", f"{base}/__main__.py"):
        if name.replace(".", "").isidentifier() and disk.is_file(path):
            return disk.real_or_same(path)
    return None
