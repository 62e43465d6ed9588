"""Which new tests are old ones under another name? Those whose bodies are equal, word for word."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from agentkit.core.repo.blobs import read_blobs
from agentkit.core.repo.checkout import FILE, PROGRAM, Tree
from agentkit.core.repo.repository import Repository
from agentkit.ratchet.outcomes import RANK, Outcomes

# Digest of a test's arguments, decorators and body, by the test's id without its parameters.
Bodies = Mapping[str, str]


def read_bodies(repository: Repository, tree: Tree) -> dict[str, str]:
    """Return the bodies of all test functions in the Python files of a tree."""
    files = {path: entry.name for path, entry in tree.items() if path.endswith(".py") and entry.mode in (FILE, PROGRAM)}
    blobs = read_blobs(repository, files.values())
    bodies: dict[str, str] = {}
    for path, name in files.items():
        try:
            module = ast.parse(blobs.get(name, b""))
        except (SyntaxError, ValueError, RecursionError):
            continue
        _read_block(module.body, path[:-3].replace("/", "."), bodies)
    return bodies


def find_renamed(base: Outcomes, own: Outcomes, gone: Iterable[str], old: Bodies, new: Bodies) -> dict[str, str]:
    """Return {old id: new id} for the ids that went and came back under another name, as good as they were."""
    came: dict[tuple[str, str], list[str]] = {}
    for name in sorted(own.keys() - base.keys()):
        test, parameters = split_id(name)
        body = new.get(test)
        if body is not None and test not in old:
            came.setdefault((body, parameters), []).append(name)
    renamed: dict[str, str] = {}
    for name in sorted(gone):
        test, parameters = split_id(name)
        body = old.get(test)
        heirs = came.get((body, parameters), []) if body is not None else []
        for heir in heirs:
            if RANK[own[heir]] >= RANK[base[name]]:
                renamed[name] = heir
                heirs.remove(heir)
                break
    return renamed


def split_id(name: str) -> tuple[str, str]:
    """Return the id of the function and the parameters in brackets."""
    test, bracket, parameters = name.partition("[")
    return test, bracket + parameters


def _read_block(body: Iterable[ast.stmt], where: str, bodies: dict[str, str]) -> None:
    for node in body:
        if isinstance(node, ast.ClassDef):
            _read_block(node.body, f"{where}.{node.name}", bodies)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            parts = [ast.dump(node.args), *map(ast.dump, node.decorator_list), *map(ast.dump, node.body)]
            bodies[f"{where}::{node.name}"] = "\n".join([type(node).__name__, *parts])
