"""Which names does run-parts take, given the words that stand before the folder?

Three are known: Debian's program (debianutils 5.7 and newer), busybox's applet, and the shell script of the package
crontabs that comes with cronie.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agentkit.core.cronnames import LETTERS, is_left_over, is_run_by_run_parts
from agentkit.core.posixregex import match_names

HIERARCHICAL = re.compile(r"_?([a-z0-9_.]+-)+[a-z0-9]+")
PACKAGE_REMAINS = re.compile(r"[a-z0-9-].*\.dpkg-(old|dist|new|tmp)")
ASSIGNED = re.compile(r"[a-z0-9][a-z0-9-]*")
SCRIPT_LEAVES_OUT = ("~", ",", ",v", ".cfsaved", ".rpmnew", ".rpmorig", ".rpmsave", ".swp")
SCRIPT_SPLITS_AT = frozenset(" \t\n*?[")

# Long option: does it take an argument?
DEBIAN_OPTIONS = {
    **dict.fromkeys(("test", "list", "verbose", "debug", "report", "reverse", "exit-on-error", "stdin"), False),
    **dict.fromkeys(("lsbsysinit", "new-session", "version", "help"), False),
    **dict.fromkeys(("regex", "umask", "arg"), True),
}
DEBIAN_LETTERS = {"v": "verbose", "V": "version", "h": "help", "u": "umask", "a": "arg"}
BUSYBOX_OPTIONS = {"test": False, "list": False, "reverse": False, "exit-on-error": False, "umask": True, "arg": True}
BUSYBOX_LETTERS = {"u": "umask", "a": "arg"}
ONLY_TELLS = ("test", "list", "help", "version")


@dataclass(frozen=True)
class Choice:
    """The names that run-parts takes, in which order, and whether it ends at the first failure.

    With `refusal`, it runs none of them, and this is why.
    """

    taken: frozenset[str]
    reverse: bool = False
    exits_on_error: bool = False
    refusal: str | None = None


def choose_names(names: Sequence[str], *, flavour: str, options: Sequence[str] = ()) -> Choice:
    """Return what run-parts makes of the names in a folder, by the names alone; `options` are the words before it.

    `flavour` is `debian`, `busybox` or `crontabs`. Raises ValueError for an expression that is not looked into.
    """
    if flavour == "crontabs":
        return _choose_by_script(names, options)
    debian = flavour == "debian"
    is_plain = is_run_by_run_parts if debian else _is_taken_by_busybox
    wish = _Wish()
    try:
        _read_wish(wish, options, debian=debian)
        if wish.expression is None:
            is_taken = _is_lsb_name if wish.lsb else is_plain
            return Choice(frozenset(filter(is_taken, names)), wish.reverse, wish.exits_on_error)
        return Choice(_match(wish.expression, names), wish.reverse, wish.exits_on_error)
    except _RefusalError as refusal:
        # What it would take, had it been asked well.
        near = frozenset(name for name in names if (not is_left_over(name) if wish.expression else is_plain(name)))
        return Choice(near, refusal=str(refusal))


@dataclass
class _Wish:
    """What the options ask for."""

    lsb: bool = False
    expression: str | None = None
    reverse: bool = False
    exits_on_error: bool = False


class _RefusalError(Exception):
    """Why run-parts ends before it runs anything."""


def _read_wish(wish: _Wish, options: Sequence[str], *, debian: bool) -> None:
    known, letters = (DEBIAN_OPTIONS, DEBIAN_LETTERS) if debian else (BUSYBOX_OPTIONS, BUSYBOX_LETTERS)
    for option, argument in _read_options(options, known, letters):
        if option in ONLY_TELLS:
            raise _RefusalError(f"with --{option} run-parts runs nothing")
        if option == "umask" and not re.match(r"\s*[+-]?[0-7]" if debian else r"[0-7]{1,4}\Z", argument):
            raise _RefusalError(f"run-parts takes no umask {argument!r}")
        if option == "reverse":
            wish.reverse = True
        elif option == "exit-on-error":
            wish.exits_on_error = True
        elif option == "lsbsysinit":
            wish.lsb, wish.expression = True, None
        elif option == "regex":
            wish.expression = argument


def _match(expression: str, names: Sequence[str]) -> frozenset[str]:
    matched = match_names(expression, names)
    if matched is None:
        raise _RefusalError(f"{expression!r} is no regular expression")
    return matched


def _read_options(words: Sequence[str], known: dict[str, bool], letters: dict[str, str]) -> Iterable[tuple[str, str]]:
    """Return options and their arguments as getopt_long(3) takes them; long ones may be cut short."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            if rest:
                raise _RefusalError(f"run-parts takes one folder, not {rest[0]} as well")
        elif word.startswith("--"):
            begin, equals, argument = word[2:].partition("=")
            fits = [begin] if begin in known else [name for name in known if name.startswith(begin)]
            if len(fits) != 1:
                raise _RefusalError(
                    f"run-parts knows no --{begin}" if not fits else f"--{begin} may mean --{fits[0]} or more"
                )
            if equals and not known[fits[0]]:
                raise _RefusalError(f"--{fits[0]} takes no argument")
            yield fits[0], argument if equals or not known[fits[0]] else _next(rest, word)
        elif word.startswith("-") and word != "-":
            cluster = word[1:]
            while cluster:
                letter, cluster = cluster[0], cluster[1:]
                if letter not in letters:
                    raise _RefusalError(f"run-parts knows no -{letter}")
                if known[letters[letter]]:
                    yield letters[letter], cluster or _next(rest, word)
                    break
                yield letters[letter], ""
        else:
            raise _RefusalError(f"run-parts takes one folder, not {word} as well")


def _next(rest: list[str], word: str) -> str:
    if not rest:
        raise _RefusalError(f"run-parts takes the folder for the argument of {word}")
    return rest.pop(0)


def _is_lsb_name(name: str) -> bool:
    if HIERARCHICAL.fullmatch(name) and not PACKAGE_REMAINS.fullmatch(name):
        return True
    return ASSIGNED.fullmatch(name) is not None


def _is_taken_by_busybox(name: str) -> bool:
    return not name.startswith(".") and LETTERS.issuperset(name.replace(".", ""))


def _choose_by_script(names: Sequence[str], options: Sequence[str]) -> Choice:
    taken = frozenset(
        name
        for name in names
        if not name.startswith(".") and not name.endswith(SCRIPT_LEAVES_OUT) and SCRIPT_SPLITS_AT.isdisjoint(name)
    )
    if not options or list(options) == ["--"]:
        return Choice(taken)
    tells = options[0] in ("--test", "--list")
    why = f"with {options[0]} run-parts runs nothing" if tells else f"run-parts takes {options[0]} for the folder"
    return Choice(taken, refusal=why)
