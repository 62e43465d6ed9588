"""What do the methods of lists, dicts, texts, paths and generators give back and put in?"""

from __future__ import annotations

from agentkit.depmap.python import calling, hooks
from agentkit.depmap.python.attributes import holding
from agentkit.depmap.python.elements import field, iterate, listen, load_item, store_item
from agentkit.depmap.python.engine import Engine
from agentkit.depmap.python.texts import is_path
from agentkit.depmap.python.things import (
    Arguments,
    Bound,
    Class,
    Container,
    Formed,
    Function,
    Node,
    Operation,
    Partial,
    Running,
    Site,
    Text,
    Thing,
    Wrapped,
)

PUTS = frozenset({"append", "appendleft", "add", "put", "put_nowait"})
TAKES = frozenset({"pop", "popleft", "get", "setdefault"})
UNKNOWN_PARAMETERS = 8


def key_of(site: Site) -> tuple[object, ...]:
    """Return what tells the place of a call from all others."""
    node = site.node
    column = getattr(node, "col_offset", -1)
    end = getattr(node, "end_col_offset", -1)
    return (site.module.path, site.line, column, end, site.rule)


def call_back(engine: Engine, arguments: Arguments, site: Site) -> None:
    """Call the functions that something from outside is given, with arguments that nobody knows."""
    for node in arguments.all():

        def take(thing: Thing) -> None:
            if isinstance(thing, (Function, Bound, Partial)):
                inner = calling.engine_site(engine, site, "callback")
                calling.call_thing(engine, thing, Arguments([]), inner, Node())
            elif isinstance(thing, Class) and engine.is_first(("hooks", thing, site)):
                engine.later.append(lambda: hooks.call_hooks(engine, thing, site))
            elif isinstance(thing, Container) and engine.is_first(("call back", thing, site)):
                call_back(engine, Arguments([(thing.every, False)]), site)

        engine.watch(node, take)


def operate(engine: Engine, thing: Operation, arguments: Arguments, site: Site, into: Node) -> None:
    """Call a method of a container, a text, a generator or a property."""
    of = thing.of
    if isinstance(of, Container):
        site.seen[thing] = f"builtins.{of.kind}.{thing.name}"
        _operate_container(engine, of, thing.name, arguments, site, into=into)
    elif isinstance(of, (Text, Formed)):
        kind = "pathlib.Path" if is_path(of) else "builtins.str"
        site.seen[thing] = f"{kind}.{thing.name}"
        _operate_text(engine, of, thing.name, arguments, site, into=into, kind=kind)
    elif isinstance(of, Running):
        if of.function.yields is not None:
            engine.flow(of.function.yields, into)
    elif isinstance(of, Wrapped):
        given = arguments.first(0)
        if given is not None:
            is_getter = thing.name == "getter"
            setter = given if thing.name == "setter" else of.setter
            engine.add(into, engine.wrapped("property", given if is_getter else of.node, setter))


def _operate_text(
    engine: Engine, of: Text | Formed, name: str, arguments: Arguments, site: Site, *, into: Node, kind: str
) -> None:
    if kind == "pathlib.Path" and name == "open":
        engine.add(into, engine.external_object("io.TextIOWrapper", key_of(site), site))
        return
    parts = [holding(engine, of), *(node for node, _ in arguments.positions), *arguments.names.values()]
    made = engine.formed(f".{name}", parts, (key_of(site), of))
    made.names = {"": len(arguments.positions), **dict.fromkeys(arguments.names, 0)}
    engine.add(into, made)
    if name == "join" and arguments.positions:
        made.parts[1] = arguments.positions[0][0]


def _operate_container(
    engine: Engine, of: Container, name: str, arguments: Arguments, site: Site, *, into: Node
) -> None:
    at = (site.module, site.function, site.line)
    positions = arguments.positions
    if name in PUTS and positions:
        engine.flow(positions[-1][0], of.some)
        of.added[key_of(site)] = (positions[-1][0], False)
    elif name == "insert" and len(positions) > 1:
        engine.flow(positions[1][0], of.some)
        of.added[key_of(site)] = (positions[1][0], False)
    elif name in ("extend", "update", "__iadd__") and of.kind != "dict" and positions:
        iterate(engine, positions[0][0], of.some, at)
        of.added[key_of(site)] = (positions[0][0], True)
    elif name == "update":
        for node in (*(each for each, _ in positions), *arguments.doubles):
            engine.watch(node, lambda given: _update(engine, given, of))
        for key, node in arguments.names.items():
            engine.flow(node, field(engine, of, key))
    elif name in TAKES and positions:
        load_item(engine, holding(engine, of), positions[0][0], into, at)
        for node, _ in positions[1:]:
            engine.flow(node, into)
            if name == "setdefault":
                store_item(engine, holding(engine, of), positions[0][0], node, at)
    elif name in ("pop", "popleft", "popitem", "get", "get_nowait"):
        engine.flow(of.every, into)
    elif name in ("items", "values", "keys"):
        _view(engine, of, name, site, into)
    elif name in ("copy", "union", "intersection", "difference", "__iter__"):
        engine.add(into, of)
        for node, _ in positions:
            iterate(engine, node, of.some, at)
    elif name == "sort" and "key" in arguments.names:
        given = Arguments([(of.every, False)])
        calling.call_node(engine, arguments.names["key"], given, site, Node(), rule="callback")


def _update(engine: Engine, given: Thing, of: Container) -> None:
    if isinstance(given, Container) and given is not of:
        listen(given, lambda key, node: engine.flow(node, field(engine, of, key)))
        engine.flow(given.some, of.some)


def _view(engine: Engine, of: Container, name: str, site: Site, into: Node) -> None:
    made = engine.container("list", (key_of(site), of))
    engine.add(into, made)
    if name == "values":
        engine.flow(of.every, made.some)
    elif name == "keys":
        engine.flow(of.keys, made.some)
    else:
        pair = engine.container("tuple", (key_of(site), of, "pair"))
        for place, node in enumerate((of.keys, of.every)):
            element = field(engine, pair, place)
            engine.flow(node, element)
            pair.items.append((element, False))
        engine.add(made.some, pair)
