"""What does a command touch beside being started: units, ports, locks, users, files, and what it asks for?"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agentkit.core.launchers import LAUNCHERS, skip_options
from agentkit.core.unitfiles import TYPES
from agentkit.depmap.calls import HOLE, Call
from agentkit.depmap.endpoints import find_endpoints
from agentkit.depmap.operands import find_value, list_operands

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Touch:
    """One thing that is touched: the kind of the edge, the node (with HOLE where its name is not known), the rule."""

    kind: str
    target: str
    rule: str
    text: str = ""


UNIT_STARTS = frozenset(
    {
        *("start", "restart", "reload", "try-restart", "reload-or-restart", "try-reload-or-restart", "condrestart"),
        *("force-reload", "isolate", "enable", "reenable"),
    }
)
UNIT_ASKS = frozenset(
    {
        *("status", "is-active", "is-enabled", "is-failed", "show", "cat", "stop", "kill", "mask", "unmask"),
        *("disable", "reset-failed", "list-dependencies"),
    }
)
SUFFIXES = tuple(f".{each}" for each in TYPES.split("|"))
READS = frozenset(
    {
        *("cat", "head", "tail", "wc", "sort", "md5sum", "sha1sum", "sha256sum", "sha512sum", "diff", "cmp", "less"),
        *("more", "zcat", "tac", "nl", "od", "xxd"),
    }
)
WRITES = frozenset({"tee", "touch", "rm", "truncate", "mkdir", "rmdir", "shred", "unlink", "mkfifo"})
COPIES = frozenset({"cp", "mv", "ln"})
FILE_TESTS = frozenset({"-x", "-f", "-e", "-r", "-s", "-d", "-w", "-L", "-h", "-S", "-p", "-b", "-c"})


def find_touches(call: Call, descriptors: dict[str, str]) -> Iterator[Touch]:
    """Yield what a call of a program or a builtin touches; `descriptors` gives the files behind numbers."""
    words = call.words
    name = os.path.basename(words[0])
    if name in ("[", "test", "[["):
        yield from _find_tested(words, call.folder)
    elif name in ASKS:
        yield from ASKS[name](words)
    elif name == "flock":
        yield from _find_lock(words, descriptors, call.folder)
    elif name in FILES:
        for kind, path in FILES[name](words):
            yield from _touch_file(kind, path, name, call.folder)
    if name in USERS:
        yield from _find_user(name, words)
    for kind, target in find_endpoints(name, words):
        yield Touch(kind, target, name)


def _touch_file(kind: str, path: str, rule: str, folder: str | None) -> Iterator[Touch]:
    if HOLE in path or path.startswith(("/dev/", "-")):
        return
    if not path.startswith("/"):
        if folder is None:
            return
        path = os.path.join(folder, path)
    yield Touch(kind, f"file:{os.path.normpath(path)}", rule)


def _find_tested(words: Words, folder: str | None) -> Iterator[Touch]:
    for at, word in enumerate(words[1:-1], 1):
        if word in FILE_TESTS:
            yield from _touch_file("check", words[at + 1], "test", folder)


def _ask_names(words: Words) -> Iterator[Touch]:
    """Read `which NAME…`, `type NAME…`, `hash NAME…`."""
    for word in words[1:]:
        if not word.startswith("-") and word:
            yield Touch("check", f"cmd:{word}", words[0])


def _ask_command(words: Words) -> Iterator[Touch]:
    if words[1:2] in (("-v",), ("-V",)):
        for word in words[2:]:
            yield Touch("check", f"cmd:{word}", "command -v")


def _ask_processes(words: Words) -> Iterator[Touch]:
    at = skip_options(words, 1, "dgGPstuUFnoO", ("delimiter", "signal"))
    pattern = words[at] if at < len(words) else ""
    # A pattern of a whole command line names no program.
    if re.fullmatch(r"\^?[A-Za-z0-9_.+/-]+\$?", pattern) and not any(re.match(r"-\w*f", word) for word in words[1:at]):
        yield Touch("check", f"cmd:{pattern.strip('^$')}", words[0])


def _name_unit(word: str) -> str:
    return f"unit:{word}" if word.endswith(SUFFIXES) else f"unit:{word}.service"


def _ask_systemctl(words: Words) -> Iterator[Touch]:
    verb, *names = list_operands(words) or [""]
    kind = "triggers" if verb in UNIT_STARTS else "check" if verb in UNIT_ASKS else None
    # What another machine's systemd, a container's or a user's is asked for is no unit of this one.
    is_elsewhere = find_value(words, "H", "host") or find_value(words, "M", "machine") or "--user" in words
    if kind is None or is_elsewhere:
        return
    for name in names:
        if "*" not in name:
            yield Touch(kind, _name_unit(name), f"systemctl {verb}", " ".join(words))


def _ask_service(words: Words) -> Iterator[Touch]:
    rest = [word for word in words[1:] if not word.startswith("-")]
    if len(rest) >= 2:
        kind = "check" if rest[1] in ("status", "stop") else "triggers"
        yield Touch(kind, _name_unit(rest[0]), f"{os.path.basename(words[0])} {rest[1]}", " ".join(words))


def _find_lock(words: Words, descriptors: dict[str, str], folder: str | None) -> Iterator[Touch]:
    flock = LAUNCHERS["flock"]
    at = skip_options(words, 1, flock.letters, flock.names)
    if at < len(words):
        path = descriptors.get(words[at], "") if words[at].isdigit() else words[at]
        if HOLE in path:
            yield Touch("lock", path, "flock", " ".join(words[: at + 1]))
        elif path:
            yield from _touch_file("lock", path, "flock", folder)


def _lock_first(words: Words) -> Iterator[tuple[str, str]]:
    yield from (("lock", word) for word in _first_operand(words))


def _read_all(words: Words) -> Iterator[tuple[str, str]]:
    yield from (("read", word) for word in list_operands(words) if not word.startswith("+"))


def _write_all(words: Words) -> Iterator[tuple[str, str]]:
    yield from (("write", word) for word in list_operands(words))


def _copy(words: Words) -> Iterator[tuple[str, str]]:
    operands = list_operands(words)
    target = find_value(words, "t", "target-directory")
    if target is not None:
        operands.append(target)
    if len(operands) >= 2:
        yield from (("read", word) for word in operands[:-1])
        yield "write", operands[-1]


def _install(words: Words) -> Iterator[tuple[str, str]]:
    makes_folders = any(re.match(r"-[a-zA-Z]*d|--directory\Z", word) for word in words[1:])
    return _write_all(words) if makes_folders else _copy(words)


def _edit(words: Words) -> Iterator[tuple[str, str]]:
    is_edit = any(re.match(r"-[a-zA-Z]*i|--in-place", word) for word in words[1:])
    yield from (("write" if is_edit else "read", word) for word in _list_texts(words))


def _search(words: Words) -> Iterator[tuple[str, str]]:
    yield from (("read", word) for word in _list_texts(words))


def _list_texts(words: Words) -> Iterator[str]:
    """Yield the files of sed, grep, awk or jq by their full paths: what stands behind the script or the pattern."""
    names = ("--expression", "--file", "--from-file", "--regexp")
    has_script = any(re.match(r"-[a-zA-Z]*[ef]\Z", word) or word.partition("=")[0] in names for word in words[1:])
    yield from (word for word in list_operands(words)[0 if has_script else 1 :] if word[:1] == "/")


def _convert(words: Words) -> Iterator[tuple[str, str]]:
    for word in words[1:]:
        name, _, path = word.partition("=")
        if name in ("if", "of"):
            yield "read" if name == "if" else "write", path


def _find_user(name: str, words: Words) -> Iterator[Touch]:
    for user in USERS[name](words):
        if user not in ("", "-"):
            yield Touch("user", f"user:{user.partition(':')[0]}", name, " ".join(words))


def _user_option(*options: str) -> Callable[[Words], Iterator[str]]:
    def find(words: Words) -> Iterator[str]:
        for at, word in enumerate(words[1:], 1):
            if word == "--" or (word[:1] != "-" and "=" not in word and words[at - 1] not in options):
                if words[at - 1][:1] != "-":
                    return
                continue
            for option in options:
                if word == option and at + 1 < len(words):
                    yield words[at + 1]
                    return
                joined = f"{option}=" if option.startswith("--") else option
                if (
                    word.startswith(joined)
                    and word != option
                    and (option.startswith("--") or not word.startswith("--"))
                ):
                    yield word[len(joined) :]
                    return

    return find


def _user_of_su(words: Words) -> Iterator[str]:
    at = 1
    while at < len(words):
        word = words[at]
        if word in ("-c", "-s", "-g", "-G", "-w", "--command", "--shell", "--group"):
            at += 2
        elif word.startswith("-"):
            at += 1
        else:
            yield word
            return


def _first_operand(words: Words) -> Iterator[str]:
    yield from [word for word in words[1:] if not word.startswith("-")][:1]


ASKS: dict[str, Callable[[Words], Iterator[Touch]]] = {
    "command": _ask_command,
    "hash": _ask_names,
    "invoke-rc.d": _ask_service,
    "pgrep": _ask_processes,
    "pidof": _ask_processes,
    "service": _ask_service,
    "systemctl": _ask_systemctl,
    "type": _ask_names,
    "which": _ask_names,
}
FILES: dict[str, Callable[[Words], Iterator[tuple[str, str]]]] = {
    **dict.fromkeys(READS, _read_all),
    **dict.fromkeys(WRITES, _write_all),
    **dict.fromkeys(COPIES, _copy),
    **dict.fromkeys(("lockfile", "setlock", "lckdo", "dotlockfile"), _lock_first),
    **dict.fromkeys(("grep", "egrep", "fgrep", "awk", "jq"), _search),
    "dd": _convert,
    "install": _install,
    "sed": _edit,
}
USERS: dict[str, Callable[[Words], Iterator[str]]] = {
    "chpst": _user_option("-u"),
    "doas": _user_option("-u"),
    "gosu": _first_operand,
    "pkexec": _user_option("--user"),
    "runuser": lambda words: (
        _user_option("-u", "--user")(words) if {"-u", "--user"} & set(words) else _user_of_su(words)
    ),
    "setuidgid": _first_operand,
    "start-stop-daemon": _user_option("--chuid", "-c"),
    "su": _user_of_su,
    "su-exec": _first_operand,
    "sudo": _user_option("-u", "--user"),
}
