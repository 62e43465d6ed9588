"""Which edges does a script have: what it starts, calls, sources, reads, asks for, and what nobody can resolve?"""

from __future__ import annotations

import os
from collections.abc import Iterator

from agentkit.core.hiding import hide_secrets
from agentkit.depmap import calls
from agentkit.depmap.calls import HOLE, Call, Place, Script
from agentkit.depmap.disk import Disk
from agentkit.depmap.edge import Edge
from agentkit.depmap.endpoints import name_port
from agentkit.depmap.frames import show_holes
from agentkit.depmap.python.finding import find_module_file
from agentkit.depmap.touches import find_touches

# Behind another machine's door the same words may mean another program.
REMOTE_CONFIDENCE = 0.8
LONGEST_NAME = 120
NOT_FILES = (
    "/dev/null",
    "/dev/stdout",
    "/dev/stderr",
    "/dev/stdin",
    "/dev/tty",
    "/dev/fd/",
    "/proc/self/fd/",
    "/dev/full",
)
WRITES = (">", ">>", "&>", "&>>", ">|", ">&")


def map_script(script: Script, disk: Disk, *, origin: str | None = None) -> list[Edge]:
    """Return the edges of a script, each once; `origin` is the node of its top when that is not the file."""
    edges: dict[Edge, None] = {}
    descriptors = _find_descriptors(script)
    for call in script.calls:
        source = name_source(call.place, script.path, origin)
        edges.update(dict.fromkeys(_map_call(call, source, disk, descriptors)))
    for (name, _, _), (place, has_default) in script.variables.items():
        if has_default or name not in script.assigned:
            source = name_source(place, script.path, origin)
            edges[_edge(source, f"env:{name}", "env", place, "default" if has_default else "variable")] = None
    return list(edges)


def name_source(place: Place, path: str, origin: str | None) -> str:
    """Return the node of a place: its function, else `origin` at the top of the script, else its file."""
    if place.function is not None:
        return f"func:{place.file}#{place.function}"
    return origin if origin is not None and place.file == path else f"file:{place.file}"


def _edge(source: str, target: str, kind: str, place: Place, rule: str) -> Edge:
    return Edge(source, target, kind, place.file, place.line, rule, place.function)


def _map_call(call: Call, source: str, disk: Disk, descriptors: dict[str, str]) -> Iterator[Edge]:
    place = call.place
    via = call.wrappers[-1].name if call.wrappers else None
    if call.kind == calls.PROGRAM:
        yield _map_program(call, source, disk, via)
        if not call.is_remote and (path := find_module_file(call.words, call.folder, disk)):
            name = os.path.basename(call.words[0])
            rule = f"{name} -m"
            yield Edge(
                *(source, f"cmd:{path}", "exec", place.file, place.line, rule, place.function), via=name, path=path
            )
    elif call.kind == calls.FUNCTION:
        name = f"func:{call.target}#{call.words[0]}"
        yield Edge(source, name, "call", place.file, place.line, "function", place.function, via=via)
    elif call.kind == calls.SOURCE:
        yield _edge(source, f"file:{call.target}", "source", place, call.words[0])
    elif call.kind == calls.UNKNOWN:
        yield _map_unknown(source, call.target or call.text, call.reason or "", place, via)
    for redirect in call.redirects:
        yield from _map_redirect(redirect.operator, redirect.target, call, source)
    if call.words and call.kind in (calls.PROGRAM, calls.BUILTIN) and not call.is_remote:
        for touch in find_touches(call, descriptors):
            if HOLE in touch.target:
                name = call.text if not touch.text else touch.text
                yield _map_unknown(source, name, f"{touch.kind}: what it names is not known", place, via)
                continue
            path = None
            if touch.target.startswith("cmd:"):
                path = disk.find_program(touch.target[4:], call.search_path, call.folder)
            yield Edge(source, touch.target, touch.kind, place.file, place.line, touch.rule, place.function, path=path)


def _map_program(call: Call, source: str, disk: Disk, via: str | None) -> Edge:
    word, place = call.words[0], call.place
    path = None if call.is_remote else disk.find_program(word, call.search_path, call.folder)
    return Edge(
        source,
        f"cmd:{word}",
        "exec",
        place.file,
        place.line,
        "command" if via is None else "wrapped",
        place.function,
        confidence=REMOTE_CONFIDENCE if call.is_remote else 1.0,
        via=via,
        path=path,
    )


def _map_unknown(source: str, text: str, reason: str, place: Place, via: str | None) -> Edge:
    name = hide_secrets(" ".join(show_holes(text).split()))
    name = name[1:-1] if len(name) > 2 and name[0] == name[-1] == '"' else name
    name = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
    return Edge(
        source,
        f"unknown:{name}",
        "unknown",
        place.file,
        place.line,
        "unknown",
        place.function,
        confidence=0.0,
        via=via,
        reason=reason,
    )


def _map_redirect(operator: str, target: str, call: Call, source: str) -> Iterator[Edge]:
    if not target or target == "-" or target.isdigit() or target.rstrip("-").isdigit():
        return
    if target.startswith(("/dev/tcp/", "/dev/udp/")):
        _, _, protocol, host, port = [*target.split("/", 4), "", ""][:5]
        if HOLE in target:
            yield _map_unknown(source, target, "connect: what it names is not known", call.place, None)
        else:
            yield _edge(source, name_port(host, port, protocol), "connect", call.place, "redirection")
        return
    kind = "write" if operator in WRITES else "read"
    if target.startswith(NOT_FILES):
        return
    if HOLE in target:
        if target != HOLE or operator != "<":
            yield _map_unknown(source, f"{operator} {target}", f"{kind}: the file is not known", call.place, None)
        return
    if not target.startswith("/"):
        if call.folder is None:
            return  # relative to wherever the script is started
        target = os.path.join(call.folder, target)
    yield _edge(source, f"file:{os.path.normpath(target)}", kind, call.place, "redirection")


def _find_descriptors(script: Script) -> dict[str, str]:
    """Return which file stands behind each number: `( flock 9 … ) 9>/run/x.lock`."""
    return {
        str(redirect.descriptor): redirect.target
        for call in script.calls
        for redirect in call.redirects
        if redirect.descriptor is not None and redirect.descriptor > 2
    }
