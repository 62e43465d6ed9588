"""What do parsers of arguments, threads, queues, futures and `globals()` call and hand on?"""

from __future__ import annotations

from collections.abc import Callable

from agentkit.depmap.python import calling
from agentkit.depmap.python.attributes import holding, load_from
from agentkit.depmap.python.elements import field, iterate
from agentkit.depmap.python.engine import Engine
from agentkit.depmap.python.operations import key_of
from agentkit.depmap.python.things import (
    Arguments,
    External,
    ExternalObject,
    Having,
    Instance,
    Node,
    Site,
    Text,
    Thing,
)

Standard = Callable[[Engine, External, Arguments, Site, Node], None]
# What the parsers of one program give back, whatever makes more of them: a field of each.
ARGUMENTS = "parse_args()"
ITEMS = "get()"
RESULT = "result()"


def _make_parser(engine: Engine, thing: External, arguments: Arguments, site: Site, into: Node) -> None:
    del thing
    made = engine.external_object("argparse.ArgumentParser", key_of(site), site)
    own = made.field(ARGUMENTS)
    engine.add(own, engine.external_object("argparse.Namespace", key_of(site), site))
    engine.add(into, made)
    parents = Node()
    if "parents" in arguments.names:
        iterate(engine, arguments.names["parents"], parents, (site.module, site.function, site.line))
    engine.watch(
        parents,
        lambda each: engine.flow(own, each.field(ARGUMENTS)) if isinstance(each, ExternalObject) else None,
    )


def _make_part(engine: Engine, thing: External, arguments: Arguments, site: Site, into: Node) -> None:
    """Read what makes a parser, or a group, of a parser: both fill the same names."""
    del arguments
    kind = "argparse.ArgumentParser" + (".add_subparsers" if thing.name.endswith(".add_subparsers") else "")
    made = engine.external_object(kind, key_of(site), site)
    if isinstance(thing.of, Having):
        engine.flow(thing.of.field(ARGUMENTS), made.field(ARGUMENTS))
    engine.add(into, made)


def _fill(engine: Engine, thing: External, name: str, value: Node) -> None:
    if isinstance(thing.of, Having):
        engine.watch(
            thing.of.field(ARGUMENTS),
            lambda each: engine.flow(value, each.field(name)) if isinstance(each, Having) else None,
        )


def _set_defaults(engine: Engine, thing: External, arguments: Arguments, site: Site, into: Node) -> None:
    del site, into
    for name, value in arguments.names.items():
        _fill(engine, thing, name, value)


def _add_argument(engine: Engine, thing: External, arguments: Arguments, site: Site, into: Node) -> None:
    del into
    default, kind = arguments.names.get("default"), arguments.names.get("type")
    value = Node()
    if kind is not None:
        calling.call_node(engine, kind, Arguments([(Node(), False)]), site, value, rule="callback")
    if default is not None:
        is_path = kind is not None and any(
            isinstance(each, External) and each.name == "pathlib.Path" for each in kind.values
        )
        if is_path:
            engine.add(value, engine.formed("pathlib.Path", [default], key_of(site)))
        else:
            engine.flow(default, value)
    words = [
        each.text for node, _ in arguments.positions for each in node.values if isinstance(each, Text) and each.text
    ]
    named = [each.text for each in arguments.names.get("dest", Node()).values if isinstance(each, Text)]
    long = [word for word in words if word.startswith("--")]
    for name in (named or long or words)[:1]:
        _fill(engine, thing, name.lstrip("-").replace("-", "_"), value)


def _parse(engine: Engine, thing: External, arguments: Arguments, site: Site, into: Node) -> None:
    del arguments
    found = into
    if "_known_" in thing.name:
        made = engine.container("tuple", key_of(site))
        found = field(engine, made, 0)
        made.items.extend([(found, False), (field(engine, made, 1), False)])
        engine.add(into, made)
    if isinstance(thing.of, Having):
        engine.flow(thing.of.field(ARGUMENTS), found)


def _start(engine: Engine, thing: External, arguments: Arguments, site: Site, into: Node) -> None:
    """Read `start()` of a class of the program that is a thread or a process: it calls `run`."""
    del arguments, into
    if isinstance(thing.of, Instance):
        method = Node()
        load_from(engine, thing.of, "run", method, (site.module, site.function, site.line))
        calling.call_node(engine, method, Arguments([]), site, Node(), rule="run")


def _put(engine: Engine, thing: External, arguments: Arguments, site: Site, into: Node) -> None:
    del site, into
    given = arguments.first(0, "item")
    if isinstance(thing.of, Having) and given is not None:
        engine.flow(given, thing.of.field(ITEMS))


def _get(engine: Engine, thing: External, arguments: Arguments, site: Site, into: Node) -> None:
    """Read what gives out what was put in: an element of a queue, the result of a future."""
    del arguments
    if isinstance(thing.of, Having):
        engine.flow(thing.of.field(RESULT if thing.name.endswith(".result") else ITEMS), into)
    engine.add(into, engine.external_object(thing.name, key_of(site), site))


def _when_done(engine: Engine, thing: External, arguments: Arguments, site: Site, into: Node) -> None:
    del into
    called = arguments.first(0, "fn")
    if called is not None and thing.of is not None:
        done = Node()
        _finish(engine, holding(engine, thing.of), done, site)
        calling.call_node(engine, called, Arguments([(done, False)]), site, Node(), rule="callback")


def _finish(engine: Engine, node: Node, into: Node, site: Site) -> None:
    """Let futures flow on as those that are done: they have their results, and nobody waits for them."""

    def take(thing: Thing) -> None:
        if isinstance(thing, ExternalObject):
            holder, _, name = thing.name.rpartition(".")
            done = engine.external_object(f"{holder}.Done{name.removeprefix('Done')}", thing.key, site)
            engine.flow(thing.field(RESULT), done.field(RESULT))
            engine.add(into, done)
        else:
            engine.add(into, thing)

    engine.watch(node, take)


def _give_done(engine: Engine, thing: External, arguments: Arguments, site: Site, into: Node) -> None:
    del thing
    made = engine.container("list", key_of(site))
    for given, _ in arguments.positions[:1]:
        each = Node()
        iterate(engine, given, each, (site.module, site.function, site.line))
        _finish(engine, each, made.some, site)
    engine.add(into, made)


def _wait_for_all(engine: Engine, thing: External, arguments: Arguments, site: Site, into: Node) -> None:
    """Read what gives the futures that are done and those that are not."""
    del thing
    made = engine.container("tuple", key_of(site))
    for place in range(2):
        inner = engine.container("list", (key_of(site), place))
        node = field(engine, made, place)
        made.items.append((node, False))
        engine.add(node, inner)
        for given, _ in arguments.positions[:1]:
            each = Node()
            iterate(engine, given, each, (site.module, site.function, site.line))
            if place:
                engine.flow(each, inner.some)
            else:
                _finish(engine, each, inner.some, site)
    engine.add(into, made)


def _serve(engine: Engine, thing: External, arguments: Arguments, site: Site, into: Node) -> None:
    called = arguments.first(0, "client_connected_cb")
    ends = [
        (holding(engine, engine.external_object(name, (*key_of(site), name), site)), False)
        for name in ("asyncio.StreamReader", "asyncio.StreamWriter")
    ]
    if called is not None:
        calling.call_node(engine, called, Arguments(list(ends)), site, Node(), rule="callback")
    engine.add(into, engine.external_object(thing.name, key_of(site), site))


def _list_globals(engine: Engine, thing: External, arguments: Arguments, site: Site, into: Node) -> None:
    """Read `globals()`: what the module binds, by name."""
    del thing, arguments
    made = engine.container("dict", ("globals", site.module))
    if engine.is_first(("globals", site.module)):
        for name in engine.module_names.get(site.module, ()):
            engine.flow(engine.module_variable(site.module, name), field(engine, made, name))
    engine.add(into, made)


_PARSER = "argparse.ArgumentParser"
_QUEUES = ("queue.Queue", "queue.LifoQueue", "queue.PriorityQueue", "queue.SimpleQueue", "asyncio.Queue")
STANDARD: dict[str, Standard] = {
    "builtins.globals": _list_globals,
    _PARSER: _make_parser,
    f"{_PARSER}.add_subparsers": _make_part,
    f"{_PARSER}.add_subparsers.add_parser": _make_part,
    f"{_PARSER}.add_argument_group": _make_part,
    f"{_PARSER}.add_mutually_exclusive_group": _make_part,
    f"{_PARSER}.set_defaults": _set_defaults,
    f"{_PARSER}.add_argument": _add_argument,
    f"{_PARSER}.parse_args": _parse,
    f"{_PARSER}.parse_known_args": _parse,
    "threading.Thread.start": _start,
    "multiprocessing.Process.start": _start,
    **{
        f"{holder}.add_done_callback": _when_done
        for holder in ("concurrent.futures.Future", "concurrent.futures.DoneFuture", "asyncio.Task")
    },
    "concurrent.futures.DoneFuture.result": _get,
    "concurrent.futures.Future.result": _get,
    "concurrent.futures.as_completed": _give_done,
    "concurrent.futures.wait": _wait_for_all,
    "asyncio.start_server": _serve,
    "asyncio.start_unix_server": _serve,
    **{f"{holder}.{name}": _put for holder in (*_QUEUES, "multiprocessing.Queue") for name in ("put", "put_nowait")},
    **{f"{holder}.{name}": _get for holder in (*_QUEUES, "multiprocessing.Queue") for name in ("get", "get_nowait")},
}
