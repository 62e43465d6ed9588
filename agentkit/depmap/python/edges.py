"""Which edges has a Python program: what it imports, calls, starts, reads, asks for, and what nobody can resolve?"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace

from agentkit.core.hiding import hide_secrets
from agentkit.depmap.calls import HOLE, Place
from agentkit.depmap.disk import Disk
from agentkit.depmap.document import Defined
from agentkit.depmap.edge import Edge
from agentkit.depmap.python.filecalls import FILES, LOCKS, OPENS, PATH_METHODS, WRITING_FLAGS
from agentkit.depmap.python.module import Module
from agentkit.depmap.python.networkcalls import find_endpoints
from agentkit.depmap.python.program import Program, uncollected
from agentkit.depmap.python.startcalls import Started, find_started
from agentkit.depmap.python.texts import Texts, is_path
from agentkit.depmap.python.things import (
    Bound,
    Class,
    Container,
    External,
    ExternalObject,
    Formed,
    Function,
    Node,
    Operation,
    Site,
)
from agentkit.depmap.shelledges import LONGEST_NAME, NOT_FILES, map_script
from agentkit.depmap.shellscript import read_command, read_words
from agentkit.depmap.values import State

CALLBACK_CONFIDENCE = 0.8
VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")
OPEN = re.compile(r"io\.|os\.(?:open|dup|pipe|fdopen)|socket\.|tempfile\.|.*\.fileno\Z")
NO_CALLS = frozenset({"builtins", "__future__"})


def map_program(program: Program, disk: Disk) -> list[Edge]:
    """Return the edges of a program, each once."""
    with uncollected():
        return list(dict.fromkeys(_Mapper(program, disk).map()))


def list_defined(program: Program) -> list[Defined]:
    """Return the modules, functions and classes of a program, by file and line."""
    found = {f"py:{name}": Defined(f"py:{name}", module.path) for name, module in program.modules.items()}
    for function in program.analysis.engine.functions if program.analysis is not None else ():
        if not isinstance(function.node, ast.Lambda):
            found.setdefault(function.subject, Defined(function.subject, function.module.path, function.line))
    return list(found.values())


def is_run(module: Module) -> bool:
    """Tell whether a file is there to be run, and not only to be imported."""
    name = os.path.basename(module.path)
    return module.text.startswith("#!") or name == "__main__.py" or "__main__" in module.text


class _Mapper:
    def __init__(self, program: Program, disk: Disk) -> None:
        assert program.analysis is not None
        self.program = program
        self.analysis = program.analysis
        self.engine = program.analysis.engine
        self.disk = disk
        self.texts = Texts()
        self._parameters = {
            (function.module, function.qualname): {*dict(function.parameters), *function.named}
            for function in self.engine.functions
        }
        self._lines: dict[Module, list[str]] = {}

    def map(self) -> Iterator[Edge]:
        for module, reader in self.analysis.readers.items():
            subject = f"py:{module.name}"
            if is_run(module) or module.path in self.program.named:
                yield Edge(f"file:{module.path}", subject, "call", module.path, None, "module")
            package = self.program.modules.get(module.package)
            if package is not None and package is not module and package.tree.body:
                yield Edge(subject, f"py:{package.name}", "import", module.path, None, "package")
            for name, function, line, inner in reader.imports:
                if inner is not module:
                    target = f"py:{inner.name if inner is not None else name}"
                    yield self._edge(module, function, line, target, "import", rule="import")
            if module.trouble is not None and module.trouble.startswith("not Python"):
                yield self._unknown(module, None, 1, os.path.basename(module.path), module.trouble)
        for site in self.engine.sites:
            yield from self._map_site(site)
        for key, (module, function, line) in self.engine.environment:
            yield from self._map_environment(key, module, function, line)

    # -- one call ----------------------------------------------------------------------------------------------------

    def _map_site(self, site: Site) -> Iterator[Edge]:
        for thing, name in site.seen.items():
            if isinstance(thing, (Function, Bound, Class)):
                confidence = CALLBACK_CONFIDENCE if site.rule == "callback" else 1.0
                edge = self._edge(site.module, site.function, site.line, name, "call", rule=site.rule)
                yield edge if confidence == 1.0 else replace(edge, confidence=confidence)
            elif isinstance(thing, External):
                yield from self._map_outside(name, thing, site)
            elif isinstance(thing, Operation):
                yield from self._map_operation(thing, name, site)
        if not site.seen and isinstance(site.node, ast.Call):
            yield from self._map_unresolved(site, site.node)

    def _map_outside(self, name: str, thing: External, site: Site) -> Iterator[Edge]:
        arguments = site.arguments
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in NO_CALLS:
            yield from self._map_foreign(name, thing, site)
        if site.rule == "decorator":
            return
        # A class of the program that is one of these touches the same when it is made.
        name = name.removesuffix(".__init__")
        for started in find_started(name, arguments, self.texts):
            yield from self._map_started(started, site)
        for kind, node in find_endpoints(name, arguments, site, self.texts):
            yield self._touch(kind, node, name, site)
        if name in OPENS:
            yield from self._map_open(name, site)
        for kind, place, word in FILES.get(name, ()):
            yield from self._map_files(kind, arguments.first(place, word), name, site)
        if name in LOCKS:
            yield from self._map_lock(arguments.first(0), name, site)
        if name in ("os.getenv", "os.environ.get", "os.environ.pop", "os.environ.setdefault"):
            yield from self._map_environment(arguments.first(0, "key"), site.module, site.function, site.line)
        elif name == "os.path.expandvars":
            for text in self.texts.read(arguments.first(0, "path")):
                for one in VARIABLE.findall(text):
                    yield self._edge(site.module, site.function, site.line, f"env:{one}", "env", rule="expandvars")
        elif name == "shutil.which":
            yield from self._map_which(arguments.first(0, "cmd"), site)
        elif name in ("builtins.eval", "builtins.exec"):
            code = self.texts.read(arguments.first(0))
            if any(HOLE in text for text in code) or name == "builtins.exec":
                yield self._unresolved(site, f"{name.rpartition('.')[2]}: the code is made while it runs")
        elif name in ("importlib.import_module", "builtins.__import__"):
            packages = self.texts.read(arguments.first(1, "package")) if "import_module" in name else ()
            for text in self.texts.read(arguments.first(0, "name")):
                yield from self._map_import(text, packages, site)

    def _map_import(self, text: str, packages: tuple[str, ...], site: Site) -> Iterator[Edge]:
        level = len(text) - len(text.lstrip("."))
        bases = [base.split(".") for base in packages if level and HOLE not in base and base.count(".") >= level - 1]
        if HOLE in text:
            yield self._unresolved(site, "which module it imports is not known")
        for name in (
            [text] if not level else [".".join((*base[: len(base) - level + 1], text[level:])) for base in bases]
        ):
            if name and HOLE not in name:
                yield self._edge(site.module, site.function, site.line, f"py:{name}", "import", rule="import_module")

    def _map_foreign(self, name: str, thing: External, site: Site) -> Iterator[Edge]:
        """Map a call into a module that is not read: by its name, methods by the class that they are of."""
        if isinstance(thing.of, ExternalObject) and not thing.of.name.rpartition(".")[2][:1].isupper():
            return
        parts = name.split(".")
        modules = self.engine.external_modules
        count = next((count for count in range(len(parts) - 1, 0, -1) if ".".join(parts[:count]) in modules), 1)
        rest = ".".join(parts[count:])
        if rest:
            target = f"py:{'.'.join(parts[:count])}:{rest}"
            yield self._edge(site.module, site.function, site.line, target, "call", rule=site.rule)

    def _map_operation(self, operation: Operation, name: str, site: Site) -> Iterator[Edge]:
        if not isinstance(operation.of, Formed) or not is_path(operation.of):
            return
        holder = Node()
        holder.values[operation.of] = None
        if operation.name == "open":
            modes = self.texts.read(site.arguments.first(0, "mode")) if site.arguments.all() else ("r",)
            yield from self._map_files(_read_mode(modes), holder, name, site)
            return
        own, other = PATH_METHODS.get(operation.name, (None, None))
        if own is not None:
            yield from self._map_files(own, holder, name, site)
        if other is not None:
            yield from self._map_files(other, site.arguments.first(0), name, site)

    # -- what is touched ---------------------------------------------------------------------------------------------

    def _map_open(self, name: str, site: Site) -> Iterator[Edge]:
        place, word, mode_place, mode_word = OPENS[name]
        mode = site.arguments.first(mode_place, mode_word)
        if name == "os.open":
            flags = (
                ast.unparse(site.node.args[1]) if isinstance(site.node, ast.Call) and len(site.node.args) > 1 else ""
            )
            kind = "write" if any(flag in flags for flag in WRITING_FLAGS) else "read"
        else:
            kind = _read_mode(self.texts.read(mode)) if mode is not None else "read"
        yield from self._map_files(kind, site.arguments.first(place, word), name, site)

    def _map_files(self, kind: str, node: Node | None, rule: str, site: Site) -> Iterator[Edge]:
        if node is None or _is_descriptor(node):
            return
        lists = self.texts.words(node) if any(isinstance(each, Container) for each in node.values) else ()
        for path in dict.fromkeys(each for words in lists for each in words) if lists else self.texts.read(node):
            if HOLE in path:
                yield self._unresolved(site, f"{kind}: what it names is not known")
            elif rule == "sqlite3.connect" and path.startswith("file:"):
                name, _, options = path.partition("?")
                yield self._touch("read" if "mode=ro" in options else kind, name, rule, site)
            elif path.startswith("/") and not path.startswith(NOT_FILES):
                yield self._touch(kind, f"file:{os.path.normpath(path)}", rule, site)

    def _map_lock(self, node: Node | None, rule: str, site: Site, depth: int = 0) -> Iterator[Edge]:
        for thing in node.values if node is not None and depth < 3 else ():
            made = thing.site if isinstance(thing, ExternalObject) else None
            if not isinstance(made, Site):
                continue
            names = [name for name in made.seen.values() if name in OPENS]
            if names:
                place, word, _, _ = OPENS[names[0]]
                yield from self._map_files("lock", made.arguments.first(place, word), rule, site)
            elif made.base is not None:
                # The descriptor of a file: `file.fileno()`.
                yield from self._map_lock(made.base, rule, site, depth + 1)

    def _map_environment(self, key: Node | None, module: Module, function: str | None, line: int) -> Iterator[Edge]:
        for name in self.texts.read(key) if key is not None else ():
            if HOLE not in name and name:
                yield self._edge(module, function, line, f"env:{name}", "env", rule="environ")

    def _map_which(self, node: Node | None, site: Site) -> Iterator[Edge]:
        for word in self.texts.read(node):
            if HOLE not in word and word:
                edge = self._touch("check", f"cmd:{word}", "shutil.which", site)
                yield replace(edge, path=self.disk.find_program(word, None))

    def _map_started(self, started: Started, site: Site) -> Iterator[Edge]:
        place = Place(site.module.path, site.line)
        state = State(folder=started.folder)
        if started.text is not None:
            if not started.text.strip(f"{HOLE} \n"):
                yield self._unresolved(site, "which program it starts is not known")
                return
            script = read_command(started.text, place, self.disk, state)
        else:
            if not started.words[0].strip(HOLE):
                yield self._unresolved(site, "which program it starts is not known")
                return
            script = read_words(started.words, place, self.disk, state)
            yield from self._map_secret(started.words, site)
        for edge in map_script(script, self.disk, origin=self._source(site.module, site.function)):
            if edge.kind == "unknown" and not edge.target.removeprefix("unknown:").strip("… "):
                yield self._unresolved(site, edge.reason or "which program it starts is not known")
            else:
                yield replace(edge, function=site.function) if edge.function is None else edge

    def _map_secret(self, words: tuple[str, ...], site: Site) -> Iterator[Edge]:
        if os.path.basename(words[0]) == "agentkit" and words[1:3] == ("vault", "get"):
            for name in [word for word in words[3:] if not word.startswith("-") and HOLE not in word][:1]:
                yield self._touch("secret", f"secret:{name}", "vault get", site)

    # -- what is not known -------------------------------------------------------------------------------------------

    def _map_unresolved(self, site: Site, node: ast.Call) -> Iterator[Edge]:
        called = node.func
        if isinstance(called, ast.Name):
            names = self._parameters.get((site.module, site.function or ""), ())
            if called.id in names and site.called is not None and not site.called.values:
                yield self._unresolved(site, f"nothing that was read says what {called.id} is")
        elif isinstance(called, ast.Call) and isinstance(called.func, ast.Name) and called.func.id == "getattr":
            yield self._unresolved(site, "which attribute it calls is not known")
        elif isinstance(called, ast.Subscript) and site.called is not None and not site.called.values:
            yield self._unresolved(site, "which of several it calls is not known")

    def _unresolved(self, site: Site, reason: str) -> Edge:
        return self._unknown(site.module, site.function, site.line, self._text_of(site), reason)

    def _text_of(self, site: Site) -> str:
        """Return the first line of a call, as it is written."""
        node = site.node
        lines = self._lines.get(site.module)
        if lines is None:
            lines = self._lines[site.module] = site.module.text.split("\n")
        row = lines[site.line - 1] if 0 < site.line <= len(lines) else ""
        start = getattr(node, "col_offset", 0) if node is not None else 0
        is_short = getattr(node, "end_lineno", None) == site.line
        end = getattr(node, "end_col_offset", None) if is_short else None
        return row.encode()[start:end].decode(errors="replace").strip()

    def _unknown(self, module: Module, function: str | None, line: int, text: str, reason: str) -> Edge:
        name = hide_secrets(" ".join(text.split())) or os.path.basename(module.path)
        name = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
        edge = self._edge(module, function, line, f"unknown:{name}", "unknown", rule="unknown")
        return replace(edge, confidence=0.0, reason=reason)

    # -- edges -------------------------------------------------------------------------------------------------------

    def _touch(self, kind: str, target: str, rule: str, site: Site) -> Edge:
        if HOLE in target:
            return self._unresolved(site, f"{kind}: what it names is not known")
        return self._edge(site.module, site.function, site.line, target, kind, rule=rule.removeprefix("builtins."))

    def _edge(self, module: Module, function: str | None, line: int, target: str, kind: str, *, rule: str) -> Edge:
        return Edge(self._source(module, function), target, kind, module.path, line, rule, function)

    def _source(self, module: Module, function: str | None) -> str:
        return f"py:{module.name}" if function is None else f"py:{module.name}:{function}"


def _read_mode(modes: tuple[str, ...]) -> str:
    return "write" if any(letter in mode for mode in modes for letter in "wax+") else "read"


def _is_descriptor(node: Node) -> bool:
    """Tell whether a value is an open file, or the number of one."""
    things = list(node.values)
    return bool(things) and all(isinstance(thing, ExternalObject) and OPEN.match(thing.name) for thing in things)
