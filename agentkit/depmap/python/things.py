"""What may a variable of a Python program hold: functions, classes, objects, containers, texts, what is from outside?

One object of these classes stands for all that one place of the program makes: each function, each class and each
display of a list is one. All instances of one class are one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable

from agentkit.depmap.python.module import Module

Key = str | int
# (module, function, line): where something stands.
At = tuple[Module, str | None, int]


class Node:
    """A variable: what it may hold, the variables that this flows into, and who is told of each new value."""

    __slots__ = ("handlers", "lists", "objects", "targets", "texts", "values")

    def __init__(self) -> None:
        self.values: dict[Thing, None] = {}
        self.targets: dict[Node, None] | None = None
        self.handlers: list[Callable[[Thing], None]] | None = None
        self.texts = 0
        self.objects = 0
        self.lists = 0


class Thing:
    """What a variable may hold."""

    __slots__ = ()


class Text(Thing):
    """A text that is known."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Number(Thing):
    """An integer that is known."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class Formed(Thing):
    """What an operation makes of other values, such as a joined path: it is worked out when all values are known."""

    __slots__ = ("names", "operation", "parts")

    def __init__(self, operation: str, parts: list[Node]) -> None:
        self.operation = operation
        self.parts = parts
        self.names: dict[str, int] = {}


class Having(Thing):
    """A thing with attributes that are set from outside."""

    __slots__ = ("fields",)

    def __init__(self) -> None:
        self.fields: dict[str, Node] = {}

    def field(self, name: str) -> Node:
        """Return the variable of an attribute."""
        node = self.fields.get(name)
        if node is None:
            node = self.fields[name] = Node()
        return node


class Container(Thing):
    """A list, tuple, set or dict: a variable for each key that is known, `some` for the others, `every` for all.

    `items` are the nodes of a display in their order, a starred one with True; `added` what is put behind them later.
    """

    __slots__ = ("added", "every", "fields", "items", "key", "keys", "kind", "listeners", "some")

    def __init__(self, kind: str, key: Hashable) -> None:
        self.kind = kind
        self.key = key
        self.fields: dict[Key, Node] = {}
        self.some = Node()
        self.every = Node()
        self.keys = Node()
        self.items: list[tuple[Node, bool]] = []
        self.added: dict[Hashable, tuple[Node, bool]] = {}
        self.listeners: list[Callable[[Key, Node], None]] = []


class Function(Having):
    """A function of the program, or a lambda."""

    __slots__ = (
        "is_async",
        "keyword",
        "line",
        "module",
        "named",
        "node",
        "owner",
        "parameters",
        "qualname",
        "returns",
        "rest",
        "yields",
    )

    def __init__(self, module: Module, qualname: str, node: ast.AST, line: int) -> None:
        super().__init__()
        self.module = module
        self.qualname = qualname
        self.node = node
        self.line = line
        self.parameters: list[tuple[str, Node]] = []
        self.named: dict[str, Node] = {}
        self.rest: Container | None = None
        self.keyword: Container | None = None
        self.returns = Node()
        self.yields: Node | None = None
        self.is_async = False
        self.owner: Class | None = None

    @property
    def subject(self) -> str:
        """Return its name in the map."""
        return f"py:{self.module.name}:{self.qualname}"


class Class(Thing):
    """A class of the program: its bases and its members as variables, and the one that stands for its instances."""

    __slots__ = ("bases", "instance", "members", "module", "ordered", "order", "qualname", "watchers")

    def __init__(self, module: Module, qualname: str) -> None:
        self.module = module
        self.qualname = qualname
        self.bases: list[Node] = []
        self.members: dict[str, Node] = {}
        self.ordered: list[str] = []
        self.instance = Instance(self)
        self.order: list[Class | External] | None = None
        self.watchers: dict[Hashable, Callable[[], None]] = {}

    @property
    def subject(self) -> str:
        """Return its name in the map."""
        return f"py:{self.module.name}:{self.qualname}"


class Instance(Having):
    """The instances of a class of the program."""

    __slots__ = ("of",)

    def __init__(self, of: Class) -> None:
        super().__init__()
        self.of = of


class ModuleThing(Thing):
    """A module of the program, as a value."""

    __slots__ = ("module",)

    def __init__(self, module: Module) -> None:
        self.module = module


class External(Thing):
    """Something from outside the program by its dotted name; `of` is the object whose method it is."""

    __slots__ = ("name", "of")

    def __init__(self, name: str, of: Thing | None = None) -> None:
        self.name = name
        self.of = of


class ExternalObject(Having):
    """What a call of something from outside gave: an instance of `name`, made at `key`, or what `name` returns."""

    __slots__ = ("key", "name", "site")

    def __init__(self, name: str, key: Hashable, site: object) -> None:
        super().__init__()
        self.name = name
        self.key = key
        self.site = site


class Bound(Thing):
    """A method with its object."""

    __slots__ = ("function", "receiver")

    def __init__(self, function: Function, receiver: Thing) -> None:
        self.function = function
        self.receiver = receiver


class Wrapped(Thing):
    """A function behind `staticmethod`, `classmethod` or `property` (with its setter), or a setter's decorator."""

    __slots__ = ("kind", "node", "setter")

    def __init__(self, kind: str, node: Node, setter: Node | None = None) -> None:
        self.kind = kind
        self.node = node
        self.setter = setter


class Running(Thing):
    """What a call of a generator or of an `async def` returns."""

    __slots__ = ("function",)

    def __init__(self, function: Function) -> None:
        self.function = function


class Super(Thing):
    """The object behind `super()`: lookups begin behind `after`."""

    __slots__ = ("after", "receiver")

    def __init__(self, after: Class, receiver: Thing) -> None:
        self.after = after
        self.receiver = receiver


class Operation(Thing):
    """A method of a container or a text: what it does is known by its name."""

    __slots__ = ("name", "of")

    def __init__(self, name: str, of: Thing) -> None:
        self.name = name
        self.of = of


class Partial(Thing):
    """What `functools.partial` gives: a callable with some arguments."""

    __slots__ = ("arguments", "node")

    def __init__(self, node: Node, arguments: Arguments) -> None:
        self.node = node
        self.arguments = arguments


class Arguments:
    """The arguments of a call: by position (a starred one with True), by name, and those of `**`."""

    __slots__ = ("doubles", "names", "positions")

    def __init__(
        self,
        positions: list[tuple[Node, bool]],
        names: dict[str, Node] | None = None,
        doubles: list[Node] | None = None,
    ) -> None:
        self.positions = positions
        self.names = names or {}
        self.doubles = doubles or []

    def first(self, place: int, name: str = "") -> Node | None:
        """Return the argument at a position or of a name; None where there is none, or it is not known."""
        if place < len(self.positions) and not any(starred for _, starred in self.positions[: place + 1]):
            return self.positions[place][0]
        return self.names.get(name)

    def behind(self, count: int) -> Arguments:
        """Return the arguments without the first ones."""
        return Arguments(self.positions[count:], self.names, self.doubles)

    def all(self) -> list[Node]:
        """Return every argument."""
        return [*(node for node, starred in self.positions if not starred), *self.names.values()]


class Site:
    """A place of the program at which something is called: by a call as it is written, or as the language does."""

    __slots__ = ("arguments", "base", "called", "function", "line", "module", "node", "result", "rule", "seen")

    def __init__(
        self, module: Module, function: str | None, line: int, arguments: Arguments, rule: str = "call"
    ) -> None:
        self.module = module
        self.function = function
        self.line = line
        self.arguments = arguments
        self.rule = rule
        self.node: ast.AST | None = None
        self.base: Node | None = None
        self.called: Node | None = None
        self.result = Node()
        self.seen: dict[Thing, str] = {}
