"""Which ways are ever taken: of an `if`, and behind a call that ends the program?"""

from __future__ import annotations

import ast


def list_ways(node: ast.If) -> list[list[ast.stmt]]:
    """Return the bodies of an `if` that may run: of a constant such as False only one."""
    if isinstance(node.test, ast.Constant):
        return [node.body if node.test.value else node.orelse]
    return [node.body, node.orelse]


def is_for_checkers(test: ast.expr) -> bool:
    """Tell whether a condition holds for checkers of types alone."""
    name = test.id if isinstance(test, ast.Name) else test.attr if isinstance(test, ast.Attribute) else ""
    return name == "TYPE_CHECKING"


def is_end(node: ast.expr) -> bool:
    """Tell whether an expression is a call that ends the program."""
    called = node.func if isinstance(node, ast.Call) else None
    if not isinstance(called, ast.Attribute) or not isinstance(called.value, ast.Name):
        return False
    return (called.value.id, called.attr) in (("sys", "exit"), ("os", "_exit"), ("os", "abort"))
