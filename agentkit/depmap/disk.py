"""What lies on the disk of the machine that is mapped: texts, real paths, names that match, programs on a PATH?

Everything is remembered for the life of one map, and every path that was looked at is noted: when none of these has
changed, the answer has not either.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import stat

from agentkit.core.plainfiles import open_plain
from agentkit.core.rooted import resolve
from agentkit.core.runparts import find_run_parts_flavour, read_folder

USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# A script longer than this is none that a person wrote; its head is read.
LONGEST_BYTES = 2 * 1024 * 1024
HEAD_BYTES = 1024
CONTROLS = bytes(code for code in (*range(32), 127) if code not in b"\a\b\t\n\v\f\r\x1b")
LEAST_TEXT = 0.98
MOST_NAMES = 256


def is_text(content: bytes) -> bool:
    """Tell whether a file is a text, by its beginning: no NUL, and few control characters that no text has."""
    head = content[:HEAD_BYTES]
    return b"\0" not in head and len(head.translate(None, CONTROLS)) >= len(head) * LEAST_TEXT


class Disk:
    """The files under a root folder; all paths are absolute ones of that machine."""

    def __init__(self, root: str = "/", *, search_path: str | None = None) -> None:
        self.root = root
        self.search_path = USUAL_PATH if search_path is None else f"{search_path}:{USUAL_PATH}"
        self.looked_at: dict[str, None] = {}
        self._names: dict[str, list[str]] = {}
        self._programs: dict[tuple[str, str], tuple[list[str], str | None]] = {}
        self._real: dict[str, str | None] = {}
        self._matches: dict[str, tuple[list[str], list[str]]] = {}
        self._heads: dict[str, bytes] = {}
        self._flavour: str | None = None
        self._sets: dict[str, frozenset[str]] = {}

    def here(self, path: str) -> str:
        """Return the path from this machine; raises OSError for links that lead in circles, and for what is no path."""
        if "\0" in path:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
        return resolve(self.root, path)

    def note(self, path: str) -> None:
        """Remember that the answer depends on this path."""
        self.looked_at[path] = None

    def read(self, path: str) -> bytes | None:
        """Return the content of a plain file, at most LONGEST_BYTES; None where there is none that can be read."""
        self.note(path)
        try:
            with open_plain(self.here(path)) as file:
                return file.read(LONGEST_BYTES)
        except OSError:
            return None

    def read_head(self, path: str) -> bytes:
        """Return the first bytes of a plain file: enough for its first line; none where it cannot be read."""
        if path not in self._heads:
            self._heads[path] = self._read_head(path)
        return self._heads[path]

    def _read_head(self, path: str) -> bytes:
        try:
            with open_plain(self.here(path)) as file:
                return file.read(HEAD_BYTES)
        except OSError:
            return b""

    def explain(self, path: str) -> str:
        """Return why a file cannot be read, for a person."""
        try:
            open_plain(self.here(path)).close()
        except OSError as error:
            return error.strerror or str(error)
        return "cannot be read"

    def real_path(self, path: str) -> str | None:
        """Return the path behind all links, merged /usr included; None where nothing is."""
        if path not in self._real:
            self._real[path] = self._find_real(path)
        return self._real[path]

    def _find_real(self, path: str) -> str | None:
        try:
            here = os.path.normpath(self.here(path))
            if self.root == "/":
                return os.path.realpath(here, strict=True)
            os.lstat(here)
        except OSError:
            return None
        return "/" + os.path.relpath(here, os.path.normpath(self.root)).lstrip("/")

    def real_or_same(self, path: str) -> str:
        """Return the path behind all links, or the path itself where nothing is."""
        self.note(path)
        return self.real_path(path) or os.path.normpath(path)

    def is_file(self, path: str) -> bool:
        """Tell whether a plain file is there."""
        self.note(path)
        try:
            return stat.S_ISREG(os.stat(self.here(path)).st_mode)
        except OSError:
            return False

    def list_folder(self, path: str) -> list[str]:
        """Return the sorted names of a folder; none where it cannot be read."""
        self.note(path)
        if path not in self._names:
            try:
                self._names[path] = sorted(os.listdir(self.here(path)))
            except OSError:
                self._names[path] = []
        return self._names[path]

    def match(self, pattern: str) -> list[str]:
        """Return the paths that an absolute pattern of a shell matches, sorted, at most MOST_NAMES."""
        if pattern not in self._matches:
            self._matches[pattern] = self._match(pattern)
        names, folders = self._matches[pattern]
        for folder in folders:
            self.note(folder)
        return names

    def _match(self, pattern: str) -> tuple[list[str], list[str]]:
        """Return the paths that match, and the folders whose names were looked at."""
        found, folders = ["/"], []
        for part in pattern.strip("/").split("/"):
            if any(letter in part for letter in "*?["):
                fits = re.compile(fnmatch.translate(part.replace("[^", "[!"))).match
                folders.extend(found)
                found = [
                    os.path.join(folder, name)
                    for folder in found
                    for name in self.list_folder(folder)
                    if (part[0] == "." or name[0] != ".") and fits(name)
                ][:MOST_NAMES]
            else:
                found = [os.path.join(folder, part) for folder in found]
        return [path for path in found if self._exists(path)], folders

    def _exists(self, path: str) -> bool:
        try:
            os.lstat(self.here(path))
        except OSError as error:
            return error.errno not in (errno.ENOENT, errno.ENOTDIR)
        return True

    def list_run_parts(self, folder: str, options: tuple[str, ...]) -> list[str]:
        """Return the programs of a folder that run-parts would run."""
        if self._flavour is None:
            self._flavour = find_run_parts_flavour(self.root) or "debian"
        for name in self.list_folder(folder):
            self.note(os.path.join(folder, name))
        found = read_folder(self.root, folder, flavour=self._flavour, options=options)
        return [line.command for line in found.lines]

    def find_program(self, word: str, search_path: str | None, folder: str | None = None) -> str | None:
        """Return the real path of a program as a shell finds it; None where it is not found, or in no known folder."""
        if "/" in word:
            if not word.startswith("/") and folder is None:
                return None
            path = os.path.normpath(os.path.join(folder or "/", word))
            self.note(path)
            return self.real_path(path)
        search_path = self.search_path if search_path is None else search_path
        for each in search_path.split(":"):
            self.note(each)
        key = (word, search_path)
        if key not in self._programs:
            self._programs[key] = self._search(word, search_path)
        paths, program = self._programs[key]
        for path in paths:
            self.note(path)
        return program

    def find_text(self, word: str, search_path: str | None) -> str | None:
        """Return the path of a text as `.` finds it: on the PATH, whether or not it may be run (POSIX, dot)."""
        for folder in (self.search_path if search_path is None else search_path).split(":"):
            path = os.path.join(folder, word)
            if folder.startswith("/") and word in self.list_folder(folder) and self.is_file(path):
                return path
        return None

    def _search(self, word: str, search_path: str) -> tuple[list[str], str | None]:
        """Return the files of that name that were looked at, links among them, and the real path of the program."""
        paths = []
        for folder in search_path.split(":"):
            if not folder.startswith("/"):
                continue
            if word in self._list_programs(folder):
                paths.append(f"{folder.rstrip('/')}/{word}")
                real = self.real_path(paths[-1])
                if real is not None and self._is_program(real):
                    return paths, real
        return paths, None

    def _list_programs(self, folder: str) -> frozenset[str]:
        if folder not in self._sets:
            self._sets[folder] = frozenset(self.list_folder(folder))
        return self._sets[folder]

    def _is_program(self, path: str) -> bool:
        try:
            status = os.stat(self.here(path))
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o111)
