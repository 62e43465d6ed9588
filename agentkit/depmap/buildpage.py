"""How is the map brought up to date, and what is said about it?"""

from __future__ import annotations

import gc
import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from agentkit import __version__
from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.screen import print_line
from agentkit.depmap.building import Built, build
from agentkit.depmap.document import Document, Mapped
from agentkit.depmap.forking import read_all
from agentkit.depmap.roots import SCRIPT, find_documents

if TYPE_CHECKING:
    from agentkit.depmap.mapping import Reader

SHOWN_REMARKS = 10


def build_map(
    environ: Mapping[str, str],
    folders: Sequence[str],
    *,
    root: str,
    wants_all: bool,
    reads_all: bool,
    is_quiet: bool,
) -> int:
    """Bring the map up to date and say what was done; files that could not be read, or only partly, go to stderr."""
    for folder in (root, *folders):
        if not os.path.isdir(folder):
            raise AgentkitError(f"{folder}: no such folder", status=Exit.UNAVAILABLE)
    started = time.monotonic()
    root = os.path.realpath(root)
    reader = _Telling(root, is_quiet=is_quiet)
    # Nothing of what is read is given back before the end: looking for garbage takes a third of the time.
    gc.disable()
    built = build(
        environ,
        find_documents(folders, wants_all=wants_all),
        reader.read,
        read_all=reader.read_all,
        stamp=_stamp_readers(),
        root=root,
        reads_all=reads_all,
        warn=lambda text: tell(f"agentkit: warning: {text}\n"),
    )
    for notice in built.notices:
        tell(f"agentkit: warning: {notice}\n")
    if not is_quiet:
        if len(reader.remarks) > SHOWN_REMARKS:
            tell(f"agentkit: warning: and {len(reader.remarks) - SHOWN_REMARKS} more that were read in part only\n")
        print_line(_describe(built, time.monotonic() - started))
    return Exit.OK


def _stamp_readers() -> str:
    """Return what tells these readers from those of another version, in a checkout from those before an edit."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    looks = sorted(
        (entry.path, entry.stat().st_size, entry.stat().st_mtime_ns)
        for part in ("core", "depmap")
        for entry in _list_files(f"{package}/{part}")
    )
    return f"{__version__} {hashlib.sha256(repr(looks).encode()).hexdigest()}"


def _list_files(folder: str) -> Iterator[os.DirEntry[str]]:
    for entry in os.scandir(folder):
        if entry.is_file():
            yield entry
        elif entry.is_dir() and entry.name != "__pycache__":
            yield from _list_files(entry.path)


def _describe(built: Built, took_s: float) -> str:
    read = "nothing changed" if built.read == 0 else f"{built.read:,} of {built.documents:,} documents read"
    return f"{read}, {built.added:,} edges came, {built.removed:,} went, {took_s:.1f} s"


class _Telling:
    """Reads documents, and says at once what could not be read of one."""

    def __init__(self, root: str, *, is_quiet: bool) -> None:
        self.root = root
        self.is_quiet = is_quiet
        self.remarks: list[str] = []
        self._reader: Reader | None = None

    def read(self, document: Document) -> Mapped:
        """Return what is in a document."""
        if self._reader is None:
            # Mostly nothing has changed, and the readers are not needed.
            from agentkit.depmap.mapping import Reader

            self._reader = Reader(self.root)
        return self._reader(document)

    def read_all(self, documents: Sequence[Document]) -> Iterator[Mapped]:
        """Yield what is in each document, in their order."""
        for document, mapped in zip(documents, read_all(self.read, documents), strict=True):
            if mapped.remark:
                self.remarks.append(document.path)
                if not self.is_quiet and len(self.remarks) <= SHOWN_REMARKS:
                    # What is said of the crontabs and of the units names its files itself.
                    where = f"{document.path}: " if document.kind == SCRIPT else ""
                    tell(f"agentkit: warning: {where}{mapped.remark}\n")
            yield mapped
