"""What does a parameter hold that nobody in the program calls with anything, by what is written beside it?"""

from __future__ import annotations

import ast

from agentkit.depmap.python.engine import Engine
from agentkit.depmap.python.expressions import Expressions
from agentkit.depmap.python.scopes import Scope
from agentkit.depmap.python.things import Class, External, Node, Thing

EITHER = ("Optional", "Union", "Annotated", "Final", "ClassVar")
MANY = ("list", "List", "Sequence", "Iterable", "Iterator", "set", "Set", "frozenset", "Collection", "tuple", "Tuple")
NO_OBJECTS = ("builtins.", "typing.", "collections.abc.", "types.")
LONGEST = 300


def give_annotated(engine: Engine, expressions: Expressions, node: Node, annotation: ast.expr, scope: Scope) -> None:
    """Let a variable hold an instance of the class that its annotation names."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str) and len(annotation.value) < LONGEST:
        try:
            annotation = ast.parse(annotation.value.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError):
            return
    if isinstance(annotation, ast.BinOp):
        give_annotated(engine, expressions, node, annotation.left, scope)
        give_annotated(engine, expressions, node, annotation.right, scope)
    elif isinstance(annotation, ast.Subscript):
        _give_generic(engine, expressions, node, annotation, scope)
    elif isinstance(annotation, (ast.Name, ast.Attribute)):
        key = (*expressions.key(annotation), node)

        def take(thing: Thing) -> None:
            if isinstance(thing, Class):
                engine.add(node, thing.instance)
            elif isinstance(thing, External) and not thing.name.startswith(NO_OBJECTS):
                engine.add(node, engine.external_object(thing.name, ("annotated", *key), None))

        engine.watch(expressions.read(annotation, scope), take)


def _give_generic(
    engine: Engine, expressions: Expressions, node: Node, annotation: ast.Subscript, scope: Scope
) -> None:
    head = annotation.value.attr if isinstance(annotation.value, ast.Attribute) else getattr(annotation.value, "id", "")
    inner = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
    if head in EITHER:
        for each in inner:
            give_annotated(engine, expressions, node, each, scope)
    elif head in MANY:
        made = engine.container("list", ("annotated", *expressions.key(annotation), node))
        for each in inner:
            give_annotated(engine, expressions, made.some, each, scope)
        engine.add(node, made)
    elif head in ("dict", "Dict", "Mapping", "MutableMapping", "defaultdict"):
        made = engine.container("dict", ("annotated", *expressions.key(annotation), node))
        give_annotated(engine, expressions, made.some, inner[-1], scope)
        engine.add(node, made)
    else:
        give_annotated(engine, expressions, node, annotation.value, scope)
