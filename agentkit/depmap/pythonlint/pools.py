"""Does leaving a pool of threads or processes wait for a task that can wait for ever?"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from agentkit.depmap.python.program import PyCall
from agentkit.depmap.pythonlint.view import View
from agentkit.depmap.wait import UNBOUNDED, Wait

GIVERS = frozenset({"submit", "map"})


def judge_pool(call: PyCall, view: View, found: Mapping[PyCall, Wait]) -> Wait | None:
    """Return the worst wait among the tasks that are given to a pool within its block, None where there is none.

    shutdown waits for the tasks, and so does Python when it ends, whatever limit result() was given.
    """
    scopes = view.scopes(call.module)
    item = scopes.find_parent(call.node)
    block = scopes.find_parent(item) if isinstance(item, ast.withitem) else None
    if not isinstance(block, ast.With):
        return None
    tasks = {
        f"py:{call.module.name}:{node.args[0].id}"
        for each in block.body
        for node in ast.walk(each)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in GIVERS
        and node.args
        and isinstance(node.args[0], ast.Name)
    }
    waits = [wait for wait in found.values() if wait.subject in tasks]
    return min(waits, key=lambda wait: wait.type != UNBOUNDED, default=None)
