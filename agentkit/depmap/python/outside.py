"""What does a call of something from outside the program give back, and which functions of the program does it call?"""

from __future__ import annotations

from collections.abc import Callable

from agentkit.depmap.python import calling, returned, standard
from agentkit.depmap.python.attributes import holding, load, load_from, store, thing_of_module
from agentkit.depmap.python.elements import field, iterate, listen
from agentkit.depmap.python.engine import Engine
from agentkit.depmap.python.operations import call_back, key_of
from agentkit.depmap.python.texts import SPLITS
from agentkit.depmap.python.things import (
    Arguments,
    Container,
    External,
    ExternalObject,
    Formed,
    Instance,
    Node,
    Partial,
    Site,
    Text,
    Thing,
)

Model = Callable[[Engine, Arguments, Site, Node], None]


def call_external(engine: Engine, thing: External, arguments: Arguments, site: Site, into: Node) -> None:
    """Call something from outside: its result flows into a variable, the functions that it is given are called."""
    name = thing.name
    if name in standard.STANDARD:
        standard.STANDARD[name](engine, thing, arguments, site, into)
        return
    model = MODELS.get(name)
    if model is not None:
        model(engine, arguments, site, into)
        return
    if name in returned.MAPS:
        _map(engine, name, arguments, site, into)
        return
    if name in returned.COPIES:
        _copy(engine, arguments, site, into)
        return
    if name in returned.DICTS:
        _make_dict(engine, arguments, site, into, name)
        return
    if name in returned.TEXTS:
        parts = [node for node, _ in arguments.positions] + list(arguments.names.values())
        engine.add(into, engine.formed(name, parts, key_of(site)))
        return
    if name in returned.PAIRS:
        _make_pair(engine, name, site, into)
        return
    if name in returned.RUNS:
        _run(engine, name, arguments, site, into)
    elif site.rule == "decorator":
        _decorate(engine, name, arguments, site, into)
    elif not name.startswith(returned.PASSIVE):
        call_back(engine, arguments, site)
    if name in returned.GIVES_BACK and (given := arguments.first(returned.GIVES_BACK[name])) is not None:
        engine.flow(given, into)
        return
    if name in returned.PLAIN or (thing.of is not None and _is_plain(name)):
        return
    engine.add(into, engine.external_object(returned.RETURNS.get(name, name), key_of(site), site))


def _is_plain(name: str) -> bool:
    """Tell whether a method is one that texts and numbers have, of an object whose class is not known."""
    holder, _, method = name.rpartition(".")
    return method in returned.PLAIN_METHODS and not holder.rpartition(".")[2][:1].isupper()


def call_object(engine: Engine, thing: ExternalObject, arguments: Arguments, site: Site, into: Node) -> None:
    """Call an object that something from outside gave, such as a decorator that was made with arguments."""
    if site.rule == "decorator":
        _decorate(engine, thing.name, arguments, site, into)
        return
    site.seen[thing] = f"{thing.name}.__call__"
    engine.add(into, engine.external_object(f"{thing.name}.__call__", key_of(site), site))
    call_back(engine, arguments, site)


def _decorate(engine: Engine, name: str, arguments: Arguments, site: Site, into: Node) -> None:
    """A decorator from outside gives the function back, as far as anybody can see, and whoever has it may call it."""
    for node, _ in arguments.positions[:1]:
        engine.flow(node, into)
    if not name.startswith(returned.PASSIVE):
        call_back(engine, arguments, site)


def _map(engine: Engine, name: str, arguments: Arguments, site: Site, into: Node) -> None:
    at = (site.module, site.function, site.line)
    place, elements = returned.MAPS[name]
    called = arguments.names.get(place) if isinstance(place, str) else arguments.first(place)
    result = Node()
    positions = []
    for node, _ in arguments.positions[elements:]:
        element = Node()
        iterate(engine, node, element, at)
        positions.append((element, name.endswith("starmap")))
    if called is not None:
        calling.call_node(engine, called, Arguments(list(positions)), site, result, rule="callback")
    if name.endswith((".min", ".max")):
        for node, _ in positions:
            engine.flow(node, into)
    elif name.endswith(".reduce"):
        engine.flow(result, into)
    elif name in returned.COPIES:
        _copy(engine, Arguments(arguments.positions[elements:]), site, into)
    else:
        made = engine.container("list", key_of(site))
        engine.flow(result, made.some)
        engine.add(into, made)


def _copy(engine: Engine, arguments: Arguments, site: Site, into: Node) -> None:
    made = engine.container("list", key_of(site))
    if not arguments.positions:
        engine.add(into, made)
    for node, _ in arguments.positions:

        def take(thing: Thing, node: Node = node) -> None:
            is_whole = isinstance(thing, Container) and thing.kind != "dict"
            is_whole = is_whole or (isinstance(thing, Formed) and thing.operation in SPLITS)
            if is_whole and len(arguments.positions) == 1:
                engine.add(into, thing)
                return
            engine.add(into, made)
            if engine.is_first(("copy", node, made)):
                iterate(engine, node, made.some, (site.module, site.function, site.line))

        engine.watch(node, take)


def _make_dict(engine: Engine, arguments: Arguments, site: Site, into: Node, name: str) -> None:
    made = engine.container("dict", key_of(site))
    engine.add(into, made)
    positions = arguments.positions
    if name == "collections.defaultdict" and positions:
        calling.call_node(engine, positions[0][0], Arguments([]), site, made.some, rule="callback")
        watch_factory(engine, positions[0][0], made.some, site)
        positions = positions[1:]
    for node in (*(each for each, _ in positions), *arguments.doubles):
        engine.watch(node, lambda thing: copy_dict(engine, thing, made))
    for key, node in arguments.names.items():
        engine.flow(node, field(engine, made, key))


def _from_keys(engine: Engine, arguments: Arguments, site: Site, into: Node) -> None:
    """Read `dict.fromkeys(KEYS, VALUE)`."""
    made = engine.container("dict", key_of(site))
    engine.add(into, made)
    for node, _ in arguments.positions[:1]:
        iterate(engine, node, made.keys, (site.module, site.function, site.line))
    for node, _ in arguments.positions[1:2]:
        engine.flow(node, made.some)


def _open(engine: Engine, arguments: Arguments, site: Site, into: Node) -> None:
    """Read `open`, which calls its opener."""
    if "opener" in arguments.names:
        calling.call_node(engine, arguments.names["opener"], Arguments([]), site, Node(), rule="callback")
    engine.add(into, engine.external_object("io.TextIOWrapper", key_of(site), site))


def watch_factory(engine: Engine, node: Node, into: Node, site: Site) -> None:
    """Let what a factory such as `list` gives flow into a variable."""

    def take(thing: Thing) -> None:
        if isinstance(thing, External) and thing.name in ("builtins.list", "builtins.dict", "builtins.set"):
            engine.add(into, engine.container(thing.name.rpartition(".")[2], (key_of(site), "factory")))

    engine.watch(node, take)


def copy_dict(engine: Engine, thing: Thing, made: Container) -> None:
    """Let what stands in one dict stand in another too."""
    if isinstance(thing, Container) and thing is not made:
        if thing.kind == "dict":
            listen(thing, lambda key, node: engine.flow(node, field(engine, made, key)))
            engine.flow(thing.some, made.some)
            engine.flow(thing.keys, made.keys)
        else:
            engine.flow(thing.every, made.some)


def _make_pair(engine: Engine, name: str, site: Site, into: Node) -> None:
    made = engine.container("tuple", key_of(site))
    for place, kind in enumerate(returned.PAIRS[name]):
        node = field(engine, made, place)
        made.items.append((node, False))
        if kind is not None:
            engine.add(node, engine.external_object(kind, (*key_of(site), place), site))
    engine.add(into, made)


def _run(engine: Engine, name: str, arguments: Arguments, site: Site, into: Node) -> None:
    place, word, behind, names = returned.RUNS[name]
    called = arguments.first(place, word)
    if called is None:
        return
    if behind is None:
        inner = arguments.behind(place + 1)
    else:
        given = arguments.first(behind, names)
        inner = Arguments([(given, True)] if given is not None else [], {}, [])
        if "kwargs" in arguments.names:
            inner.doubles.append(arguments.names["kwargs"])
    result = into if name.endswith(("to_thread", ".register")) else Node()
    calling.call_node(engine, called, inner, site, result, rule="callback")
    if name.endswith(".submit"):
        future = engine.external_object("concurrent.futures.Future", key_of(site), site)
        # What `.result()` gives is what the function returned.
        engine.flow(result, future.field(standard.RESULT))


# -- single functions ------------------------------------------------------------------------------------------------


def _get_attribute(engine: Engine, arguments: Arguments, site: Site, into: Node) -> None:
    base, name, default = arguments.first(0), arguments.first(1), arguments.first(2)
    at = (site.module, site.function, site.line)
    if default is not None:
        engine.flow(default, into)
    if base is None or name is None:
        return
    engine.watch(
        name,
        lambda each: (
            load(engine, base, each.text, into, at) if isinstance(each, Text) and each is not engine.any_text else None
        ),
    )


def _set_attribute(engine: Engine, arguments: Arguments, site: Site, into: Node) -> None:
    base, name, value = arguments.first(0), arguments.first(1), arguments.first(2)
    at = (site.module, site.function, site.line)
    del into
    if base is not None and name is not None and value is not None:
        engine.watch(
            name,
            lambda each: (
                store(engine, base, each.text, value, at)
                if isinstance(each, Text) and each is not engine.any_text
                else None
            ),
        )


def _make_property(kind: str) -> Model:
    def make(engine: Engine, arguments: Arguments, site: Site, into: Node) -> None:
        del site
        getter = arguments.first(0, "fget")
        if getter is not None:
            engine.add(into, engine.wrapped(kind, getter, arguments.first(1, "fset")))

    return make


def _find_type(engine: Engine, arguments: Arguments, site: Site, into: Node) -> None:
    del site
    if len(arguments.positions) == 1:
        engine.watch(
            arguments.positions[0][0],
            lambda thing: engine.add(into, thing.of) if isinstance(thing, Instance) else None,
        )


def _next(engine: Engine, arguments: Arguments, site: Site, into: Node) -> None:
    at = (site.module, site.function, site.line)

    def take(thing: Thing) -> None:
        if isinstance(thing, Instance):
            load_and_call(engine, thing, "__next__", site, into)
        else:
            iterate(engine, holding(engine, thing), into, at)

    for node, _ in arguments.positions[:1]:
        engine.watch(node, take)
    for node, _ in arguments.positions[1:]:
        engine.flow(node, into)


def load_and_call(engine: Engine, thing: Thing, name: str, site: Site, into: Node) -> None:
    """Call a method of a value."""
    method = Node()
    load_from(engine, thing, name, method, (site.module, site.function, site.line))
    calling.call_node(engine, method, Arguments([]), site, into, rule=name)


def _call_special(name: str) -> Model:
    def call(engine: Engine, arguments: Arguments, site: Site, into: Node) -> None:
        for node, _ in arguments.positions[:1]:
            engine.watch(
                node,
                lambda thing: load_and_call(engine, thing, name, site, into) if isinstance(thing, Instance) else None,
            )
            if name == "__str__":
                engine.add(into, engine.formed("builtins.str", [node], key_of(site)))

    return call


def _enumerate(engine: Engine, arguments: Arguments, site: Site, into: Node) -> None:
    _zip(engine, Arguments([(Node(), False), *arguments.positions[:1]]), site, into)


def _zip(engine: Engine, arguments: Arguments, site: Site, into: Node) -> None:
    at = (site.module, site.function, site.line)
    pair = engine.container("tuple", (*key_of(site), "pair"))
    made = engine.container("list", key_of(site))
    for place, (node, _) in enumerate(arguments.positions):
        element = field(engine, pair, place)
        pair.items.append((element, False))
        iterate(engine, node, element, at)
    engine.add(made.some, pair)
    engine.add(into, made)


def _partial(engine: Engine, arguments: Arguments, site: Site, into: Node) -> None:
    if arguments.positions:
        node = arguments.positions[0][0]
        engine.add(into, engine.one(("partial", key_of(site)), lambda: Partial(node, arguments.behind(1))))


def _import(engine: Engine, arguments: Arguments, site: Site, into: Node) -> None:
    del site

    def take(thing: Thing) -> None:
        if isinstance(thing, Text) and thing is not engine.any_text and thing.text:
            module = engine.find_module(thing.text)
            engine.external_modules.add(thing.text)
            engine.add(into, thing_of_module(engine, module) if module is not None else engine.external(thing.text))

    name = arguments.first(0, "name")
    if name is not None:
        engine.watch(name, take)


def _make_field(engine: Engine, arguments: Arguments, site: Site, into: Node) -> None:
    """Read `dataclasses.field(default=…, default_factory=…)`."""
    if "default" in arguments.names:
        engine.flow(arguments.names["default"], into)
    if "default_factory" in arguments.names:
        factory = arguments.names["default_factory"]
        calling.call_node(engine, factory, Arguments([]), site, into, rule="callback")
        watch_factory(engine, factory, into, site)


def _wraps(engine: Engine, arguments: Arguments, site: Site, into: Node) -> None:
    del arguments
    engine.add(into, engine.external("functools.wraps()", None))
    del site


def _identity(engine: Engine, arguments: Arguments, site: Site, into: Node) -> None:
    del site
    for node, _ in arguments.positions[:1]:
        engine.flow(node, into)


MODELS: dict[str, Model] = {
    "builtins.__import__": _import,
    "builtins.classmethod": _make_property("classmethod"),
    "builtins.dict.fromkeys": _from_keys,
    "builtins.enumerate": _enumerate,
    "builtins.getattr": _get_attribute,
    "builtins.len": _call_special("__len__"),
    "builtins.bool": _call_special("__bool__"),
    "builtins.repr": _call_special("__repr__"),
    "builtins.str": _call_special("__str__"),
    "builtins.next": _next,
    "builtins.open": _open,
    "builtins.anext": _next,
    "builtins.property": _make_property("property"),
    "builtins.setattr": _set_attribute,
    "builtins.staticmethod": _make_property("staticmethod"),
    "builtins.type": _find_type,
    "builtins.zip": _zip,
    "dataclasses.field": _make_field,
    "functools.cached_property": _make_property("property"),
    "functools.partial": _partial,
    "functools.wraps": _wraps,
    "functools.wraps()": _identity,
    "importlib.import_module": _import,
    "itertools.zip_longest": _zip,
}
