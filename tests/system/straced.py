"""Which programs does a script really start, and which function of which file starts each?

The kernel says which (execve under strace), bash says where (its trace, written to a descriptor of its own, so that
strace shows both in the order in which they happened).
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from tests.system.stracedroom import WRAPPERS, run_in_room

SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh"})
# A wrapper that starts a shell for its text: no script names that shell.
HIDDEN = frozenset({"su", "runuser", "watch", "script", "flock", "busybox", "parallel"})
TRACE_FD = 57
TRACING = f"""exec {TRACE_FD}>>"$TRACE_FILE"
BASH_XTRACEFD={TRACE_FD}
PS4='+|${{BASH_SOURCE[0]-}}|${{LINENO}}|${{FUNCNAME[0]-}}|${{BASH_SOURCE[1]-}}|${{FUNCNAME[1]-}}|${{#BASH_SOURCE[@]}}|'
set -x
"""
_LINE = re.compile(r"(\d+) +(.*)")
_TRACED = re.compile(
    rf'write\({TRACE_FD}, "\++\|([^|]*)\|(\d+)\|([^|]*)\|([^|]*)\|([^|]*)\|(\d+)\|(?:exec )?([^ "\\]*)'
)
_EXECUTED = re.compile(r'execve\("((?:[^"\\]|\\.)*)", \[(.*?)\], ')
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FORK = re.compile(r"(?:clone3?|v?fork)\(")
_RESULT = re.compile(r"= (-?\d+)(?: |$)")
_ESCAPED = re.compile(r"\\([0-7]{1,3}|x[0-9a-f]{2}|.)")
_SIGNS = {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "f": "\f", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a script: the file, its line (None: not known), and the function, None at the top."""

    file: str
    line: int | None
    function: str | None


@dataclass(frozen=True, slots=True)
class Started:
    """A program that was started: its path as the kernel was given it, its words, where, and by which wrapper.

    `is_hidden` tells of a shell that a wrapper such as su starts for its text: no script names it.
    """

    program: str
    words: tuple[str, ...]
    where: Where
    via: str | None
    is_hidden: bool = False


@dataclass(slots=True)
class Trace:
    """What a run did, how it ended and what it said.

    `started` are the programs that it names, not those that these start by themselves; `calls` are calls of functions
    as (from, to), `ran` the places where a command was run, `tried` the first words of these, found or not.
    """

    started: list[Started] = field(default_factory=list)
    calls: set[tuple[Where, Where]] = field(default_factory=set)
    ran: set[Where] = field(default_factory=set)
    tried: set[tuple[str, int | None, str]] = field(default_factory=set)
    status: int = 0
    said: str = ""


@dataclass(slots=True)
class _Process:
    where: Where
    via: str | None = None
    words: tuple[str, ...] = ()
    is_internal: bool = False


def run_straced(script: Path, folder: Path, words: Iterable[str] = (), limit_s: float = 20) -> Trace:
    """Run a script by bash in a room of its own (see stracedroom) and return what it did.

    `folder` is the script's, and where it runs; programs are laid into it before (lay_fakes).
    """
    (folder / ".trace").write_text(TRACING)
    environ = {
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "SHELL": "/bin/sh",
        "TRACE_FILE": str(folder / ".traced"),
        "BASH_ENV": str(folder / ".trace"),
    }
    strace = ["/usr/bin/strace", "-f", "--seccomp-bpf", "-qq", "-s", "2000", "-e", "signal=none"]
    strace += ["-e", "trace=execve,clone,clone3,fork,vfork,write", "-o", str(folder / ".strace")]
    (folder / ".strace").write_text("")
    ended = run_in_room(folder, [*strace, "/bin/bash", str(script), *words], environ, limit_s)
    trace = read_trace((folder / ".strace").read_text(errors="surrogateescape"), str(script), folder)
    trace.status, trace.said = ended.returncode, ended.stderr.decode(errors="replace")
    return trace


def read_trace(log: str, script: str, folder: Path) -> Trace:
    """Return what the log of a run says; see run_straced."""
    lines = [(found[1], found[2]) for line in log.splitlines() if (found := _LINE.match(line))]
    children = _find_children(lines)
    trace = Trace()
    processes: dict[str, _Process] = {}
    waiting: dict[str, tuple[str, tuple[str, ...]]] = {}
    for number, (pid, text) in enumerate(lines):
        process = processes.setdefault(pid, _Process(Where(script, None, None)))
        if traced := _TRACED.match(text):
            _follow(process, traced, trace, folder)
        elif number in children:
            processes[children[number]] = replace(process)
        elif executed := _EXECUTED.match(text):
            call = _unescape(executed[1]), tuple(_unescape(word) for word in _STRING.findall(executed[2]))
            if text.endswith("<unfinished ...>"):
                waiting[pid] = call
            elif _result(text) == 0:
                _start(process, *call, trace, folder)
        elif "execve resumed" in text and pid in waiting:
            call = waiting.pop(pid)
            if _result(text) == 0:
                _start(process, *call, trace, folder)
    # The first is the script itself.
    del trace.started[:1]
    return trace


def _follow(process: _Process, traced: "re.Match[str]", trace: Trace, folder: Path) -> None:
    source, line, function, caller_source, caller, depth, word = (_unescape(part) for part in traced.groups())
    if not source or source.endswith("/.trace"):
        return  # the text of bash -c, which stands in the line that started it
    # An exported function says that it comes from the environment, and so does one of the text of bash -c.
    if source == "environment" and not _exports(process.where.file):
        return
    file = process.where.file if source == "environment" else _find_file(source, folder)
    process.where = Where(file, int(line), _function(function))
    process.via, process.is_internal = None, False
    trace.ran.add(process.where)
    trace.tried.add((file, int(line), os.path.basename(word)))
    if process.where.function and caller_source:
        trace.calls.add(
            (
                Where(_find_file(caller_source, folder), None, None if depth == "2" else _function(caller)),
                Where(process.where.file, None, process.where.function),
            )
        )


def _start(process: _Process, program: str, words: tuple[str, ...], trace: Trace, folder: Path) -> None:
    name = os.path.basename(program)
    is_named = any(
        os.path.basename(word) == name and before not in ("-s", "--shell") for before, word in pairwise(process.words)
    )
    is_hidden = process.via in HIDDEN and name in SHELLS and not is_named
    if process.via not in (None, *SHELLS, "run-parts") and not is_hidden and name not in " ".join(process.words):
        process.is_internal = True
    if not process.is_internal:
        trace.started.append(Started(program, words, process.where, process.via, is_hidden))
    process.via, process.words = name, words
    script = _find_script(program, words, folder)
    if script is not None:
        # Its own lines follow, and not those of who started it. A shell that reads it is a wrapper of it.
        if os.path.basename(program) in SHELLS and len(trace.started) > 1:
            trace.started.append(Started(script, words, process.where, process.via))
        process.where, process.via, process.is_internal = Where(script, None, None), None, False


def _find_script(program: str, words: tuple[str, ...], folder: Path) -> str | None:
    """Return the script of the test's folder that is now run, whoever runs it."""
    names = [program]
    if os.path.basename(program) in SHELLS:
        operands = [word for word in words[1:] if not word.startswith(("-", "+"))]
        options = [word for word in words[1:] if word.startswith("-") and not word.startswith("--")]
        names = [] if any("c" in word for word in options) else operands[:1]
    for name in names:
        path = folder / name
        if path.is_relative_to(folder) and path.is_file() and not path.is_symlink():
            return str(path)
        laid = folder / ".over" / name.lstrip("/")
        is_own = name.startswith("/") and laid.is_file() and not laid.is_symlink()
        if os.path.basename(name) not in WRAPPERS and (is_own or _is_shell_script(name)):
            return name
    return None


def _is_shell_script(name: str) -> bool:
    if not name.startswith("/") or not os.path.isfile(name):
        return False
    with open(name, "rb") as file:
        return re.match(rb"#! ?/(?:usr/)?bin/(?:env )?(?:ba|da)?sh\b", file.read(40)) is not None


def _exports(file: str) -> bool:
    return os.path.isfile(file) and "export -f" in Path(file).read_text(errors="replace")


def _find_file(source: str, folder: Path) -> str:
    path = Path(os.path.normpath(folder / source))
    if not path.exists() and not source.startswith("/"):
        named = [found for found in folder.rglob(os.path.basename(source)) if ".room" not in found.parts]
        if len(named) == 1:
            return str(named[0])
    return str(path.resolve()) if path.exists() else str(path)


def _function(name: str) -> str | None:
    return None if name in ("", "source") else name


def _find_children(lines: list[tuple[str, str]]) -> dict[int, str]:
    """Return the process that each fork makes, by the number of the line where the fork begins."""
    children: dict[int, str] = {}
    waiting: dict[str, int] = {}
    for number, (pid, text) in enumerate(lines):
        if _FORK.match(text):
            if text.endswith("<unfinished ...>"):
                waiting[pid] = number
            elif _result(text) > 0:
                children[number] = str(_result(text))
        elif re.match(r"<\.\.\. (?:clone3?|v?fork) resumed", text) and pid in waiting:
            begun = waiting.pop(pid)
            if _result(text) > 0:
                children[begun] = str(_result(text))
    return children


def _result(text: str) -> int:
    found = _RESULT.findall(text)
    return int(found[-1]) if found else -1


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text

    def sign(found: "re.Match[str]") -> str:
        code = found[1]
        if code[0] in "01234567":
            return chr(int(code, 8))
        return chr(int(code[1:], 16)) if code[0] == "x" and len(code) == 3 else _SIGNS.get(code, code)

    raw = _ESCAPED.sub(sign, text)
    return raw.encode("latin-1", "replace").decode("utf-8", "surrogateescape") if raw.isascii() is False else raw
