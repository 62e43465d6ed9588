"""What comes out of a container, a generator or an object when it is asked for an element, and what is put in?"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from agentkit.depmap.python.attributes import call_method, find_order, holding
from agentkit.depmap.python.engine import Engine
from agentkit.depmap.python.things import (
    Arguments,
    At,
    Class,
    Container,
    External,
    ExternalObject,
    Formed,
    Instance,
    Key,
    Node,
    Number,
    Running,
    Text,
    Thing,
)

ENVIRONMENT = ("os.environ", "os.environb")
ANY_KEY = (Formed, External, ExternalObject)


def field(engine: Engine, container: Container, key: Key) -> Node:
    """Return the variable of one key of a container."""
    node = container.fields.get(key)
    if node is None:
        node = container.fields[key] = Node()
        engine.flow(container.some, node)
        engine.flow(node, container.every)
        if container.kind == "dict":
            engine.add(container.keys, engine.text(key) if isinstance(key, str) else engine.number(key))
        for listener in container.listeners:
            listener(key, node)
    return node


def listen(container: Container, listener: Callable[[Key, Node], None]) -> None:
    """Tell of each key of a container, those that it has already among them."""
    container.listeners.append(listener)
    for key, node in tuple(container.fields.items()):
        listener(key, node)


def load_item(engine: Engine, base: Node, key: Node, into: Node, at: At) -> None:
    """Let `base[key]` flow into a variable."""

    def load(thing: Thing) -> None:
        if isinstance(thing, Container):
            _load_key(engine, thing, key, into)
        elif isinstance(thing, Instance):
            call_method(engine, thing, "__getitem__", Arguments([(key, False)]), into, at=at)
        elif isinstance(thing, (External, ExternalObject, Text, Formed)):
            if isinstance(thing, External) and thing.name in ENVIRONMENT:
                engine.environment.append((key, at))
            engine.add(into, engine.formed("[]", [holding(engine, thing), key], (into, thing)))

    engine.watch(base, load)


def _load_key(engine: Engine, container: Container, key: Node, into: Node) -> None:
    def take(thing: Thing) -> None:
        if isinstance(thing, Text) and thing is not engine.any_text:
            engine.flow(field(engine, container, thing.text), into)
        elif isinstance(thing, Number):
            count = len(container.items)
            place = thing.number + count if thing.number < 0 and count else thing.number
            engine.flow(field(engine, container, place), into)
        elif thing is engine.any_text or isinstance(thing, ANY_KEY):
            engine.flow(container.every, into)

    engine.watch(key, take)
    engine.unknown_keys.append((key, lambda: engine.flow(container.every, into)))


def store_item(engine: Engine, base: Node, key: Node, value: Node, at: At) -> None:
    """Let a value flow into `base[key]`."""

    def store(thing: Thing) -> None:
        if isinstance(thing, Container):
            _store_key(engine, thing, key, value)
        elif isinstance(thing, Instance):
            call_method(engine, thing, "__setitem__", Arguments([(key, False), (value, False)]), Node(), at=at)

    engine.watch(base, store)


def _store_key(engine: Engine, container: Container, key: Node, value: Node) -> None:
    def put(thing: Thing) -> None:
        if isinstance(thing, Text) and thing is not engine.any_text:
            engine.flow(value, field(engine, container, thing.text))
        elif isinstance(thing, Number):
            engine.flow(value, field(engine, container, thing.number))
        else:
            engine.flow(value, container.some)
            engine.add(container.keys, thing)

    engine.watch(key, put)
    engine.unknown_keys.append((key, lambda: engine.flow(value, container.some)))


def slice_items(engine: Engine, base: Node, bounds: tuple[int | None, int | None, int | None], into: Node) -> None:
    """Let `base[a:b:c]` of numbers that are known flow into a variable."""

    def cut(thing: Thing) -> None:
        if isinstance(thing, Container):
            made = engine.container("list", (into, thing))
            engine.flow(thing.some, made.some)
            if thing.items and not any(starred for _, starred in thing.items):
                made.items = thing.items[slice(*bounds)]
                for place, (node, _) in enumerate(made.items):
                    engine.flow(node, field(engine, made, place))
            else:
                engine.flow(thing.every, made.some)
            engine.add(into, made)
        elif isinstance(thing, (Text, Formed)):
            engine.add(into, engine.formed("[:]", [holding(engine, thing)], (into, thing)))

    engine.watch(base, cut)


def iterate(engine: Engine, base: Node, into: Node, at: At) -> None:
    """Let each element of what a variable holds flow into another one."""

    def step(thing: Thing) -> None:
        if isinstance(thing, Container):
            engine.flow(thing.keys if thing.kind == "dict" else thing.every, into)
        elif isinstance(thing, Running):
            if thing.function.yields is not None:
                engine.flow(thing.function.yields, into)
        elif isinstance(thing, Instance):
            iterator = Node()
            call_method(engine, thing, "__iter__", Arguments([]), iterator, at=at)
            if not any(isinstance(each, Class) and "__iter__" in each.members for each in find_order(thing.of)):
                call_method(engine, thing, "__getitem__", Arguments([(Node(), False)]), into, at=at)
            engine.watch(iterator, lambda made: _step_on(engine, made, into, at))
        elif isinstance(thing, (External, ExternalObject, Formed, Text)):
            engine.add(into, engine.formed("each", [holding(engine, thing)], (into, thing)))

    engine.watch(base, step)


def _step_on(engine: Engine, thing: Thing, into: Node, at: At) -> None:
    if isinstance(thing, Instance):
        call_method(engine, thing, "__next__", Arguments([]), into, at=at)
    elif engine.is_first(("step", thing, into)):
        iterate(engine, holding(engine, thing), into, at)


def unpack(engine: Engine, value: Node, targets: list[tuple[Node, bool]], at: At, key: Hashable) -> None:
    """Let the elements of a value flow into targets, one of which may be starred."""
    star = next((place for place, (_, starred) in enumerate(targets) if starred), None)
    rest = engine.container("list", key) if star is not None else None
    if star is not None and rest is not None:
        engine.add(targets[star][0], rest)
    others = Node()
    for target, starred in targets:
        if not starred:
            engine.flow(others, target)
        elif rest is not None:
            engine.flow(others, rest.some)

    def take(thing: Thing) -> None:
        if isinstance(thing, Container) and thing.items and not any(starred for _, starred in thing.items):
            _take_known(engine, thing, targets, star, rest)
        elif isinstance(thing, Container) and thing.kind != "dict" and thing.fields:
            listen(thing, lambda place, node: _take_one(engine, place, node, targets, star, rest=rest))
            engine.flow(thing.some, others)
        elif engine.is_first(("unpack", thing, others)):
            iterate(engine, holding(engine, thing), others, at)

    engine.watch(value, take)


def _take_one(
    engine: Engine,
    place: Key,
    node: Node,
    targets: list[tuple[Node, bool]],
    star: int | None,
    *,
    rest: Container | None,
) -> None:
    if isinstance(place, int) and 0 <= place < len(targets) and (star is None or place < star):
        engine.flow(node, targets[place][0])
    elif rest is not None:
        engine.flow(node, rest.some)


def _take_known(
    engine: Engine, thing: Container, targets: list[tuple[Node, bool]], star: int | None, rest: Container | None
) -> None:
    count = len(thing.items)
    behind = len(targets) - 1 - star if star is not None else 0
    for place in range(count):
        node = field(engine, thing, place)
        if star is None or place < star:
            if place < len(targets):
                engine.flow(node, targets[place][0])
        elif place >= count - behind:
            engine.flow(node, targets[len(targets) - (count - place)][0])
        elif rest is not None:
            engine.flow(node, field(engine, rest, place - star))


def spread(engine: Engine, node: Node, give: Callable[[int | None, Node], None], at: At) -> None:
    """Give each element of a starred argument: with its place where that is known, with None where it may be any."""

    def take(thing: Thing) -> None:
        if isinstance(thing, Container) and (
            thing.kind == "tuple" or (thing.kind == "list" and (thing.fields or thing.items))
        ):
            listen(thing, lambda place, each: give(place, each) if isinstance(place, int) else None)
            give(None, thing.some)
        elif engine.is_first(("spread", thing, node, give)):
            each = Node()
            iterate(engine, holding(engine, thing), each, at)
            give(None, each)

    engine.watch(node, take)
