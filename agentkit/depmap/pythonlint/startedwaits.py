"""Can the program that a call starts wait for ever? It is judged as a script's commands are, as far as it is known."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from agentkit.depmap.boundsgap import ASK_S, Gap, unbounded
from agentkit.depmap.calls import HOLE, Place, Script
from agentkit.depmap.frames import write_holes
from agentkit.depmap.lint import lint
from agentkit.depmap.python.program import PyCall
from agentkit.depmap.python.startcalls import Started, find_started
from agentkit.depmap.pythonlint.limits import GIVEN
from agentkit.depmap.pythonlint.rows import Asked
from agentkit.depmap.shellscript import read_command, read_words
from agentkit.depmap.values import State
from agentkit.depmap.wait import UNBOUNDED, Wait

TIMEOUT = re.compile(r"timeout -k \d+ (\d+) ")
NOBODY_KNOWS = "which program it is only shows when it runs, and nothing ends the wait"
PYTHON_OF_ITS_OWN = ("python3", "-m", "pip")


def judge_started(asked: Asked, starter: PyCall) -> Gap | None:
    """Return what the worst of the programs that a call may start leaves open; one that is not known may wait for ever.

    `instead` is the command as it would be bounded by itself.
    """
    started = _list_started(asked, starter)
    if not started or any(not _is_known(each) for each in started):
        return unbounded(NOBODY_KNOWS)
    waits = _list_waits(started, starter, asked)
    return _tell(min(waits, key=lambda wait: wait.type != UNBOUNDED)) if waits else None


def list_commands(asked: Asked, starter: PyCall) -> list[str]:
    """Return the commands of what is found of a program, as they are written in its text."""
    return [wait.command for wait in _list_waits(_list_started(asked, starter), starter, asked)]


def _list_waits(started: Iterable[Started], starter: PyCall, asked: Asked) -> list[Wait]:
    """Return what a script's lint says of programs."""
    place = Place(starter.module.path, starter.node.lineno)
    return [wait for each in started for wait in lint(_read(each, place, asked), asked.view.disk, "python")]


def _list_started(asked: Asked, starter: PyCall) -> list[Started]:
    """Return each way in which a call may start a program."""
    site = asked.view.find_site(starter)
    if site is None:
        return []
    found = [each for name in starter.names for each in find_started(name, site.arguments, asked.view.texts)]
    is_shell = asked.limits.read(starter, "shell", None).state == GIVEN
    # functools.partial may have said before that it is for a shell.
    return [replace(each, words=(), text=each.words[0]) if is_shell and each.words else each for each in found]


def _is_known(started: Started) -> bool:
    if started.text is not None:
        return started.text.strip(HOLE + " \n") != ""
    # A program is known by its name, wherever it lies.
    name = started.words[0].rpartition("/")[2]
    return HOLE not in name and name.strip() != ""


def _read(started: Started, place: Place, asked: Asked) -> Script:
    state = State(folder=started.folder)
    if started.text is not None:
        return read_command(write_holes(started.text), place, asked.view.disk, state)
    # A package's manager waits for the same things whoever runs it.
    words = started.words[2:] if started.words[:3] == PYTHON_OF_ITS_OWN else started.words
    name = words[0].rpartition("/")[2] if HOLE in words[0] else words[0]
    return read_words((name, *words[1:]), place, asked.view.disk, state)


def _tell(wait: Wait) -> Gap:
    found = TIMEOUT.search(wait.fix)
    return Gap(wait.type, wait.why, None, int(found[1]) if found else ASK_S, wait.fix)
