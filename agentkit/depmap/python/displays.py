"""Which variables hold the elements of lists, dicts and comprehensions as they are written?"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from agentkit.depmap.python import attributes, elements
from agentkit.depmap.python.outside import copy_dict
from agentkit.depmap.python.scopes import Scope
from agentkit.depmap.python.things import Node

if TYPE_CHECKING:
    from agentkit.depmap.python.expressions import Expressions

# A display of more elements than this is one heap of values.
LONGEST_DISPLAY = 64


def read_display(reader: Expressions, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Node:
    """Return what holds a list, a tuple or a set."""
    made = reader.engine.container(type(node).__name__.lower(), reader.key(node))
    is_heap = len(node.elts) > LONGEST_DISPLAY
    is_known = True
    for place, each in enumerate(node.elts):
        if isinstance(each, ast.Starred):
            value = reader.read(each.value, scope)
            elements.iterate(reader.engine, value, made.some, reader.at(each, scope))
            made.items.append((value, True))
            is_known = False
            continue
        value = reader.read(each, scope)
        made.items.append((value, False))
        if is_heap or not is_known:
            reader.engine.flow(value, made.some)
        else:
            reader.engine.flow(value, elements.field(reader.engine, made, place))
    return attributes.holding(reader.engine, made)


def read_dict(reader: Expressions, node: ast.Dict, scope: Scope) -> Node:
    """Return what holds a dict."""
    made = reader.engine.container("dict", reader.key(node))
    holder = attributes.holding(reader.engine, made)
    for key, each in zip(node.keys, node.values, strict=True):
        value = reader.read(each, scope)
        if key is None:
            reader.engine.watch(value, lambda thing: copy_dict(reader.engine, thing, made))
        elif isinstance(key, ast.Constant) and type(key.value) in (str, int):
            reader.engine.flow(value, elements.field(reader.engine, made, key.value))  # type: ignore[arg-type]
        else:
            elements.store_item(reader.engine, holder, reader.read(key, scope), value, reader.at(node, scope))
    return holder


def read_comprehension(reader: Expressions, node: ast.expr, scope: Scope) -> Node:
    """Return what holds a comprehension, or a generator as if it were one."""
    kind = "dict" if isinstance(node, ast.DictComp) else "list"
    made = reader.engine.container(kind, reader.key(node))
    before, temporary = dict(scope.now), dict(reader.temporary)
    for generator in node.generators:  # type: ignore[attr-defined]
        element = Node()
        elements.iterate(reader.engine, reader.read(generator.iter, scope), element, reader.at(node, scope))
        bind_target(reader, generator.target, element, scope)
        for test in generator.ifs:
            reader.read(test, scope)
    if isinstance(node, ast.DictComp):
        key, value = reader.read(node.key, scope), reader.read(node.value, scope)
        reader.engine.flow(key, made.keys)
        reader.engine.flow(value, made.some)
    else:
        reader.engine.flow(reader.read(node.elt, scope), made.some)  # type: ignore[attr-defined]
    scope.now, reader.temporary = before, temporary
    return attributes.holding(reader.engine, made)


def bind_target(reader: Expressions, target: ast.expr, value: Node, scope: Scope) -> None:
    """Let the variables of a comprehension hold its elements, as long as it is read."""
    if isinstance(target, ast.Name):
        scope.now[target.id] = reader.temporary[target.id] = value
    elif isinstance(target, (ast.Tuple, ast.List)):
        inner = [(Node(), isinstance(each, ast.Starred)) for each in target.elts]
        elements.unpack(reader.engine, value, inner, reader.at(target, scope), reader.key(target))
        for each, (node, starred) in zip(target.elts, inner, strict=True):
            bind_target(reader, each.value if starred else each, node, scope)  # type: ignore[attr-defined]
