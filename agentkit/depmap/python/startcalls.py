"""Which calls start other programs, and with which words or which text of a shell?"""

from __future__ import annotations

import os
from dataclasses import dataclass

from agentkit.depmap.calls import HOLE
from agentkit.depmap.python.texts import Texts, Words
from agentkit.depmap.python.things import Arguments, Node, Number

RUNS = frozenset(
    {
        *("subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output", "subprocess.Popen"),
        *("gevent.subprocess.run", "gevent.subprocess.Popen", "psutil.Popen", "trio.run_process"),
    }
)
SHELL_TEXTS = frozenset(
    {
        *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),
        *("asyncio.create_subprocess_shell", "asyncio.subprocess.create_subprocess_shell", "commands.getoutput"),
    }
)
# Name: the place of the program, whether its words follow one by one (with the name that it is called first).
EXECS: dict[str, tuple[int, bool]] = {
    "os.execl": (0, True),
    "os.execle": (0, True),
    "os.execlp": (0, True),
    "os.execlpe": (0, True),
    "os.execv": (0, False),
    "os.execve": (0, False),
    "os.execvp": (0, False),
    "os.execvpe": (0, False),
    "os.posix_spawn": (0, False),
    "os.posix_spawnp": (0, False),
    "os.spawnl": (1, True),
    "os.spawnle": (1, True),
    "os.spawnlp": (1, True),
    "os.spawnlpe": (1, True),
    "os.spawnv": (1, False),
    "os.spawnve": (1, False),
    "os.spawnvp": (1, False),
    "os.spawnvpe": (1, False),
}
LISTS = frozenset({"pty.spawn"})
SHELLS = frozenset({"ash", "bash", "dash", "ksh", "sh", "zsh"})
WORDS = frozenset({"asyncio.create_subprocess_exec", "asyncio.subprocess.create_subprocess_exec"})


@dataclass(frozen=True, slots=True)
class Started:
    """One way in which a program is started: its words, or the text of a shell; the folder where that is known."""

    words: Words = ()
    text: str | None = None
    folder: str | None = None


def find_started(name: str, arguments: Arguments, texts: Texts) -> list[Started]:
    """Return each way in which a call starts a program; none for a call that starts nothing."""
    if name in RUNS:
        return _read_run(arguments, texts)
    if name in SHELL_TEXTS:
        given = arguments.first(0, "cmd") or arguments.first(0, "command")
        return [Started(text=text) for text in texts.read(given)]
    if name in EXECS:
        return _read_exec(name, arguments, texts)
    if name in LISTS:
        return [Started(words) for words in texts.words(arguments.first(0, "argv")) if words]
    if name in WORDS:
        return [Started(words) for words in _read_words(arguments, 0, texts) if words]
    return []


def _read_run(arguments: Arguments, texts: Texts) -> list[Started]:
    given = arguments.first(0, "args")
    folders = [text for text in texts.read(arguments.names.get("cwd")) if text.startswith("/") and HOLE not in text]
    folder = folders[0] if len(folders) == 1 else None
    programs = texts.read(arguments.names["executable"]) if "executable" in arguments.names else ()
    started = []
    is_shell = _is_true(arguments.names.get("shell"))
    for words in texts.words(given):
        if not words:
            continue
        if is_shell:
            started.append(Started(text=words[0], folder=folder))
        elif len(programs) == 1:
            started.append(Started((programs[0], *words[1:]), folder=folder))
        else:
            started.append(Started(words, folder=folder))
            started += [Started(text=text, folder=folder) for text in _read_fed(words, arguments, texts)]
    return started


def _read_fed(words: Words, arguments: Arguments, texts: Texts) -> tuple[str, ...]:
    """Return the texts that a shell is given by `input=` when it has no other script."""
    is_bare = os.path.basename(words[0]) in SHELLS and all(word[:1] == "-" and "c" not in word for word in words[1:])
    return texts.read(arguments.names["input"]) if is_bare and "input" in arguments.names else ()


def _is_true(node: Node | None) -> bool:
    return node is not None and any(isinstance(thing, Number) and thing.number for thing in node.values)


def _read_exec(name: str, arguments: Arguments, texts: Texts) -> list[Started]:
    place, is_listed = EXECS[name]
    programs = texts.read(arguments.first(place, "path"))
    if is_listed:
        end = len(arguments.positions) - (1 if name.endswith("e") else 0)
        lists = _read_words(Arguments(arguments.positions[:end]), place + 1, texts)
    else:
        lists = list(texts.words(arguments.first(place + 1, "argv")))
    # What a program is told to be called says nothing: it is the path that is started.
    return [Started((program, *words[1:])) for program in programs for words in lists]


def _read_words(arguments: Arguments, first: int, texts: Texts) -> list[Words]:
    """Return the words that stand in a call one by one."""
    lists: list[Words] = [()]
    for node, is_starred in arguments.positions[first:]:
        given = texts.words(node) if is_starred else [(text,) for text in texts.read(node)]
        lists = [(*before, *each) for before in lists for each in given][:16]
    return lists
