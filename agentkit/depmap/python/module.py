"""What is a module of Python: its name, its text, its tree, and why it has none?"""

from __future__ import annotations

import ast
import io
import os
import sys
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from agentkit.depmap.disk import LONGEST_BYTES, Disk
from agentkit.depmap.python.finding import is_python

__all__ = ["Module", "is_python", "list_imports", "read_module", "resolve_relative", "walk_statements"]

# How often the end of a text that is not understood is cut off, to read at least what stands before it.
MOST_CUTS = 8
# Chains of a few thousand `elif` are read; the parser's own stack, which is C's, holds several times as many.
DEEPEST = 3000


@dataclass(slots=True, eq=False)
class Module:
    """One file of Python; `trouble` says for a person what of it could not be read (the tree is of the rest).

    `root` is the folder from which its name is counted: that of a script, that which holds the outermost package.
    """

    name: str
    path: str
    text: str
    tree: ast.Module
    trouble: str | None = None
    root: str = ""

    @property
    def package(self) -> str:
        """Return the package from which its relative imports are counted."""
        if os.path.basename(self.path) == "__init__.py":
            return self.name
        return self.name.rpartition(".")[0]


def read_module(name: str, path: str, root: str, disk: Disk) -> Module:
    """Return the module of a file; one that cannot be read or is no Python 3 has as much of a tree as can be had."""
    content = disk.read(path)
    if content is None:
        return Module(name, path, "", ast.Module([], []), disk.explain(path), root)
    if len(content) >= LONGEST_BYTES:
        return Module(name, path, "", ast.Module([], []), f"longer than {LONGEST_BYTES >> 20} MiB: not read", root)
    text, trouble = _decode(content)
    tree, why = _parse(text)
    return Module(name, path, text, tree, why or trouble, root)


def _decode(content: bytes) -> tuple[str, str | None]:
    """Return the text as PEP 263 says, with the newlines that Python sees."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text, trouble = content.decode(encoding), None
    except (SyntaxError, UnicodeDecodeError, LookupError):
        text, trouble = content.decode("latin-1"), "not in the encoding that it says"
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"), trouble


def _parse(text: str) -> tuple[ast.Module, str | None]:
    tree, error = _try(text)
    if tree is not None:
        return tree, None
    line = error.lineno if isinstance(error, SyntaxError) else None
    why = error.msg if isinstance(error, SyntaxError) else "nested too deep to be read"
    trouble = f"not Python 3: line {line}: {why}" if line else f"not Python 3: {why}" if error else why
    return _read_before(text, line), trouble


def _try(text: str) -> tuple[ast.Module | None, Exception | None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, DEEPEST))
    try:
        with warnings.catch_warnings():
            # An odd escape in a string is the business of whoever runs it.
            warnings.simplefilter("ignore")
            return ast.parse(text), None
    except SyntaxError as error:
        return None, error
    except ValueError as error:
        return None, SyntaxError(str(error))
    except (RecursionError, MemoryError) as error:
        return None, error
    finally:
        sys.setrecursionlimit(before)


def _read_before(text: str, line: int | None) -> ast.Module:
    """Return the tree of the statements before the one that is not understood."""
    lines = text.split("\n")
    for _ in range(MOST_CUTS):
        if line is None:
            break
        starts = [at for at, row in enumerate(lines[: line - 1]) if row[:1] not in ("", " ", "\t", "#", ")", "]", "}")]
        # What the line belongs to begins at the last start before it, or on the line itself.
        cut = line - 1 if lines[line - 1 : line] and lines[line - 1][:1] not in ("", " ", "\t") else None
        cut = cut if cut is not None else starts[-1] if starts else 0
        tree, error = _try("\n".join(lines[:cut]))
        if tree is not None:
            return tree
        line = error.lineno if isinstance(error, SyntaxError) and error.lineno and error.lineno <= cut else cut or None
    return ast.Module([], [])


def walk_statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield every statement of a module, in any depth; expressions hold none, but a lambda's is no statement."""
    todo: list[ast.stmt] = list(tree.body)
    while todo:
        node = todo.pop()
        yield node
        for name in ("body", "orelse", "finalbody"):
            todo.extend(getattr(node, name, ()))
        for name in ("handlers", "cases"):
            for part in getattr(node, name, ()):
                todo.extend(part.body)


def list_imports(module: Module) -> Iterator[tuple[str, tuple[str, ...], ast.stmt]]:
    """Yield (module that is named, names that are taken from it, the statement) of every import, in any depth."""
    for node in walk_statements(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, (), node
        elif isinstance(node, ast.ImportFrom):
            base = resolve_relative(module, node)
            if base is not None:
                yield base, tuple(alias.name for alias in node.names), node


def resolve_relative(module: Module, node: ast.ImportFrom) -> str | None:
    """Return the absolute name of the module that `from … import` names; None where it leads out of the package."""
    if not node.level:
        return node.module
    parts = module.package.split(".") if module.package else []
    if node.level - 1 > len(parts):
        return None
    base = parts[: len(parts) - (node.level - 1)]
    # A script's own folder: Python refuses it there, but as a module of a package without __init__ it may run.
    return ".".join([*base, node.module] if node.module else base) or None
