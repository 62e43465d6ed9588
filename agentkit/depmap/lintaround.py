"""What does a script do around its calls that changes what they wait for?

Groups whose input is redirected, descriptors that are joined to the network, fifos that it makes, signals that are not
heard.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from agentkit.depmap.boundsshell import DEV_TCP, IsFifo, looks_like_fifo
from agentkit.depmap.calls import BUILTIN, FUNCTION, HOLE, PROGRAM, Call, Redirected, Script, Wrapper
from agentkit.depmap.disk import Disk

# Variables that bound a part of what a program does.
BOUNDING = ("PGCONNECT_TIMEOUT", "GIT_HTTP_LOW_SPEED_LIMIT", "GIT_HTTP_LOW_SPEED_TIME")
SETTINGS = {"GIT_HTTP_LOW_SPEED_LIMIT": "http.lowSpeedLimit", "GIT_HTTP_LOW_SPEED_TIME": "http.lowSpeedTime"}
# `exec tclsh "$0" "$@"`
FOREIGN = re.compile(r"exec\s+(?:\S*/)?(?:tclsh|wish|expect|expectk|perl|python|ruby|guile)[\w.]*\s.*\$\{?0")
# What each process has of its own: here they are those of whoever asks.
OWN = ("/proc/", "/dev/fd/", "/dev/std")
VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")


@dataclass(slots=True)
class Texts:
    """The texts of files, each read once."""

    disk: Disk
    held: dict[str, str | None] = field(default_factory=dict)

    def read(self, path: str) -> str | None:
        """Return the text of a file; None where there is none."""
        if path not in self.held:
            content = self.disk.read(path)
            self.held[path] = None if content is None else content.decode(errors="surrogateescape")
        return self.held[path]


def find_fed(calls: Iterable[Call]) -> frozenset[tuple[str, str | None]]:
    """Return the functions (None: the top of a file) in which a group, a loop or the shell has its input redirected."""
    fed: set[tuple[str, str | None]] = set()
    for call in calls:
        is_around = not call.words or call.words == ("exec",) or call.kind == FUNCTION
        if is_around and any(each.operator == "<" and (each.descriptor or 0) == 0 for each in call.redirects):
            fed.add((call.place.file, call.place.function))
            if call.kind == FUNCTION and call.target is not None:
                fed.add((call.target, call.words[0]))
    return frozenset(fed)


def follow_descriptors(calls: Iterable[Call]) -> Iterator[Call]:
    """Yield the calls; one that reads from a descriptor which `exec` joined to the network reads from the network."""
    joined: dict[str, Redirected] = {}
    for call in calls:
        if call.words[:1] == ("exec",):
            joined.update({str(each.descriptor): each for each in call.redirects if each.target.startswith(DEV_TCP)})
        if joined and any(each.operator == "<&" and each.target in joined for each in call.redirects):
            redirects = [
                Redirected(None, "<", joined[each.target].target)
                if each.operator == "<&" and each.target in joined
                else each
                for each in call.redirects
            ]
            call = replace(call, redirects=tuple(redirects))  # noqa: PLW2901  # the call as it acts
        yield call


def find_shared(script: Script) -> tuple[Wrapper, ...]:
    """Return what the script sets for all its commands, as if `env` stood before each of them."""
    shared = tuple(f"{name}={HOLE}" for name in BOUNDING if _is_set_for_all(name, script))
    return (Wrapper("env", ("env", *shared)),) if shared else ()


def complete(call: Call, shared: tuple[Wrapper, ...], texts: Texts) -> Call:
    """Return a call behind what is shared by all, and with a text where it is a group's redirection."""
    if shared:
        call = replace(call, wrappers=(*shared, *call.wrappers))
    if call.text or not any(each.target.startswith(DEV_TCP) for each in call.redirects):
        return call
    lines = (texts.read(call.place.file) or "").splitlines()
    return replace(call, text=lines[call.place.line - 1].strip() if call.place.line <= len(lines) else "")


def _is_set_for_all(name: str, script: Script) -> bool:
    setting = SETTINGS.get(name)
    if setting and any(call.words[:2] == ("git", "config") and setting in call.words for call in script.calls):
        return True
    return name in script.assigned and not any(call.text.lstrip().startswith(f"{name}=") for call in script.calls)


def find_end(script: Script) -> float:
    """Return the line at which the shell hands the rest of the file to another language, as Tcl's scripts do."""
    lines = [
        call.place.line
        for call in script.calls
        if call.place.file == script.path and FOREIGN.match(call.text) and call.place.function is None
    ]
    return min(lines, default=float("inf"))


def ignores_term(call: Call) -> bool:
    """Tell whether a call makes a shell that is behind wrappers take no notice of TERM."""
    if call.kind != BUILTIN or call.words[:2] != ("trap", "") or not call.wrappers:
        return False
    return bool({"TERM", "SIGTERM", "15"} & {word.upper() for word in call.words[2:]})


def know_fifos(script: Script, disk: Disk) -> IsFifo:
    """Return what tells a fifo: the script makes it, it lies on the disk, or it is called so.

    A fifo of which the script opens the other end in the background is taken for one that opens.
    """
    made: set[str] = set()
    variables: set[str] = set()
    for call in script.calls:
        name = call.words[0].rpartition("/")[2] if call.words else ""
        if call.kind == PROGRAM and (name == "mkfifo" or (name == "mknod" and call.words[-1:] == ("p",))):
            made.update(word for word in call.words[1:] if not word.startswith("-"))
            variables.update(VARIABLE.findall(call.text))
    served = {
        word
        for call in script.calls
        if call.is_background
        for word in (*call.words, *(each.target for each in call.redirects))
        if word.strip(HOLE)
    }
    served_variables = {name for call in script.calls if call.is_background for name in VARIABLE.findall(call.text)}

    def is_fifo(name: str, text: str) -> bool:
        if name.strip(HOLE) == "":
            used = set(VARIABLE.findall(text))
            return HOLE in name and bool(used & variables) and not used & variables & served_variables
        if name in served:
            return False
        return name in made or looks_like_fifo(name) or (name.startswith("/") and is_fifo_on_disk(disk, name))

    return is_fifo


def is_fifo_on_disk(disk: Disk, name: str) -> bool:
    """Tell whether a fifo lies at an absolute path."""
    if name.startswith(OWN):
        return False
    try:
        return HOLE not in name and stat.S_ISFIFO(os.stat(disk.here(name)).st_mode)
    except (OSError, ValueError):
        return False
