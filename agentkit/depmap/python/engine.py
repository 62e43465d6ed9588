"""Which values may reach each variable of a program, until nothing new arrives anywhere?

An inclusion-based points-to analysis without contexts (Andersen 1994; for Python as in PyCG, Salis et al., ICSE 2021):
variables are nodes, assignments are edges along which values flow, and what depends on a value (a call, an attribute,
an element) is told of each new one. What needs the order of base classes waits until these are known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable

from agentkit.depmap.python.module import Module
from agentkit.depmap.python.things import (
    At,
    Bound,
    Class,
    Container,
    External,
    ExternalObject,
    Formed,
    Function,
    Node,
    Number,
    Operation,
    Running,
    Site,
    Text,
    Thing,
    Wrapped,
)

# Of so many texts and numbers a variable holds any; beyond so many things nobody would follow them either.
MOST_TEXTS = 24
MOST_OBJECTS = 24
MOST_LISTS = 48
MOST_VALUES = 240
# Each value that reaches a variable is a step: a program of 10,000 functions takes less than a million.
MOST_STEPS = 12_000_000


class Engine:
    """Values, the variables that they flow along, and what is still to be done."""

    def __init__(self) -> None:
        self.todo: deque[tuple[Node | Callable[[Thing], None], Thing]] = deque()
        self.later: deque[Callable[[], None]] = deque()
        self.unknown_keys: list[tuple[Node, Callable[[], None]]] = []
        self.sites: list[Site] = []
        self.environment: list[tuple[Node, At]] = []
        self.functions: list[Function] = []
        self.globals: dict[Module, dict[str, Node]] = {}
        self.module_names: dict[Module, frozenset[str]] = {}
        self.find_module: Callable[[str], Module | None] = lambda _: None
        self.subclasses: dict[Class, dict[Class, None]] = {}
        self.external_modules: set[str] = set()
        self.any_text = Text("\0")
        self.inner_sites: dict[Hashable, Site] = {}
        self.steps = 0
        self.is_whole = True
        self._made: dict[Hashable, Thing] = {}
        self._done: set[Hashable] = set()

    # -- values ------------------------------------------------------------------------------------------------------

    def text(self, text: str) -> Thing:
        """Return the one thing that stands for a text."""
        return self.one(("text", text), lambda: Text(text))

    def number(self, number: int) -> Thing:
        """Return the one thing that stands for a number."""
        return self.one(("number", number), lambda: Number(number))

    def external(self, name: str, of: Thing | None = None) -> Thing:
        """Return the one thing that stands for something from outside."""
        return self.one(("external", name, of), lambda: External(name, of))

    def external_object(self, name: str, key: Hashable, site: object) -> ExternalObject:
        """Return the object that a call of something from outside makes at a place."""
        made = self.one(("object", name, key), lambda: ExternalObject(name, key, site))
        assert isinstance(made, ExternalObject)
        return made

    def bound(self, function: Function, receiver: Thing) -> Thing:
        """Return a method of an object."""
        return self.one(("bound", function, receiver), lambda: Bound(function, receiver))

    def operation(self, name: str, of: Thing) -> Thing:
        """Return a method of a container, a text, a generator."""
        return self.one(("operation", name, of), lambda: Operation(name, of))

    def running(self, function: Function) -> Thing:
        """Return what a call of a generator returns."""
        return self.one(("running", function), lambda: Running(function))

    def wrapped(self, kind: str, node: Node, setter: Node | None = None) -> Thing:
        """Return a function behind `property` and its like."""
        return self.one(("wrapped", kind, node, setter), lambda: Wrapped(kind, node, setter))

    def container(self, kind: str, key: Hashable) -> Container:
        """Return the container that is made at a place."""
        made = self.one(("container", kind, key), lambda: self._make_container(kind, key))
        assert isinstance(made, Container)
        return made

    def formed(self, operation: str, parts: list[Node], key: Hashable) -> Formed:
        """Return what an operation at a place makes."""
        made = self.one(("formed", operation, key), lambda: Formed(operation, parts))
        assert isinstance(made, Formed)
        return made

    def one(self, key: Hashable, make: Callable[[], Thing]) -> Thing:
        """Return the one thing of a key."""
        thing = self._made.get(key)
        if thing is None:
            thing = self._made[key] = make()
        return thing

    def is_first(self, key: Hashable) -> bool:
        """Tell whether something is done for the first time."""
        if key in self._done:
            return False
        self._done.add(key)
        return True

    def _make_container(self, kind: str, key: Hashable) -> Container:
        made = Container(kind, key)
        self.flow(made.some, made.every)
        return made

    # -- flow --------------------------------------------------------------------------------------------------------

    def add(self, node: Node, thing: Thing) -> None:
        """Let a variable hold a value."""
        values = node.values
        if thing in values:
            return
        kind = type(thing)
        if kind is Text or kind is Number or kind is Formed:
            node.texts += 1
            if node.texts > MOST_TEXTS:
                thing = self.any_text
        elif kind is ExternalObject or (kind is External and thing.of is not None):  # type: ignore[attr-defined]
            node.objects += 1
            if node.objects > MOST_OBJECTS:
                # Whichever of them: one that is of the same class, or its method.
                name = thing.name  # type: ignore[attr-defined]
                is_object = kind is ExternalObject
                thing = self.external_object(name, ("any", name), None) if is_object else self.external(name)
        elif kind is Container or kind is Operation:
            node.lists += 1
            if node.lists > MOST_LISTS:
                return
        if thing in values or len(values) >= MOST_VALUES:
            return
        values[thing] = None
        if node.targets is not None or node.handlers is not None:
            self.todo.append((node, thing))

    def flow(self, source: Node, target: Node) -> None:
        """Let everything that one variable holds flow into another."""
        if source is target:
            return
        targets = source.targets
        if targets is None:
            source.targets = {target: None}
        elif target in targets:
            return
        else:
            targets[target] = None
        for thing in tuple(source.values):
            self.add(target, thing)

    def watch(self, node: Node, handler: Callable[[Thing], None]) -> None:
        """Tell a handler of each value of a variable, those that it holds already among them."""
        if node.handlers is None:
            node.handlers = [handler]
        else:
            node.handlers.append(handler)
        for thing in node.values:
            self.todo.append((handler, thing))

    def run(self) -> None:
        """Go on until nothing new arrives anywhere, or it takes too long: then the answer is not whole."""
        todo, later, add = self.todo, self.later, self.add
        while todo or later:
            if not todo:
                later.popleft()()
                continue
            node, thing = todo.popleft()
            self.steps += 1
            if self.steps > MOST_STEPS:
                self.is_whole = False
                todo.clear()
                later.clear()
                return
            if type(node) is Node:
                if node.targets is not None:
                    for target in tuple(node.targets):
                        if thing not in target.values:
                            add(target, thing)
                if node.handlers is not None:
                    for handler in tuple(node.handlers):
                        handler(thing)
            else:
                node(thing)  # type: ignore[operator]

    def module_variable(self, module: Module, name: str) -> Node:
        """Return the variable of a module."""
        names = self.globals.setdefault(module, {})
        node = names.get(name)
        if node is None:
            node = names[name] = Node()
        return node
