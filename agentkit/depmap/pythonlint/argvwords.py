"""Which words does a program get, or which text a shell: as far as the text of Python says it?"""

from __future__ import annotations

import ast
import shlex

from agentkit.depmap.calls import HOLE
from agentkit.depmap.python.module import Module
from agentkit.depmap.pythonlint.limits import Limits
from agentkit.depmap.pythonlint.scopes import Scope

DEEPEST = 8
MOST_WORDS = 500
PYTHON = "python3"


class ArgumentReader:
    """Reads expressions of one place as words and texts; HOLE stands for what only a running program knows."""

    def __init__(self, limits: Limits, module: Module, scope: Scope) -> None:
        self.limits, self.module, self.scope = limits, module, scope

    def read_words(self, node: ast.expr, depth: int = 0) -> tuple[str, ...] | None:
        """Return the words of a list; one HOLE stands for several unknown ones; None where the first is not known."""
        words = self._read_list(node, depth)
        if not words or HOLE in words[0] or not words[0].strip():
            return None
        return self._unwrap_python(words)

    def read_text(self, node: ast.expr, depth: int = 0) -> str:
        """Return a text with its holes."""
        if depth > DEEPEST:
            return HOLE
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else HOLE
        if isinstance(node, ast.JoinedStr):
            return "".join(self.read_text(each, depth + 1) for each in node.values)
        if isinstance(node, ast.FormattedValue):
            return self.read_text(node.value, depth + 1)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self.read_text(node.left, depth + 1) + self.read_text(node.right, depth + 1)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return self._fill_percents(node, depth)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.executable":
            return PYTHON
        if isinstance(node, ast.Call):
            return self._read_call(node, depth)
        if isinstance(node, (ast.Name, ast.Attribute)):
            reader, value = self._follow(node)
            return HOLE if value is None else reader.read_text(value, depth + 1)
        return HOLE

    def _read_list(self, node: ast.expr, depth: int) -> tuple[str, ...] | None:
        if depth > DEEPEST:
            return None
        if isinstance(node, (ast.List, ast.Tuple)):
            return self._read_elements(node.elts, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left = self._read_list(node.left, depth + 1)
            return None if left is None else (*left, *(self._read_list(node.right, depth + 1) or (HOLE,)))[:MOST_WORDS]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "split":
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "shlex":
                text = self.read_text(node.args[0], depth + 1) if node.args else HOLE
            else:
                text = self.read_text(node.func.value, depth + 1)
            return tuple(_split(text))
        if isinstance(node, (ast.Name, ast.Attribute)):
            reader, value = self._follow(node)
            words = None if value is None else reader._read_list(value, depth + 1)  # noqa: SLF001  # the same, elsewhere
            grows = isinstance(node, ast.Name) and any(
                f"{node.id}{verb}" in self.module.text for verb in (".append(", ".extend(", ".insert(", " += ")
            )
            return (*words, HOLE) if words and grows else words
        if isinstance(node, (ast.Constant, ast.JoinedStr)):
            return (self.read_text(node, depth + 1),)
        return None

    def _read_elements(self, elements: list[ast.expr], depth: int) -> tuple[str, ...]:
        words: list[str] = []
        for each in elements[:MOST_WORDS]:
            if isinstance(each, ast.Starred):
                words.extend(self._read_list(each.value, depth + 1) or (HOLE,))
            else:
                words.append(self.read_text(each, depth + 1))
        return tuple(words)

    def _follow(self, node: ast.expr) -> tuple[ArgumentReader, ast.expr | None]:
        found = self.limits.find_value(node, self.module, self.scope)
        if found is None or found[0] is node:
            return self, None
        return ArgumentReader(self.limits, self.module, found[1]), found[0]

    def _read_call(self, node: ast.Call, depth: int) -> str:
        name = ast.unparse(node.func)
        if name in ("str", "Path", "pathlib.Path", "os.fspath", "shlex.quote") and len(node.args) == 1:
            return self.read_text(node.args[0], depth + 1)
        if name == "os.path.join" and node.args:
            return "/".join(self.read_text(each, depth + 1) for each in node.args)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            text = self.read_text(node.func.value, depth + 1)
            return "".join(part + (HOLE if opened else "") for part, opened in _split_fields(text))
        if isinstance(node.func, ast.Attribute) and node.func.attr == "join" and len(node.args) == 1:
            words = self._read_list(node.args[0], depth + 1)
            return self.read_text(node.func.value, depth + 1).join(words) if words else HOLE
        return HOLE

    def _fill_percents(self, node: ast.BinOp, depth: int) -> str:
        text = self.read_text(node.left, depth + 1)
        for sign in ("%s", "%d", "%r"):
            text = text.replace(sign, HOLE)
        return text

    def _unwrap_python(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """Return the words of the module that `python -m` runs, where that is a program of its own."""
        if words[0] == PYTHON and words[1:2] == ("-m",) and words[2:3] == ("pip",):
            return words[2:]
        return words


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _split_fields(text: str) -> list[tuple[str, bool]]:
    """Return the parts of a format string, each with whether a field stands behind it."""
    parts: list[tuple[str, bool]] = []
    rest = text
    while rest:
        before, opened, behind = rest.partition("{")
        if not opened:
            parts.append((before, False))
            break
        if behind.startswith("{"):
            parts.append((before + "{", False))
            rest = behind[1:]
            continue
        parts.append((before, True))
        rest = behind.partition("}")[2]
    return parts
