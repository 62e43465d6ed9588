"""What is an attribute of a value, through classes in the order in which Python looks at them?"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

from agentkit.depmap.python.engine import Engine
from agentkit.depmap.python.module import Module
from agentkit.depmap.python.things import (
    Arguments,
    At,
    Bound,
    Class,
    Container,
    External,
    ExternalObject,
    Formed,
    Function,
    Having,
    Instance,
    ModuleThing,
    Node,
    Number,
    Partial,
    Running,
    Site,
    Super,
    Text,
    Thing,
    Wrapped,
)

MOST_BASES = 200
LONGEST_CLASS, LONGEST_CHAIN = 6, 3
Order = list[Class | External]
OF_CONTAINERS = frozenset((*dir(list), *dir(dict), *dir(set), *dir(tuple), *dir(deque)))
OF_TEXTS = frozenset((*dir(str), *dir(bytes), *dir(Path), "send", "throw", "close", "__next__"))
PATH_ATTRIBUTES = frozenset({"parent", "parents", "name", "stem", "suffix"})


def load(engine: Engine, base: Node, name: str, into: Node, at: At) -> None:
    """Let `base.name` flow into a variable."""
    engine.watch(base, lambda thing: load_from(engine, thing, name, into, at))


def load_from(engine: Engine, thing: Thing, name: str, into: Node, at: At) -> None:
    """Let an attribute of one value flow into a variable."""
    if isinstance(thing, (Instance, Class, Super)):
        engine.later.append(lambda: _load_member(engine, thing, name, into, at))
    elif isinstance(thing, ModuleThing):
        _load_global(engine, thing, name, into)
    elif isinstance(thing, External):
        _load_outside(engine, thing, name, into)
    elif isinstance(thing, ExternalObject):
        engine.flow(thing.field(name), into)
        # What something gives that gave something grows in a loop: nobody knows it by such a name any more.
        is_class = thing.name.rpartition(".")[2][:1].isupper()
        if thing.name.count(".") < (LONGEST_CLASS if is_class else LONGEST_CHAIN):
            engine.add(into, engine.external(f"{thing.name}.{name}", thing))
    elif isinstance(thing, (Text, Number)) and name == "value":
        # The members of an Enum are held as their values.
        engine.add(into, thing)
    elif isinstance(thing, (Container, Text, Formed, Running)):
        if name in (OF_CONTAINERS if isinstance(thing, Container) else OF_TEXTS):
            engine.add(into, engine.operation(name, thing))
        elif isinstance(thing, Container) and thing.kind == "dict":
            engine.flow(_field_of(engine, thing, name), into)
        if isinstance(thing, Formed) and name in PATH_ATTRIBUTES:
            engine.add(into, engine.formed(f"path.{name}", [holding(engine, thing)], (into, thing)))
    elif isinstance(thing, Function):
        _load_of_function(engine, thing, name, into)
    elif isinstance(thing, Bound):
        if name == "__self__":
            engine.add(into, thing.receiver)
        else:
            _load_of_function(engine, thing.function, name, into)
    elif isinstance(thing, Partial) and name == "func":
        engine.flow(thing.node, into)
    elif isinstance(thing, Wrapped) and name in ("setter", "getter", "deleter"):
        engine.add(into, engine.operation(name, thing))


def _field_of(engine: Engine, thing: Container, name: str) -> Node:
    """Return the variable of an attribute of a SimpleNamespace, which is held as a dict is."""
    from agentkit.depmap.python.elements import field

    return field(engine, thing, name)


def _load_outside(engine: Engine, thing: External, name: str, into: Node) -> None:
    if thing.of is not None and thing.name.count(".") > LONGEST_CLASS:
        return
    whole = f"{thing.name}.{name}"
    # A package without a file of its own is not known as a module, what is in it may be.
    module = engine.find_module(whole) if thing.of is None else None
    engine.add(into, thing_of_module(engine, module) if module is not None else engine.external(whole, thing.of))


def _load_of_function(engine: Engine, function: Function, name: str, into: Node) -> None:
    if name in ("__func__", "__call__", "__wrapped__"):
        engine.add(into, function)
    elif name in ("__name__", "__qualname__"):
        engine.add(into, engine.text(function.qualname.rpartition(".")[2]))
    else:
        engine.flow(function.field(name), into)


def _load_global(engine: Engine, thing: ModuleThing, name: str, into: Node) -> None:
    is_own = name in engine.module_names.get(thing.module, ())
    inner = None if is_own else engine.find_module(f"{thing.module.name}.{name}")
    if inner is not None:
        engine.add(into, thing_of_module(engine, inner))
    engine.flow(engine.module_variable(thing.module, name), into)


def thing_of_module(engine: Engine, module: Module) -> Thing:
    """Return the one thing that stands for a module."""
    return engine.one(("module", module), lambda: ModuleThing(module))


def _load_member(engine: Engine, thing: Instance | Class | Super, name: str, into: Node, at: At) -> None:
    if isinstance(thing, Super):
        receiver = thing.receiver
        of = receiver.of if isinstance(receiver, Instance) else receiver if isinstance(receiver, Class) else thing.after
        look_up(of, name, _Use(engine, receiver, of, name, into, at=at), after=thing.after)
        return
    of = thing.of if isinstance(thing, Instance) else thing
    if name == "__class__" and isinstance(thing, Instance):
        engine.add(into, of)
        return
    if name in ("__name__", "__qualname__") and isinstance(thing, Class):
        engine.add(into, engine.text(of.qualname.rpartition(".")[2]))
        return
    if isinstance(thing, Instance):
        engine.flow(thing.field(name), into)
    look_up(of, name, _Use(engine, thing, of, name, into, at=at))


class _Use:
    """What is to be done with each member that a lookup finds."""

    __slots__ = ("at", "engine", "into", "name", "of", "thing")

    def __init__(self, engine: Engine, thing: Thing, of: Class, name: str, into: Node, *, at: At) -> None:
        self.engine, self.thing, self.of, self.name, self.into, self.at = engine, thing, of, name, into, at

    def __call__(self, found: Node | External) -> None:
        engine = self.engine
        if isinstance(found, External):
            receiver = self.thing if isinstance(self.thing, Instance) else None
            engine.add(self.into, engine.external(f"{found.name}.{self.name}", receiver))
            return
        if engine.is_first(("use", found, self.thing, self.into)):
            engine.watch(found, self.bind)

    def bind(self, member: Thing) -> None:
        """Give a member as it is when it is asked for by this object or class: a function as its method."""
        engine, thing = self.engine, self.thing
        if isinstance(member, Function):
            is_class = member.qualname.endswith(("__init_subclass__", "__class_getitem__"))
            if isinstance(thing, Instance):
                engine.add(self.into, engine.bound(member, self.of if is_class else thing))
            elif is_class:
                engine.add(self.into, engine.bound(member, self.of))
            else:
                engine.add(self.into, member)
        elif isinstance(member, Wrapped):
            self._unwrap(member)
        else:
            engine.add(self.into, member)

    def _unwrap(self, member: Wrapped) -> None:
        engine = self.engine
        if member.kind == "staticmethod":
            engine.flow(member.node, self.into)
        elif member.kind == "classmethod":
            engine.watch(
                member.node,
                lambda each: engine.add(self.into, engine.bound(each, self.of) if isinstance(each, Function) else each),
            )
        elif isinstance(self.thing, Instance):
            call_implied(engine, member.node, Arguments([(holding(engine, self.thing), False)]), self.into, self.at)
        else:
            engine.add(self.into, member)


def holding(engine: Engine, thing: Thing) -> Node:
    """Return a variable that holds one thing."""
    node = Node()
    engine.add(node, thing)
    return node


def call_implied(
    engine: Engine, called: Node, arguments: Arguments, into: Node, at: At, *, rule: str = "property"
) -> None:
    """Call what a variable holds, as the language does without a call being written."""
    from agentkit.depmap.python.calling import call

    site = Site(at[0], at[1], at[2], arguments, rule)
    site.called = called
    engine.flow(site.result, into)
    engine.sites.append(site)
    call(engine, site)


def call_method(engine: Engine, thing: Thing, name: str, arguments: Arguments, into: Node, *, at: At) -> None:
    """Call a special method of an object, if its class has one of its own."""
    if not isinstance(thing, Instance) or not engine.is_first(("method", thing, name, into, at)):
        return

    def use(found: Node | External) -> None:
        if isinstance(found, Node) and engine.is_first(("use method", found, thing, into, at)):
            method = Node()
            engine.watch(found, _Use(engine, thing, thing.of, name, method, at=at).bind)
            call_implied(engine, method, arguments, into, at, rule=name)

    engine.later.append(lambda: look_up(thing.of, name, use))


def look_up(of: Class, name: str, use: Callable[[Node | External], None], after: Class | None = None) -> None:
    """Give the member of a class, or the classes from outside that may have it; again when its bases change."""
    key = (name, getattr(use, "into", use), getattr(use, "thing", None), after)
    of.watchers[key] = lambda: _give(of, name, use, after)
    _give(of, name, use, after)


def _give(of: Class, name: str, use: Callable[[Node | External], None], after: Class | None) -> None:
    order = find_order(of)
    if after is not None:
        order = order[order.index(after) + 1 :] if after in order else []
    outside: list[External] = []
    for each in order:
        if isinstance(each, External):
            outside.append(each)
        elif name in each.members:
            use(each.members[name])
            return
    for base in outside:
        use(base)


def find_order(of: Class, above: tuple[Class, ...] = ()) -> Order:
    """Return a class and its bases in the order of their lookup (C3, as Python does; by depth where there is none)."""
    if of.order is not None:
        return of.order
    bases: Order = []
    for node in of.bases:
        for thing in node.values:
            if (isinstance(thing, Class) and thing is not of and thing not in above) or isinstance(thing, External):
                bases.append(thing)
    orders: list[Order] = [
        list(find_order(base, (*above, of))) if isinstance(base, Class) and len(above) < MOST_BASES else [base]
        for base in bases
    ]
    orders.append(list(bases))
    merged = _merge(orders)
    if merged is None:
        merged = list(dict.fromkeys(each for order in orders for each in order))
    of.order = [of, *merged]
    return of.order


def _merge(orders: list[Order]) -> Order | None:
    merged: Order = []
    orders = [order for order in orders if order]
    while orders:
        for order in orders:
            head = order[0]
            if not any(head in other[1:] for other in orders):
                break
        else:
            return None
        merged.append(head)
        orders = [rest for order in orders if (rest := [each for each in order if each is not head])]
    return merged


def add_base(engine: Engine, of: Class, node: Node) -> None:
    """Let what a variable holds be a base of a class."""
    of.bases.append(node)

    def take(thing: Thing) -> None:
        if isinstance(thing, Class):
            engine.subclasses.setdefault(thing, {})[of] = None
        change(engine, of)

    engine.watch(node, take)


def change(engine: Engine, of: Class) -> None:
    """Look up again what was looked up in a class whose bases or members changed, and in what is derived from it."""
    todo, seen = [of], {of}
    while todo:
        each = todo.pop()
        each.order = None
        engine.later.extend(list(each.watchers.values()))
        for derived in engine.subclasses.get(each, ()):
            if derived not in seen:
                seen.add(derived)
                todo.append(derived)


def store(engine: Engine, base: Node, name: str, value: Node, at: At) -> None:
    """Let a value flow into `base.name`."""

    def put(thing: Thing) -> None:
        if isinstance(thing, Instance):
            engine.flow(value, thing.field(name))
            engine.later.append(lambda: _set_property(engine, thing, name, value, at))
        elif isinstance(thing, Class):
            if name not in thing.members:
                thing.members[name] = Node()
                change(engine, thing)
            engine.flow(value, thing.members[name])
        elif isinstance(thing, ModuleThing):
            engine.flow(value, engine.module_variable(thing.module, name))
        elif isinstance(thing, Having):
            engine.flow(value, thing.field(name))
        elif isinstance(thing, Container) and thing.kind == "dict":
            engine.flow(value, _field_of(engine, thing, name))
        elif isinstance(thing, Bound):
            engine.flow(value, thing.function.field(name))

    engine.watch(base, put)


def _set_property(engine: Engine, thing: Instance, name: str, value: Node, at: At) -> None:
    for each in find_order(thing.of):
        if isinstance(each, Class) and name in each.members:
            for member in each.members[name].values:
                setter = member.setter if isinstance(member, Wrapped) else None
                if setter is not None and engine.is_first(("set", member, value)):
                    arguments = Arguments([(holding(engine, thing), False), (value, False)])
                    call_implied(engine, setter, arguments, Node(), at)
            return
