"""What do the small commands print that scripts find their own files with, such as `dirname "$0"`?

Nothing is run: only commands whose output follows from their words are known.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from agentkit.depmap.calls import HOLE

FORMAT = re.compile(r"%[-+ #0-9.*]*[A-Za-z%]|\\.|[^%\\]+|[%\\]", re.DOTALL)
SIMPLE_FORMATS = frozenset({"%s", "%b", "%q", "%d", "%i", "%u"})
ESCAPED = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'", "a": "\a", "r": "\r"}
LONGEST = 65_536
ASKS_FOR_PATH = {"command": ("-v",), "type": ("-p", "-P"), "which": ()}


def find_output(words: tuple[str, ...], folder: str | None, resolve: Callable[[str], str]) -> str:
    """Return what a command prints, without its last newline; HOLE where only a running shell can know.

    `resolve` gives the path behind links, as `readlink -f` prints it.
    """
    name, *rest = words
    name = os.path.basename(name)
    if name == "pwd":
        return HOLE if folder is None else folder
    if name == "echo":
        return HOLE if rest[:1] in (["-e"], ["-ne"]) else " ".join(rest[1:] if rest[:1] == ["-n"] else rest)
    if name == "printf":
        return _print(rest)
    if name in ASKS_FOR_PATH:
        options = ASKS_FOR_PATH[name]
        asked = [word for word in rest if not word.startswith("-")]
        return asked[0] if len(asked) == 1 and (not options or rest[0] in options) else HOLE
    operands = [word for word in rest if not word.startswith("-")]
    if name == "dirname" and len(operands) == 1:
        return _find_folder(operands[0])
    if name == "basename" and operands and rest[:1] == operands[:1]:
        return _find_last(operands)
    if name in ("readlink", "realpath", "greadlink") and len(operands) == 1:
        return _find_real(name, operands[0], rest, folder, resolve)
    return HOLE


def _print(rest: list[str]) -> str:
    """Return what printf prints: its format is gone through until no argument is left (POSIX.1-2017, printf)."""
    if rest[:1] == ["--"]:
        rest = rest[1:]
    if not rest or HOLE in rest[0]:
        return HOLE
    pieces = FORMAT.findall(rest[0])
    left, told = rest[1:], ""
    while True:
        before = len(left)
        for piece in pieces:
            if piece in SIMPLE_FORMATS:
                told += left.pop(0) if left else ""
            elif piece[0] == "%" and piece != "%%":
                return HOLE
            elif piece[0] == "\\" and len(piece) > 1:
                if piece[1] not in ESCAPED:
                    return HOLE
                told += ESCAPED[piece[1]]
            else:
                told += "%" if piece == "%%" else piece
        if not left or len(left) == before or len(told) > LONGEST:
            return told.removesuffix("\n") if len(told) <= LONGEST else HOLE


def _find_folder(path: str) -> str:
    if path.endswith(HOLE):
        return path.rpartition("/")[0] or HOLE if "/" in path and path.rpartition("/")[2] == HOLE else HOLE
    stripped = path.rstrip("/") or "/"
    return os.path.dirname(stripped).rstrip("/") or ("/" if stripped.startswith("/") else ".")


def _find_last(operands: list[str]) -> str:
    last = os.path.basename(operands[0].rstrip("/")) or "/"
    if HOLE in last:
        return HOLE
    suffix = operands[1] if len(operands) == 2 else ""
    return last[: -len(suffix)] if suffix and last.endswith(suffix) and last != suffix else last


def _find_real(name: str, path: str, rest: list[str], folder: str | None, resolve: Callable[[str], str]) -> str:
    if HOLE in path or (not path.startswith("/") and folder is None):
        return HOLE
    whole = os.path.normpath(os.path.join(folder or "/", path))
    if name == "realpath" and ("-s" in rest or "--no-symlinks" in rest):
        return whole
    if name == "readlink" and not any(word.startswith("-") and set(word) & set("fem") for word in rest):
        return HOLE
    return resolve(whole)
