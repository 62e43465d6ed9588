"""How does a call of Python read once its bound is put in?"""

from __future__ import annotations

import ast
import copy

from agentkit.depmap.boundsgap import Gap
from agentkit.depmap.python.program import PyCall
from agentkit.depmap.pythonlint.view import View, unparse


def write_call(gap: Gap, call: PyCall, view: View) -> str:
    """Return a call with its bound."""
    if gap.instead is not None:
        return _fill(gap.instead, call, view)
    node = copy.deepcopy(call.node)
    if gap.add is None:
        return view.read_source(call.node, call.module)
    added = ast.parse(f"f({gap.add})", mode="eval").body
    assert isinstance(added, ast.Call)
    for value in added.args:
        _put_positional(node, value, gap.position)
    for keyword in added.keywords:
        _put_keyword(node, keyword, gap.position)
    if _is_plain(call, node):
        return _insert(gap.add, call, view)
    return unparse(node)


def _is_plain(call: PyCall, changed: ast.Call) -> bool:
    """Tell whether something was only put behind the arguments of a call that stands on one line."""
    before, own = call.node, call.node.keywords
    grew = len(changed.args) + len(changed.keywords) > len(before.args) + len(own)
    kept = [ast.dump(each) for each in (*before.args, *own)]
    now = [ast.dump(each) for each in (*changed.args[: len(before.args)], *changed.keywords[: len(own)])]
    is_generator = len(before.args) == 1 and isinstance(before.args[0], ast.GeneratorExp)
    return grew and kept == now and before.lineno == before.end_lineno and not is_generator


def _insert(add: str, call: PyCall, view: View) -> str:
    text = view.read_source(call.node, call.module)
    if not text.endswith(")"):
        return text
    inside = text[:-1].rstrip()
    if not call.node.args and not call.node.keywords:
        return f"{inside}{add})"
    return f"{inside}{' ' if inside.endswith(',') else ', '}{add})"


def _put_positional(node: ast.Call, value: ast.expr, position: int | None) -> None:
    keyword = next((each for each in node.keywords if each.arg == "timeout"), None)
    if keyword is not None:
        keyword.value = value
    elif position is not None and position < len(node.args):
        node.args[position] = value
    else:
        node.args.append(value)


def _put_keyword(node: ast.Call, keyword: ast.keyword, position: int | None) -> None:
    for each in node.keywords:
        if each.arg == keyword.arg:
            each.value = keyword.value
            return
    if position is not None and position < len(node.args):
        node.args[position] = keyword.value
    else:
        node.keywords.append(keyword)


def _fill(template: str, call: PyCall, view: View) -> str:
    """Put the parts of a call into a template."""
    node = call.node
    func = node.func
    arguments = [*map(unparse, node.args), *map(unparse, node.keywords)]
    rest = arguments[1:]
    parts = {
        "{call}": view.read_source(node, call.module),
        "{func}": view.read_source(func, call.module),
        "{object}": view.read_source(func.value, call.module) if isinstance(func, ast.Attribute) else "",
        "{arguments}": ", ".join(arguments),
        "{first}": arguments[0] if arguments else "",
        "{rest}": f", {', '.join(rest)}" if rest else "",
    }
    out, at = [], 0
    while at < len(template):
        if template.startswith("{{", at):
            out.append("{")
            at += 2
            continue
        sign = next((name for name in parts if template.startswith(name, at)), None)
        out.append(parts[sign] if sign else template[at])
        at += len(sign) if sign else 1
    return "".join(out)
