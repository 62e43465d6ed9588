"""What is mapped piece by piece, and what does a reader say of one piece?

A document is the smallest thing that is mapped again when something changed: a script, a crontab, all units together.
`building.build` calls a reader for a document only when one of its inputs changed, and else goes on with what the
reader said last time. So a reader has to name everything that its answer came from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agentkit.depmap.edge import Edge


@dataclass(frozen=True, slots=True, order=True)
class Document:
    """What is to be mapped; two that are equal are mapped once.

    `kind` says which reader reads it (those of roots.py), `path` is its path on the machine that is mapped,
    and `context` whatever else its edges depend on that no input holds, such as the PATH of the crontab it was reached
    from: text that the reader made itself and gets back.
    """

    kind: str
    path: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class Defined:
    """A node that a document brings into being whether or not an edge leads there, such as a function or a unit.

    `orphans` are looked for among these; `file` and `line` say where it stands (line None: the file as a whole).
    """

    name: str
    file: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a reader found in one document.

    `reached` are the documents to be mapped because this one leads there. `inputs` are paths **from here** (inside a
    ROOT: with the ROOT in front) of every file and folder whose content or absence the answer came from: of a folder
    its listing of names counts, of a file its content. Paths that many documents share, such as the folders of PATH,
    are looked at once a build. `remark` is for a person, such as "partly parsed: lines 12 to 19".
    """

    edges: tuple[Edge, ...] = ()
    reached: tuple[Document, ...] = ()
    inputs: tuple[str, ...] = ()
    defined: tuple[Defined, ...] = ()
    remark: str | None = None


Reader = Callable[[Document], Mapped]
