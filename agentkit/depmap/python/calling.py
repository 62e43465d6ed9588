"""What happens to arguments and results when a value is called?"""

from __future__ import annotations

from collections.abc import Callable

from agentkit.depmap.python import operations, outside
from agentkit.depmap.python.attributes import call_method, find_order, look_up
from agentkit.depmap.python.elements import field, listen, spread
from agentkit.depmap.python.engine import Engine
from agentkit.depmap.python.things import (
    Arguments,
    Bound,
    Class,
    Container,
    External,
    ExternalObject,
    Function,
    Instance,
    Key,
    Node,
    Operation,
    Partial,
    Site,
    Thing,
    Wrapped,
)

# A function that calls itself with one more argument each time has as many as there are: behind these, any may be any.
MOST_PLACES = 32


def call(engine: Engine, site: Site) -> None:
    """Let a site call whatever may be there to be called."""
    assert site.called is not None
    engine.watch(site.called, lambda thing: call_thing(engine, thing, site.arguments, site, site.result))


def call_thing(engine: Engine, thing: Thing, arguments: Arguments, site: Site, into: Node) -> None:
    """Let a site call one value with some arguments."""
    if not engine.is_first(("call", thing, arguments, site, into)):
        return
    if isinstance(thing, Function):
        site.seen[thing] = thing.subject
        bind(engine, thing, arguments, site, 0)
        give_result(engine, thing, into)
    elif isinstance(thing, Bound):
        site.seen[thing] = thing.function.subject
        if thing.function.parameters:
            engine.add(thing.function.parameters[0][1], thing.receiver)
        elif thing.function.rest is not None:
            engine.add(field(engine, thing.function.rest, 0), thing.receiver)
        bind(engine, thing.function, arguments, site, 1)
        give_result(engine, thing.function, into)
    elif isinstance(thing, Class):
        engine.later.append(lambda: construct(engine, thing, arguments, site, into))
    elif isinstance(thing, External):
        site.seen[thing] = thing.name
        outside.call_external(engine, thing, arguments, site, into)
    elif isinstance(thing, ExternalObject):
        outside.call_object(engine, thing, arguments, site, into)
    elif isinstance(thing, Instance):
        _call_instance(engine, thing, arguments, site, into)
    elif isinstance(thing, Operation):
        operations.operate(engine, thing, arguments, site, into)
    elif isinstance(thing, Partial):
        partial = thing.arguments
        whole = Arguments(
            [*partial.positions, *arguments.positions],
            {**partial.names, **arguments.names},
            [*partial.doubles, *arguments.doubles],
        )
        engine.watch(thing.node, lambda each: call_thing(engine, each, whole, site, into))
    elif isinstance(thing, Wrapped):
        engine.watch(thing.node, lambda each: call_thing(engine, each, arguments, site, into))


def _call_instance(engine: Engine, thing: Instance, arguments: Arguments, site: Site, into: Node) -> None:
    def use(found: Node | External) -> None:
        if isinstance(found, External):
            site.seen[found] = f"{found.name}.__call__"
            return

        def take(method: Thing) -> None:
            made = engine.bound(method, thing) if isinstance(method, Function) else method
            call_thing(engine, made, arguments, site, into)

        engine.watch(found, take)

    engine.later.append(lambda: look_up(thing.of, "__call__", use))


def give_result(engine: Engine, function: Function, into: Node) -> None:
    """Let what a function returns flow into a variable: of a generator, or an `async def`, what stands for its run."""
    if function.yields is not None or function.is_async:
        engine.add(into, engine.running(function))
    else:
        engine.flow(function.returns, into)


def bind(engine: Engine, function: Function, arguments: Arguments, site: Site, shift: int) -> None:
    """Let arguments flow into the parameters of a function, the first `shift` of which have theirs."""
    if not engine.is_first(("bind", function, arguments, shift)):
        return
    parameters = function.parameters
    at = (site.module, site.function, site.line)

    def give(place: int, node: Node) -> None:
        if place < len(parameters):
            engine.flow(node, parameters[place][1])
        elif function.rest is not None and place - len(parameters) >= MOST_PLACES:
            engine.flow(node, function.rest.some)
        elif function.rest is not None:
            engine.flow(node, field(engine, function.rest, place - len(parameters)))

    def give_any(first: int, node: Node) -> None:
        for _, parameter in parameters[first:]:
            engine.flow(node, parameter)
        if function.rest is not None:
            engine.flow(node, function.rest.some)

    def give_name(name: Key, node: Node) -> None:
        parameter = function.named.get(str(name))
        if parameter is not None:
            engine.flow(node, parameter)
        elif function.keyword is not None:
            engine.flow(node, field(engine, function.keyword, name))

    place, is_known = shift, True
    for node, is_starred in arguments.positions:
        if is_starred:
            start, known = place, is_known
            spread(
                engine,
                node,
                lambda at_, each, start=start, known=known: (  # type: ignore[misc]
                    give(start + at_, each) if at_ is not None and at_ >= 0 and known else give_any(start, each)
                ),
                at,
            )
            is_known = False
        elif is_known:
            give(place, node)
            place += 1
        else:
            give_any(place, node)
    for name, node in arguments.names.items():
        give_name(name, node)
    for node in arguments.doubles:
        engine.watch(node, lambda thing: _give_double(engine, thing, function, give_name))


def _give_double(engine: Engine, thing: Thing, function: Function, give_name: Callable[[Key, Node], None]) -> None:
    if not isinstance(thing, Container):
        return
    listen(thing, give_name)
    for parameter in function.named.values():
        engine.flow(thing.some, parameter)
    if function.keyword is not None:
        engine.flow(thing.some, function.keyword.some)


def construct(engine: Engine, thing: Class, arguments: Arguments, site: Site, into: Node) -> None:
    """Make an instance: its `__new__` and `__init__` are called, or its fields are filled as a dataclass fills them."""
    instance = thing.instance
    engine.add(into, instance)
    site.seen[thing] = thing.subject
    at = (site.module, site.function, site.line)

    def use(found: Node | External) -> None:
        if isinstance(found, External):
            if found.name not in ("builtins.object", "abc.ABC", "typing.Protocol", "typing.Generic"):
                site.seen.setdefault(found, f"{found.name}.__init__")
                operations.call_back(engine, arguments, site)
            _fill_fields(engine, thing, arguments)
            return

        def take(method: Thing) -> None:
            if isinstance(method, Function):
                site.seen.pop(thing, None)
                call_thing(engine, engine.bound(method, instance), arguments, site, Node())

        engine.watch(found, take)

    def use_new(found: Node | External) -> None:
        if isinstance(found, Node):
            engine.watch(
                found,
                lambda method: (
                    call_thing(engine, engine.bound(method, thing), arguments, site, into)
                    if isinstance(method, Function)
                    else None
                ),
            )

    order = find_order(thing)
    look_up(thing, "__new__", use_new)
    look_up(thing, "__init__", use)
    if not any(isinstance(each, Class) and "__init__" in each.members for each in order):
        _fill_fields(engine, thing, arguments)
        call_method(engine, instance, "__post_init__", Arguments([]), Node(), at=at)


def _fill_fields(engine: Engine, thing: Class, arguments: Arguments) -> None:
    if not engine.is_first(("fields", thing, arguments)):
        return
    names: dict[str, None] = {}
    for each in reversed(find_order(thing)):
        if isinstance(each, Class):
            names.update(dict.fromkeys(each.ordered))
    for (node, is_starred), name in zip(arguments.positions, names, strict=False):
        if is_starred:
            break
        engine.flow(node, thing.instance.field(name))
    for name, node in arguments.names.items():
        if name in names:
            engine.flow(node, thing.instance.field(name))


def call_node(engine: Engine, called: Node, arguments: Arguments, site: Site, into: Node, *, rule: str) -> None:
    """Let a site call what it was given as an argument: a callback."""

    def take(thing: Thing) -> None:
        if isinstance(thing, (Function, Bound, Class, Instance, Partial)):
            inner = engine_site(engine, site, rule)
            call_thing(engine, thing, arguments, inner, into)

    engine.watch(called, take)


def engine_site(engine: Engine, site: Site, rule: str) -> Site:
    """Return the site that stands for calls of callbacks at another one."""
    key = ("inner", site, rule)
    made = engine.inner_sites.get(key)
    if made is None:
        made = engine.inner_sites[key] = Site(site.module, site.function, site.line, Arguments([]), rule)
        engine.sites.append(made)
    return made
