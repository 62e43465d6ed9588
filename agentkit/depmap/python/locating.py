"""Which file is a module that is imported, and what is the module of a file called?"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable, Iterator

from agentkit.depmap.disk import Disk
from agentkit.depmap.python.finding import find_package, is_installed, is_python
from agentkit.depmap.python.module import Module, list_imports, read_module

SKIPPED = frozenset(
    {
        *(".git", ".hg", ".svn", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache", ".ruff_cache"),
        *(".pytest_cache", ".eggs", "site-packages", "dist-packages"),
    }
)
# Whole programs stand in folders: more modules than these are read of none.
MOST_MODULES = 20_000


def find_python_files(folder: str, disk: Disk) -> Iterator[str]:
    """Yield the files of Python under a folder, sorted; links to folders and what was installed there not followed."""
    todo, count = [folder], 0
    while todo:
        path = todo.pop()
        names = disk.list_folder(path)
        if "pyvenv.cfg" in names and path != folder:
            continue
        inner = []
        for name in names:
            whole = os.path.join(path, name)
            try:
                here = disk.here(path) + "/" + name
            except OSError:
                continue
            if os.path.isdir(here):
                if name not in SKIPPED and not os.path.islink(here):
                    inner.append(whole)
            elif (
                (name.endswith(".py") or "." not in name)
                and os.path.isfile(here)
                and is_python(disk.read_head(whole), whole)
            ):
                count += 1
                if count > MOST_MODULES:
                    return
                yield whole
        todo.extend(reversed(inner))


def name_module(path: str, disk: Disk) -> tuple[str, str]:
    """Return (the name of a file's module, the folder that it is counted from), by the packages around it."""
    folder, base = os.path.split(path)
    stem = base.removesuffix(".py")
    parts = [] if stem == "__init__" else [stem]
    while "__init__.py" in disk.list_folder(folder) and os.path.basename(folder).isidentifier():
        folder, package = os.path.split(folder)
        parts.insert(0, package)
    return ".".join(parts) or stem, folder


class Modules:
    """The modules of one program: those that are named, and the local ones that these import."""

    def __init__(self, disk: Disk, search: Iterable[str] = (), *, is_share: bool = False) -> None:
        self.disk = disk
        self.is_share = is_share
        self.search = list(search)
        self.by_name: dict[str, Module] = {}
        self.by_path: dict[str, Module] = {}
        self.named: dict[str, None] = {}
        self._roots: dict[str, None] = {}
        self._files: dict[str, bool] = {}

    def read(self, paths: Iterable[str]) -> None:
        """Read files and folders, and whatever they import that stands beside them."""
        files: dict[str, str | None] = {}
        for path in paths:
            if os.path.isdir(self.disk.here(path)):
                files.update(dict.fromkeys(find_python_files(path, self.disk), path))
                self.search.extend((path, os.path.join(path, "src"), os.path.join(path, "lib")))
            else:
                files[path] = None
                self.named[path] = None
        for path, folder in files.items():
            self._add(path, folder)
        for root in dict.fromkeys(module.root for module in self.by_path.values()):
            self._roots[root] = None
        todo = list(self.by_path.values())
        while todo:
            module = todo.pop()
            if self.is_share and self.named and not self._is_followed(module):
                continue
            self.search.extend(_find_added_folders(module, self.disk, self.search))
            for name, taken, _ in list_imports(module):
                for each in (name, *(f"{name}.{one}" for one in taken if one != "*")):
                    found = (path for path in self._find_all(each, module) if path not in self.by_path)
                    todo.extend(self._add(path, None) for path in found if len(self.by_path) < MOST_MODULES)

    def _is_followed(self, module: Module) -> bool:
        """Tell whether what a module imports is read too: of a package only what it shows is, where a file is named."""
        is_shown = os.path.basename(module.path) == "__init__.py" or module.path in self.named
        return is_shown or find_package(module.path, self.disk) is None

    def find(self, name: str, importer: Module) -> Module | None:
        """Return the module of this program that a module gets when it imports a name; None for one from outside."""
        for path in self._find_all(name, importer)[-1:]:
            module = self.by_path.get(path)
            if module is not None and module.name.count(".") >= name.count("."):
                return module
        found = self.by_name.get(name)
        return found if found is not None and name.partition(".")[0] not in sys.stdlib_module_names else None

    def _add(self, path: str, folder: str | None) -> Module:
        name, root = name_module(path, self.disk)
        if name in self.by_name and folder is not None:
            # Two scripts of one name: the second is called as it is from the folder that was named.
            parts = os.path.relpath(path, folder).removesuffix(".py").split(os.sep)
            name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        module = read_module(name, path, root, self.disk)
        self.by_path[path] = module
        self.by_name.setdefault(name, module)
        return module

    def _find_all(self, name: str, importer: Module) -> list[str]:
        """Return the files that are run when a name is imported: those of the packages around it, and its own."""
        parts = name.split(".")
        is_foreign = is_installed(importer.path)
        if is_foreign and parts[0] != importer.name.partition(".")[0]:
            return []
        roots = [importer.root]
        if parts[0] not in sys.stdlib_module_names:
            roots += [*self.search, *self._roots]
        for root in dict.fromkeys(roots):
            found = self._walk(root, parts)
            if found is not None and (root == importer.root or not is_installed(f"{root}/")):
                return found
        return []

    def _is_file(self, path: str) -> bool:
        if path not in self._files:
            self._files[path] = self.disk.is_file(path)
        return self._files[path]

    def _walk(self, root: str, parts: list[str]) -> list[str] | None:
        found, folder = [], root
        for place, part in enumerate(parts):
            names = self.disk.list_folder(folder)
            inner = os.path.join(folder, part)
            if part in names and "__init__.py" in self.disk.list_folder(inner):
                found.append(os.path.join(inner, "__init__.py"))
            elif f"{part}.py" in names and self._is_file(f"{inner}.py"):
                found.append(f"{inner}.py")
                return found if place == len(parts) - 1 else None
            elif part not in names or not self.disk.list_folder(inner):
                return None
            folder = inner
        return found


def _find_added_folders(module: Module, disk: Disk, known: list[str]) -> Iterator[str]:
    """Yield the folders that a module adds to sys.path by `sys.path.insert(0, …)` and the like."""
    if "sys.path" not in module.text:
        return
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("insert", "append")
            and ast.unparse(node.func.value) == "sys.path"
            and node.args
        ):
            folder = _read_folder(node.args[-1], module)
            if (
                folder is not None
                and folder not in known
                and not is_installed(f"{folder}/")
                and disk.list_folder(folder)
            ):
                yield folder


def _read_folder(node: ast.expr, module: Module) -> str | None:
    """Return the folder that an expression of constants and __file__ stands for."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        base = os.path.dirname(module.path)
        return os.path.normpath(os.path.join(base, node.value))
    if isinstance(node, ast.Name) and node.id == "__file__":
        return module.path
    if isinstance(node, ast.Attribute) and node.attr == "parent":
        inner = _read_folder(node.value, module)
        return os.path.dirname(inner) if inner else None
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "parents":
        inner = _read_folder(node.value.value, module)
        up = node.slice.value if isinstance(node.slice, ast.Constant) else None
        for _ in range(up + 1 if isinstance(up, int) and 0 <= up < 20 else 0):
            inner = os.path.dirname(inner) if inner else None
        return inner if isinstance(up, int) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        left = _read_folder(node.left, module)
        if left and isinstance(node.right, ast.Constant) and isinstance(node.right.value, str):
            return os.path.normpath(os.path.join(left, node.right.value))
        return None
    if isinstance(node, ast.Call):
        return _read_call(node, module)
    return None


def _read_call(node: ast.Call, module: Module) -> str | None:
    name = ast.unparse(node.func)
    if name.endswith((".resolve", ".absolute")) and isinstance(node.func, ast.Attribute):
        return _read_folder(node.func.value, module)
    if not node.args:
        return None
    first = _read_folder(node.args[0], module)
    if first is None:
        return None
    if name.endswith("dirname"):
        return os.path.dirname(first)
    if name.endswith(("abspath", "realpath", "normpath", "str", "Path")):
        return first
    if name.endswith("join"):
        parts = [each.value for each in node.args[1:] if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        return os.path.normpath(os.path.join(first, *parts)) if len(parts) == len(node.args) - 1 else None
    return None
