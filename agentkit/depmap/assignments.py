"""What do variables hold after an assignment or a declaration, arrays included?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agentkit.core.shelltree import Command
from agentkit.depmap.commandwords import expand_words
from agentkit.depmap.frames import Frame, Source
from agentkit.depmap.values import Fields, Value, merge

if TYPE_CHECKING:
    from agentkit.depmap.interpreter import Interpreter

MOST_FIELDS = 1_000
ELEMENT = re.compile(r"\[[^]]*\]\+?=")


def assign_all(interpreter: Interpreter, command: Command, frame: Frame) -> None:
    """Do the assignments of a command: `A=1 B=2`, alone or in front of words."""
    for each in command.assignments:
        assign(interpreter, each.name, frame.source.raw(each.start, each.end), each.start, frame)


def declare(interpreter: Interpreter, command: Command, frame: Frame) -> None:
    """Do what `local A=1`, `export B`, `declare -a C=(…)` do; the words are taken as they are written."""
    name = command.words[0].text
    if name == "export" and any(word.text == "-f" for word in command.words):
        interpreter.exported |= {word.text for word in command.words[1:]}
    is_local = name not in ("export", "readonly")
    for word in command.words[1:]:
        raw = frame.source.raw(word.start, word.end)
        name, sign, value = raw.partition("=")
        bare = name.rstrip("+")
        if not bare.replace("_", "a").isalnum():
            continue
        if is_local and frame.changed is not None:
            frame.changed.append((bare, frame.state.variables.get(bare)))
        if sign:
            start = word.start + len(name.encode(errors="surrogateescape")) + 1
            assign(interpreter, name, value, start, frame)


def assign(interpreter: Interpreter, name: str, raw: str, start: int, frame: Frame) -> None:
    """Do `NAME=RAW`, `NAME+=RAW` or `NAME[KEY]=RAW`; the value begins at byte `start`."""
    appends, name = name.endswith("+"), name.removesuffix("+")
    variables = frame.state.variables
    if raw.startswith("(") and raw.endswith(")"):
        value: Value = tuple(_expand_array(interpreter, name, raw[1:-1], start + 1, frame))
    else:
        value = tuple((text,) for text in interpreter.expand_text(raw, frame, start))
    bare, is_element, _ = name.partition("[")
    if is_element and ("$" in name or "`" in name):
        interpreter.expand_text(name, frame, start - len(name.encode(errors="surrogateescape")) - 1 - appends)
    held = variables.get(bare)
    if (held is not None and is_element) or (held is not None and appends and raw.startswith("(")):
        value = merge([tuple((*fields, *new)[:MOST_FIELDS] for fields in held for new in value)])
    elif held is not None and appends:
        value = merge([tuple((fields[0] + new[0],) for fields in held if fields for new in value)])
    variables[bare] = value
    if is_element:
        variables[name] = value if held is None else tuple((fields[-1],) for fields in value if fields)
    interpreter.script.assigned.add(bare)


def _expand_array(interpreter: Interpreter, name: str, raw: str, start: int, frame: Frame) -> list[Fields]:
    # Read as the words of a command whose name takes the place of the parenthesis.
    text = b"_" + b" " + raw.replace("\n", " ").encode(errors="surrogateescape")
    base = None if frame.source.base is None else frame.source.base + start - 2
    source = Source(frame.source.file, text, base, frame.source.newlines, frame.source.line)
    parts = interpreter.read(source).body.parts
    if not parts or not parts[0].words:
        return [()]
    alternatives = expand_words(interpreter, parts[0], frame.deeper(source))
    for word in alternatives[0][1:] if len(alternatives) == 1 else ():
        if ELEMENT.match(word):
            key, _, value = word.partition("]")
            frame.state.variables[f"{name}{key}]"] = ((value.lstrip("+")[1:],),)
    return [tuple([ELEMENT.sub("", word) for word in words[1:MOST_FIELDS]]) for words in alternatives]
