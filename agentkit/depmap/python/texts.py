"""Which texts, and which words of a command, may a variable hold, with holes for what only a running program knows?"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable
from itertools import product

from agentkit.depmap.calls import HOLE
from agentkit.depmap.python.constants import CONSTANTS
from agentkit.depmap.python.things import Container, External, Formed, Node, Number, Operation, Text, Thing

MOST = 16
DEEPEST = 40
LONGEST = 4000
PATHS = frozenset({"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "/", "path.parent", "pathlib.Path.cwd"})
PATHS_AFTER = frozenset(
    {".resolve", ".absolute", ".expanduser", ".joinpath", ".with_suffix", ".with_name", ".relative_to", ".with_stem"}
)
SAME = frozenset(
    {
        *(
            "builtins.str",
            "builtins.int",
            "builtins.format",
            "builtins.bytes",
            "os.fspath",
            "os.fsdecode",
            "os.fsencode",
            "shlex.quote",
        ),
        *("textwrap.dedent", "string.Template", "shutil.which", "py.path.local", ".encode", ".decode", ".resolve"),
        *(
            ".absolute",
            ".as_posix",
            ".casefold",
            ".__str__",
            "os.path.abspath",
            "os.path.realpath",
            "os.path.expandvars",
        ),
    }
)
# What makes a list of words out of a text.
SPLITS = frozenset({".split", "shlex.split"})
DEFAULTS = frozenset({"os.getenv", "os.environ.get", "os.environ.pop", "os.environ.setdefault"})
Alternatives = tuple[str, ...]
Words = tuple[str, ...]
FIELD = re.compile(r"\{\{|\}\}|\{([A-Za-z0-9_]*)[^{}]*\}")
PERCENT = re.compile(r"%%|%(?:\((\w+)\))?[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]")
UNKNOWN: Alternatives = (HOLE,)


def is_path(thing: Thing) -> bool:
    """Tell whether a value is a pathlib.Path."""
    if not isinstance(thing, Formed):
        return False
    if thing.operation in PATHS:
        return True
    return thing.operation in PATHS_AFTER and any(is_path(each) for each in thing.parts[0].values)


class Texts:
    """Works out the texts of one program, when all its values are known."""

    def __init__(self) -> None:
        self._known: dict[Formed, Alternatives] = {}
        self._lists: dict[Container, tuple[Words, ...]] = {}
        self._depth = 0

    def read(self, node: Node | None) -> Alternatives:
        """Return the texts that a variable may hold, at most MOST; HOLE where it is not known."""
        if node is None or not node.values:
            return UNKNOWN
        found: dict[str, None] = {}
        for thing in node.values:
            if isinstance(thing, Text):
                found[thing.text] = None
            elif isinstance(thing, Number):
                found[str(thing.number)] = None
            elif isinstance(thing, Formed):
                found.update(dict.fromkeys(self._form(thing)))
            elif isinstance(thing, External) and thing.name in CONSTANTS:
                found[CONSTANTS[thing.name]] = None
            elif not isinstance(thing, (Container, Operation)):
                found[HOLE] = None
        # A list, and a method that was meant as the attribute of the same name, are no texts.
        return _limit(found) if found else UNKNOWN

    def words(self, node: Node | None) -> tuple[Words, ...]:
        """Return the lists of words that a variable may hold; a text is a list of one, () what is not known."""
        if node is None or not node.values:
            return ((HOLE,),)
        found: dict[Words, None] = {}
        containers = [thing for thing in node.values if isinstance(thing, Container)]
        for thing in node.values:
            if isinstance(thing, Container):
                found.update(dict.fromkeys(self._list(thing)))
            elif isinstance(thing, Formed) and thing.operation in SPLITS:
                found.update(dict.fromkeys(self._split(thing)))
            elif isinstance(thing, Formed) and containers and thing.operation in ("+", "[]"):
                continue
            elif isinstance(thing, (Text, Formed)):
                texts = (thing.text,) if isinstance(thing, Text) else self._form(thing)
                found.update(dict.fromkeys((text,) for text in texts))
            else:
                found[(HOLE,)] = None
        return tuple(found)[:MOST]

    def _list(self, container: Container) -> tuple[Words, ...]:
        known = self._lists.get(container)
        if known is not None:
            return known
        if container.kind not in ("list", "tuple") or self._depth > DEEPEST:
            return ((HOLE,),)
        self._lists[container] = ((HOLE,),)
        made = self._lists[container] = self._read_list(container)
        return made

    def _read_list(self, container: Container) -> tuple[Words, ...]:
        items = [*container.items, *container.added.values()]
        if not items:
            return ((HOLE,),) if container.some.values or container.fields else ((),)
        self._depth += 1
        try:
            parts: list[tuple[Words, ...]] = []
            for node, is_starred in items:
                if is_starred:
                    parts.append(self.words(node))
                else:
                    parts.append(tuple((text,) for text in self.read(node)))
        finally:
            self._depth -= 1
        return tuple(tuple(word for words in each for word in words) for each in _combine(parts, ((HOLE,),)))

    def _split(self, formed: Formed) -> tuple[Words, ...]:
        found = []
        for text in self.read(formed.parts[0]):
            try:
                found.append(tuple(shlex.split(text) if formed.operation == "shlex.split" else text.split()))
            except ValueError:
                found.append((HOLE,))
        return tuple(found)

    def _form(self, formed: Formed) -> Alternatives:
        known = self._known.get(formed)
        if known is not None:
            return known
        if self._depth > DEEPEST:
            return UNKNOWN
        # What is made of itself, such as a path that grows in a loop, is not known.
        self._known[formed] = UNKNOWN
        self._depth += 1
        try:
            made = self._apply(formed)
        finally:
            self._depth -= 1
        self._known[formed] = made
        return made

    def _apply(self, formed: Formed) -> Alternatives:
        operation, parts = formed.operation, formed.parts
        if operation in SAME:
            return self.read(parts[0]) if parts else UNKNOWN
        if operation in ("f", "+"):
            if operation == "+" and _are_numbers(parts):
                return UNKNOWN
            return self._join(parts, "".join)
        if operation in ("/", "os.path.join", "pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", ".joinpath"):
            return self._join(parts, _join_paths) if parts else (".",)
        if operation in DEFAULTS:
            return _limit(dict.fromkeys((HOLE, *(self.read(parts[1]) if len(parts) > 1 else ()))))
        if operation == ".format":
            return self._format(formed)
        if operation == "%":
            return self._format_percent(formed)
        if operation in (".join", "shlex.join"):
            return self._join_words(formed)
        if operation == "[]":
            return self._pick(formed)
        change = CHANGES.get(operation)
        if change is not None:
            return _limit(dict.fromkeys(change(text) for text in self.read(parts[0])))
        if operation in STRIPS or operation in (".replace", ".with_suffix", ".with_name"):
            return self._call_method(operation, parts)
        return UNKNOWN

    def _join(self, parts: list[Node], join: Callable[[Iterable[str]], str]) -> Alternatives:
        read = [self.read(part) for part in parts]
        return _limit(dict.fromkeys(join(each) for each in _combine(read, UNKNOWN)))

    def _join_words(self, formed: Formed) -> Alternatives:
        separators = (" ",) if formed.operation == "shlex.join" else self.read(formed.parts[0])
        lists = self.words(formed.parts[-1])
        return _limit(dict.fromkeys(separator.join(words) for separator in separators for words in lists))

    def _format(self, formed: Formed) -> Alternatives:
        count = formed.names.get("", 0)
        names = [name for name in formed.names if name]
        values = [self.read(part) for part in formed.parts[1:]]
        found: dict[str, None] = {}
        for each in _combine([self.read(formed.parts[0]), *values], UNKNOWN):
            template, given = each[0], each[1:]
            by_name = dict(zip(names, given[count:], strict=False))
            position = iter(range(count))

            def fill(
                match: re.Match[str],
                given: Words = given,
                by_name: dict[str, str] = by_name,
                position: Iterable[int] = position,
            ) -> str:
                if match.group(1) is None:
                    return match.group(0)[0]
                name = match.group(1)
                if name == "":
                    place = next(iter(position), None)
                    return given[place] if place is not None and place < len(given) else HOLE
                if name.isdigit():
                    return given[int(name)] if int(name) < count else HOLE
                return by_name.get(name, HOLE)

            found[FIELD.sub(fill, template)] = None
        return _limit(found)

    def _format_percent(self, formed: Formed) -> Alternatives:
        left, right = formed.parts
        found: dict[str, None] = {}
        lists = [thing for thing in right.values if isinstance(thing, Container)]
        tuples = [words for thing in lists for words in self._list(thing) if thing.kind == "tuple"]
        if not lists:
            tuples = [(text,) for text in self.read(right)]
        named = {key: self.read(node) for thing in lists for key, node in thing.fields.items() if isinstance(key, str)}
        for template in self.read(left):
            for words in tuples or [()]:
                given = iter(words)

                def fill(match: re.Match[str], given: Iterable[str] = given) -> str:
                    if match.group(0) == "%%":
                        return "%"
                    if match.group(1):
                        held = named.get(match.group(1), UNKNOWN)
                        return held[0] if len(held) == 1 else HOLE
                    return next(iter(given), HOLE)

                found[PERCENT.sub(fill, template)] = None
        return _limit(found)

    def _pick(self, formed: Formed) -> Alternatives:
        base, key = formed.parts
        for thing in base.values:
            if isinstance(thing, Formed) and thing.operation == "path.parents":
                ups = [each.number for each in key.values if isinstance(each, Number)]
                texts = self.read(thing.parts[0])
                for _ in range(ups[0] + 1 if len(ups) == 1 and 0 <= ups[0] < 30 else 0):
                    texts = tuple(map(_parent, texts))
                return texts if len(ups) == 1 else UNKNOWN
        return UNKNOWN

    def _call_method(self, operation: str, parts: list[Node]) -> Alternatives:
        found: dict[str, None] = {}
        for text, *given in _combine([self.read(part) for part in parts], UNKNOWN):
            is_hidden = HOLE in text and operation not in (".rstrip", ".with_suffix")
            if is_hidden or any(HOLE in each for each in given):
                found[HOLE] = None
            elif operation == ".with_suffix":
                found[os.path.splitext(text)[0] + "".join(given)] = None
            elif operation == ".with_name":
                found[os.path.join(os.path.dirname(text), "".join(given))] = None
            else:
                try:
                    found[getattr(text, operation[1:])(*given)] = None
                except (TypeError, ValueError):
                    found[HOLE] = None
        return _limit(found)


def _are_numbers(parts: list[Node]) -> bool:
    values = [thing for part in parts for thing in part.values]
    return any(
        isinstance(each, Number) or (isinstance(each, Formed) and each.operation == "builtins.int") for each in values
    )


def _limit(found: Iterable[str]) -> Alternatives:
    texts = tuple(text if len(text) <= LONGEST else HOLE for text in found)
    return texts if 0 < len(texts) <= MOST else (*texts[: MOST - 1], HOLE)


def _combine(parts: list[tuple], unknown: tuple) -> list[tuple]:  # type: ignore[type-arg]
    """Return each choice of one alternative of every part; of too many the later parts are not known."""
    taken: list[tuple] = []  # type: ignore[type-arg]
    count = 1
    for part in parts:
        count *= max(1, len(part))
        taken.append(part if count <= MOST or not taken else unknown)
        count = min(count, MOST)
    return list(product(*taken))


def _join_paths(parts: Iterable[str]) -> str:
    whole = ""
    for part in parts:
        whole = part if part.startswith("/") or not whole else f"{whole.rstrip('/')}/{part}"
    return whole


def _parent(text: str) -> str:
    return os.path.dirname(text.rstrip("/")) if "/" in text.rstrip("/") else HOLE if HOLE in text else "."


def _expand(text: str) -> str:
    return HOLE + text[1:] if text.startswith("~") else text


def _name(text: str) -> str:
    return os.path.basename(text.rstrip("/"))


STRIPS = frozenset({".strip", ".rstrip", ".lstrip", ".removeprefix", ".removesuffix"})
CHANGES: dict[str, Callable[[str], str]] = {
    ".expanduser": _expand,
    ".lower": lambda text: text if HOLE in text else text.lower(),
    ".upper": lambda text: text if HOLE in text else text.upper(),
    "os.path.basename": os.path.basename,
    "os.path.dirname": os.path.dirname,
    "os.path.expanduser": _expand,
    "os.path.normpath": lambda text: text if HOLE in text else os.path.normpath(text),
    "path.name": _name,
    "path.parent": _parent,
    "path.stem": lambda text: os.path.splitext(_name(text))[0],
    "path.suffix": lambda text: os.path.splitext(_name(text))[1],
}
