"""What do the `import` statements of a module bind, and which modules do they name?"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from agentkit.depmap.python import attributes
from agentkit.depmap.python.attributes import holding, thing_of_module
from agentkit.depmap.python.module import resolve_relative
from agentkit.depmap.python.scopes import Scope
from agentkit.depmap.python.things import Node, Thing

if TYPE_CHECKING:
    from agentkit.depmap.python.statements import Statements


def read_import(reader: Statements, node: ast.Import, scope: Scope) -> bool:
    """Bind what `import` binds."""
    for alias in node.names:
        _note_import(reader, alias.name, node, scope)
        name = alias.name if alias.asname else alias.name.partition(".")[0]
        scope.assign(alias.asname or name, holding(reader.engine, _module_thing(reader, name)))
    return True


def read_import_from(reader: Statements, node: ast.ImportFrom, scope: Scope) -> bool:
    """Bind what `from … import` binds."""
    base = resolve_relative(reader.module, node)
    if base is None:
        return True
    thing = _module_thing(reader, base)
    for alias in node.names:
        if alias.name == "*":
            _note_import(reader, base, node, scope)
            _read_star(reader, base, thing, scope, node)
            continue
        inner = reader.find_module(f"{base}.{alias.name}", reader.module)
        _note_import(reader, f"{base}.{alias.name}" if inner is not None else base, node, scope)
        into = Node()
        attributes.load_from(reader.engine, thing, alias.name, into, reader.expressions.at(node, scope))
        scope.assign(alias.asname or alias.name, into)
    return True


def _read_star(reader: Statements, base: str, thing: Thing, scope: Scope, node: ast.ImportFrom) -> None:
    module = reader.find_module(base, reader.module)
    if module is None:
        scope.outside_stars.append(base)
        return
    for name in reader.engine.module_names.get(module, ()):
        if not name.startswith("_"):
            into = Node()
            attributes.load_from(reader.engine, thing, name, into, reader.expressions.at(node, scope))
            scope.assign(name, into)


def _module_thing(reader: Statements, name: str) -> Thing:
    module = reader.find_module(name, reader.module)
    return thing_of_module(reader.engine, module) if module is not None else reader.engine.external(name)


def _note_import(reader: Statements, name: str, node: ast.stmt, scope: Scope) -> None:
    module = reader.find_module(name, reader.module)
    reader.imports.append((name, scope.label, node.lineno, module))
    if module is None:
        parts = name.split(".")
        reader.engine.external_modules.update(".".join(parts[:count]) for count in range(1, len(parts) + 1))
