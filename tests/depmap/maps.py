"""How does a test come to a map: edges in short, a reader of files in a small language, records held to schemas?"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import jsonschema

from agentkit.core.schemas import read_schema
from agentkit.depmap.building import Built, build
from agentkit.depmap.document import Defined, Document, Mapped
from agentkit.depmap.edge import Edge

LONG_AGO = 1_500_000_000


def edge(
    source: str, target: str, kind: str = "requires", *, path: str | None = None, file: str = "/etc/x", line: int = 1
) -> Edge:
    """Return an edge with what a test does not care for."""
    function = source.partition("#")[2] or None if source.startswith("func:") else None
    reason = "eval" if kind == "unknown" else None
    return Edge(source, target, kind, file, line, "test", function=function, path=path, reason=reason)


def make_map(environ: Mapping[str, str], edges: Iterable[Edge], defined: Iterable[Defined] = ()) -> Built:
    """Build a map of one document with these edges."""
    mapped = Mapped(edges=tuple(edges), defined=tuple(defined))
    return build(environ, [Document("script", "/etc/x")], lambda _: mapped, stamp=str(hash(mapped)), warn=print)


class Files:
    """Scripts in a folder, in a language of lines: `needs NODE`, `cmd WORD PATH`, `reaches FILE`, `looks PATH`."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.environ = environ
        self.read: list[str] = []
        folder.mkdir(exist_ok=True)

    def write(self, name: str, text: str, *, at: int = LONG_AGO) -> Path:
        """Write a script, whose time of change is long ago: what changes in the instant of a build is read again."""
        path = self.folder / name
        path.write_text(text)
        os.utime(path, (at, at))
        return path

    def __call__(self, document: Document) -> Mapped:
        """Read a script."""
        self.read.append(os.path.basename(document.path))
        edges, reached, inputs = [], [], [document.path]
        defined = [Defined(f"file:{document.path}", document.path)]
        try:
            text = Path(document.path).read_text()
        except OSError:
            return Mapped(inputs=(document.path,), remark="cannot be read")
        for number, row in enumerate(text.splitlines(), start=1):
            verb, *words = row.split() or [""]
            source = f"file:{document.path}"
            if verb == "needs":
                edges.append(edge(source, words[0], file=document.path, line=number))
            elif verb == "cmd":
                edges.append(edge(source, f"cmd:{words[0]}", "exec", path=words[1], file=document.path, line=number))
            elif verb == "reaches":
                reached.append(Document("script", str(self.folder / words[0])))
            elif verb == "looks":
                inputs.append(words[0])
        return Mapped(tuple(edges), tuple(reached), tuple(inputs), tuple(defined))

    def build(self, *names: str, **more: object) -> Built:
        """Build the map from these scripts on; `read` names what was read for it."""
        self.read = []
        roots = [Document("script", str(self.folder / name)) for name in names]
        options = {"stamp": "1", "warn": print, **more}
        return build(self.environ, roots, self, **options)  # type: ignore[arg-type]


def records(ended: subprocess.CompletedProcess[str], status: int = 0) -> list[dict[str, object]]:
    """Return the records that a verb printed, each held against its schema."""
    assert ended.returncode == status, ended.stderr
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    for one in found:
        jsonschema.validate(one, read_schema(one["kind"]))
    return found


def values(found: Sequence[Mapping[str, object]], *keys: str) -> list[object]:
    """Return these keys of each record; of one key just the values."""
    return [one[keys[0]] if len(keys) == 1 else tuple(one[key] for key in keys) for one in found]
