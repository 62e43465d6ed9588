"""Can the program that a call starts wait for ever? It is judged as a script's commands are, as far as it is known."""

from __future__ import annotations

import re

from agentkit.depmap.boundsgap import ASK_S, Gap, unbounded
from agentkit.depmap.calls import HOLE, Place, Script
from agentkit.depmap.frames import write_holes
from agentkit.depmap.lint import lint
from agentkit.depmap.python.program import PyCall
from agentkit.depmap.python.startcalls import Started, find_started
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
    site = asked.view.find_site(starter)
    started = (
        [each for name in starter.names for each in find_started(name, site.arguments, asked.view.texts)]
        if site is not None
        else []
    )
    if not started or any(not _is_known(each) for each in started):
        return unbounded(NOBODY_KNOWS)
    place = Place(starter.module.path, starter.node.lineno)
    waits = [wait for each in started for wait in lint(_read(each, place, asked), asked.view.disk, "python")]
    return _tell(min(waits, key=lambda wait: wait.type != UNBOUNDED)) if waits else None


def list_commands(asked: Asked, starter: PyCall) -> list[str]:
    """Return the commands of what is found of a program, as they are written in its text."""
    site = asked.view.find_site(starter)
    if site is None:
        return []
    place = Place(starter.module.path, starter.node.lineno)
    return [
        wait.command
        for name in starter.names
        for each in find_started(name, site.arguments, asked.view.texts)
        for wait in lint(_read(each, place, asked), asked.view.disk, "python")
    ]


def _is_known(started: Started) -> bool:
    if started.text is not None:
        return started.text.strip(HOLE + " \n") != ""
    return HOLE not in started.words[0] and started.words[0].strip() != ""


def _read(started: Started, place: Place, asked: Asked) -> Script:
    state = State(folder=started.folder)
    if started.text is not None:
        return read_command(write_holes(started.text), place, asked.view.disk, state)
    # A package's manager waits for the same things whoever runs it.
    words = started.words[2:] if started.words[:3] == PYTHON_OF_ITS_OWN else started.words
    return read_words(words, place, asked.view.disk, state)


def _tell(wait: Wait) -> Gap:
    found = TIMEOUT.search(wait.fix)
    return Gap(wait.type, wait.why, None, int(found[1]) if found else ASK_S, wait.fix)
