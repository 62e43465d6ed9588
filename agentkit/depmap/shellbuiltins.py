"""Which commands are the shell's own, and what do some of them do to its state?"""

from __future__ import annotations

import os
from collections.abc import Callable

from agentkit.depmap.calls import HOLE
from agentkit.depmap.frames import Frame
from agentkit.depmap.values import UNKNOWN, Fields

# bash(1), SHELL BUILTIN COMMANDS, and those of dash(1), which is a part of these.
BUILTINS = frozenset(
    {
        *(":", ".", "[", "[[", "alias", "bg", "bind", "break", "builtin", "caller", "case", "cd", "chdir", "coproc"),
        *("command", "compgen", "complete", "compopt", "continue", "declare", "dirs", "disown", "echo", "enable"),
        "eval",
        *("exec", "exit", "export", "false", "fc", "fg", "function", "getopts", "hash", "help", "history", "jobs"),
        *("kill", "let", "local", "logout", "mapfile", "popd", "printf", "pushd", "pwd", "read", "readarray"),
        *("readonly", "return", "select", "set", "shift", "shopt", "source", "suspend", "test", "times", "trap"),
        *("true", "type", "typeset", "ulimit", "umask", "unalias", "unset", "wait"),
    }
)
# Their words are assignments, and taken as they are written.
DECLARES = frozenset({"export", "declare", "local", "readonly", "typeset"})


def _change_folder(words: Fields, frame: Frame) -> None:
    operands = [word for word in words[1:] if not word.startswith("-") or word == "-"]
    state = frame.state
    target = operands[0] if operands else HOLE
    if HOLE in target or target == "-":
        state.folder = None
    elif target.startswith("/"):
        state.folder = os.path.normpath(target)
    else:
        state.folder = None if state.folder is None else os.path.normpath(os.path.join(state.folder, target))


def _leave_folder(_words: Fields, frame: Frame) -> None:
    frame.state.folder = None


def _set(words: Fields, frame: Frame) -> None:
    if "--" in words:
        frame.state.positional = words[words.index("--") + 1 :]
        return
    at = 1
    while at < len(words) and words[at][:1] in ("-", "+"):
        at += 2 if words[at][1:] == "o" else 1
    if at < len(words):
        frame.state.positional = words[at:]


def _shift(words: Fields, frame: Frame) -> None:
    held = frame.state.positional
    if held is not None:
        count = int(words[1]) if len(words) > 1 and words[1].isdigit() else 1
        frame.state.positional = held[count:]


def _read(words: Fields, frame: Frame) -> None:
    for word in words[1:]:
        if word.isidentifier():
            frame.state.variables[word] = UNKNOWN


def _unset(words: Fields, frame: Frame) -> None:
    for word in words[1:]:
        if "-f" in words:
            frame.functions.pop(word, None)
        else:
            frame.state.variables.pop(word, None)


def _print(words: Fields, frame: Frame) -> None:
    if words[1:2] == ("-v",) and len(words) > 3:
        text = words[4] if len(words) == 5 and words[3] == "%s" else HOLE
        frame.state.variables[words[2]] = ((text,),)


STATEFUL: dict[str, Callable[[Fields, Frame], None]] = {
    "cd": _change_folder,
    "chdir": _change_folder,
    "getopts": _read,
    "mapfile": _read,
    "popd": _leave_folder,
    "printf": _print,
    "pushd": _change_folder,
    "read": _read,
    "readarray": _read,
    "set": _set,
    "shift": _shift,
    "unset": _unset,
}
# All that change what the shell knows: of a declaration assignments.py reads the words as they are written.
CHANGING = frozenset({*DECLARES, *STATEFUL})
