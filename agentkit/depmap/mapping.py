"""What is there to map on a machine, and which reader reads it?"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator

from agentkit.core.rooted import resolve
from agentkit.depmap.calls import Script
from agentkit.depmap.clientedges import map_known_clients
from agentkit.depmap.crondocument import find_search_path, map_jobs, read_jobs
from agentkit.depmap.disk import LONGEST_BYTES, Disk, is_text
from agentkit.depmap.document import Defined, Document, Mapped
from agentkit.depmap.edge import Edge
from agentkit.depmap.python.finding import find_package, is_installed, is_python
from agentkit.depmap.roots import CRONTABS, FOLDER, MACHINE, PYTHON, SCRIPT, UNITS
from agentkit.depmap.shelledges import map_script
from agentkit.depmap.shellscript import is_shell_script, read_script
from agentkit.depmap.unitdocument import map_unit_commands
from agentkit.depmap.unitmap import map_units

# Of a whole machine these hold no scripts of its own: kernel, devices, what is lent or thrown away, and examples.
NOT_SEARCHED = frozenset(
    {
        *("/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/mnt", "/media", "/boot", "/var/cache"),  # noqa: S108
        *("/var/lib/docker", "/usr/include", "/usr/src", "/usr/share/doc", "/usr/share/locale", "/usr/share/man"),
    }
)
SKIPPED = frozenset({".git", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".hg", ".svn"})
# What has such a name is something else, and not looked at.
NOT_SCRIPTS = (
    *(".pyc", ".so", ".h", ".c", ".o", ".a", ".js", ".ts", ".json", ".html", ".css", ".png", ".gif", ".svg"),
    *(".jpg", ".gz", ".xz", ".bz2", ".zip", ".md", ".txt", ".rst", ".mo", ".po", ".xml", ".pm", ".pl", ".rb", ".java"),
    *(".class", ".jar", ".ttf", ".whl", ".deb", ".conf", ".list", ".md5sums", ".symbols"),
)
MOST_GAPS = 3
MOST_FILES = 500_000


class Reader:
    """Reads the documents of one machine; called with one, it says what is in it."""

    def __init__(self, root: str = "/") -> None:
        self.disk = Disk(root)
        self._readers: dict[str, Callable[[Document], Mapped]] = {
            CRONTABS: self._read_crontabs,
            UNITS: self._read_units,
            SCRIPT: self._read_script,
            PYTHON: self._read_python,
            FOLDER: self._read_folder,
            MACHINE: self._read_folder,
        }

    def __call__(self, document: Document) -> Mapped:
        """Return what is in a document."""
        self.disk.looked_at = {}
        return self._readers[document.kind](document)

    def _finish(
        self,
        edges: Iterable[Edge],
        *,
        search_path: Callable[[Edge], str] = lambda _: "",
        reached: Iterable[Document] = (),
        defined: Iterable[Defined] = (),
        inputs: Iterable[str] = (),
        remark: str | None = None,
    ) -> Mapped:
        found = tuple(edges)
        started = {(edge.path, search_path(edge)): None for edge in found if edge.path and edge.kind == "exec"}
        more = dict.fromkeys((*self._find_documents(started), *reached))
        links = self._link_packages(path for path, _ in started)
        looked_at = dict.fromkeys((*inputs, *self.disk.looked_at))
        return Mapped((*found, *links), tuple(more), self._find_inputs(looked_at), tuple(defined), remark)

    def _find_documents(self, started: Iterable[tuple[str, str]]) -> Iterator[Document]:
        """Yield the documents of programs, each with its PATH, that are a script which is read here."""
        for path, search_path in started:
            head = self.disk.read_head(path)
            if is_shell_script(head, path):
                yield Document(SCRIPT, path, search_path)
            elif is_python(head, path) and not is_installed(path):
                yield Document(PYTHON, find_package(path, self.disk) or path)

    def _link_packages(self, started: Iterable[str]) -> Iterator[Edge]:
        """Yield the edge from each file to its module, of what is run in a package: that knows not who runs it."""
        for path in dict.fromkeys(started):
            if is_python(self.disk.read_head(path), path) and find_package(path, self.disk) and not is_installed(path):
                from agentkit.depmap.python.documents import link_module

                yield link_module(path, self.disk)

    def _find_inputs(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Return the paths from this machine; of another machine's link the link too, which may lead elsewhere soon."""
        found: dict[str, None] = {}
        for path in paths:
            try:
                if self.disk.root != "/":
                    found[resolve(self.disk.root, path, follow_last=False)] = None
                found[self.disk.here(path)] = None
            except (OSError, ValueError):
                found[os.path.join(self.disk.root, path.lstrip("/"))] = None
        return tuple(found)

    def is_script(self, path: str) -> bool:
        """Tell whether a file is a shell script."""
        return is_shell_script(self.disk.read_head(path), path)

    def _read_crontabs(self, _document: Document) -> Mapped:
        jobs, troubles = read_jobs(self.disk)
        remark = "; ".join(f"{path}: {why}" for path, why in troubles) or None
        search_paths = {node: find_search_path(line) for line, node, _ in jobs}
        edges = map_jobs(jobs, self.disk)
        return self._finish(edges, search_path=lambda edge: search_paths.get(edge.source, ""), remark=remark)

    def _read_units(self, _document: Document) -> Mapped:
        units = map_units(self.disk.root)
        edges = [*units.edges, *map_unit_commands(units, self.disk), *map_known_clients(units, self.disk)]
        remark = "; ".join(f"{path}: {why}" for path, why in units.troubles) or None
        names = {edge.source: edge.file for edge in units.edges if edge.source.startswith("unit:")}
        defined = [Defined(name, file) for name, file in names.items()]
        return self._finish(dict.fromkeys(edges), inputs=units.inputs, defined=defined, remark=remark)

    def _read_script(self, document: Document) -> Mapped:
        content = self.disk.read(document.path)
        if content is None or not is_text(content):
            why = self.disk.explain(document.path) if content is None else "not a text"
            return self._finish((), remark=why)
        script = read_script(document.path, content, self.disk, search_path=document.context or None)
        defined = [Defined(f"func:{file}#{name}", file, place.line) for (file, name), place in script.functions.items()]
        remark = describe_gaps(script, content)
        edges = map_script(script, self.disk)
        return self._finish(edges, search_path=lambda _: document.context, defined=defined, remark=remark)

    def _read_python(self, document: Document) -> Mapped:
        # Most builds read none, and what it stands on takes a while to be there.
        from agentkit.depmap.python.documents import Share
        from agentkit.depmap.python.edges import list_defined, map_program
        from agentkit.depmap.python.program import read_program

        program = read_program([document.path], self.disk, lambda _: None, is_share=True)
        share = Share(document.path, program, self.disk)
        edges = share.choose_edges(map_program(program, self.disk))
        packages = [Document(PYTHON, path) for path in share.list_packages() if not is_installed(f"{path}/")]
        troubles = share.list_troubles()
        more = f"; and {len(troubles) - MOST_GAPS} more" if len(troubles) > MOST_GAPS else ""
        remark = f"{'; '.join(troubles[:MOST_GAPS])}{more}" if troubles else None
        defined = share.choose_defined(list_defined(program))
        return self._finish(edges, reached=packages, defined=defined, remark=remark)

    def _read_folder(self, document: Document) -> Mapped:
        is_machine = document.kind == MACHINE
        files = list(self._find_files(document.path, is_machine=is_machine))
        paths = [path for path, is_shell in files if is_shell]
        defined = [Defined(f"file:{path}", path) for path in paths]
        # A text without a first line for the kernel is there to be sourced: it is mapped as a part of whoever does.
        own = [path for path in paths if self.disk.read_head(path).startswith(b"#!")]
        programs = [path for path, is_shell in files if not is_shell]
        if not is_machine:
            # All of a folder that was named is one program.
            programs = [document.path] if programs else []
        reached = (*(Document(SCRIPT, path) for path in own), *(Document(PYTHON, path) for path in programs))
        return self._finish((), reached=reached, defined=defined)

    def find_scripts(self, folder: str, *, is_machine: bool = False) -> Iterator[str]:
        """Yield the real paths of the shell scripts under a folder, each once, links to folders not followed."""
        return (path for path, is_shell in self._find_files(folder, is_machine=is_machine) if is_shell)

    def find_programs(self, folder: str, *, is_machine: bool = False) -> Iterator[str]:
        """Yield the real paths of the files of Python under a folder; of a machine of those that are run by name."""
        return (path for path, is_shell in self._find_files(folder, is_machine=is_machine) if not is_shell)

    def _find_files(self, folder: str, *, is_machine: bool) -> Iterator[tuple[str, bool]]:
        """Yield each script under a folder, and whether it is one of a shell."""
        seen: set[tuple[int, int]] = set()
        count = 0
        todo = [folder]
        while todo:
            path = todo.pop()
            if is_machine and path in NOT_SEARCHED:
                continue
            names = self.disk.list_folder(path)
            is_outside = "pyvenv.cfg" in names or (is_machine and is_installed(f"{path}/"))
            for name in names:
                if name.endswith(NOT_SCRIPTS):
                    count += 1
                    continue
                whole = os.path.join(path, name)
                count += 1
                if count > MOST_FILES:
                    return
                try:
                    status = os.lstat(self.disk.here(path) + "/" + name)
                except OSError:
                    continue
                if stat.S_ISDIR(status.st_mode):
                    if name not in SKIPPED and (status.st_dev, status.st_ino) not in seen:
                        seen.add((status.st_dev, status.st_ino))
                        todo.append(whole)
                elif (status.st_dev, status.st_ino) not in seen and _may_be_script(name, status, is_machine=is_machine):
                    head = self.disk.read_head(whole)
                    is_shell = is_shell_script(head, whole)
                    if is_shell or (not is_outside and is_python(head, whole)):
                        seen.add((status.st_dev, status.st_ino))
                        yield whole, is_shell


def describe_gaps(script: Script, content: bytes) -> str | None:
    """Return what of a script was not read as its shell reads it, for a person; None where all was."""
    if len(content) >= LONGEST_BYTES:
        return f"only the first {LONGEST_BYTES >> 20} MiB are read"
    if script.is_whole:
        return None
    gaps = dict.fromkeys(script.gaps)
    lines = [f"line {first}" if first == last else f"lines {first} to {last}" for first, last in gaps]
    return (
        f"partly parsed{': ' if lines else ''}{', '.join(lines[:MOST_GAPS])}{', …' if len(lines) > MOST_GAPS else ''}"
    )


def _may_be_script(name: str, status: os.stat_result, *, is_machine: bool) -> bool:
    if not stat.S_ISREG(status.st_mode):
        return False
    is_program = status.st_mode & 0o111 != 0
    # Of a whole machine only what somebody can start: all other modules are read as a part of that.
    return is_program or name.endswith((".sh", ".bash", ".ksh")) or (name.endswith(".py") and not is_machine)
