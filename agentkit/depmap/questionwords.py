"""Which words may follow `depmap blast` and `depmap why`, and what do they ask for?

The hot path splits the words itself; Typer declares the same ones for help and completion.
"""

from __future__ import annotations

from agentkit.core.errors import AgentkitError, Exit

FLAG, ONE, MANY = "flag", "one", "many"
BLAST = {"--json": FLAG, "--quiet": FLAG, "--depth": ONE, "--kind": MANY}
WHY = {"--json": FLAG, "--quiet": FLAG, "--limit": ONE}


def split_words(verb: str, words: list[str], known: dict[str, str]) -> tuple[list[str], dict[str, list[str]]]:
    """Return the nodes and the values of each option that was given; raises AgentkitError (usage)."""
    nodes: list[str] = []
    values: dict[str, list[str]] = {}
    rest = iter(words)
    for word in rest:
        if word == "--":
            nodes.extend(rest)
            break
        if not word.startswith("-") or word == "-":
            nodes.append(word)
            continue
        option, given, value = word.partition("=")
        kind = known.get(option)
        if kind is None:
            raise usage(verb, f"no such option: {option}")
        if kind == FLAG:
            if given:
                raise usage(verb, f"{option} takes no value")
        elif not given:
            value = next(rest, "")
            if not value:
                raise usage(verb, f"option {option!r} requires an argument")
        values.setdefault(option, []).append(value)
    return nodes, values


def read_whole(verb: str, option: str, text: str | None) -> int | None:
    """Return the whole number above 0 that a text says, None where nothing is said."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) < 1:
        raise usage(verb, f"{option}: {text!r} is no whole number above 0")
    return int(text)


def usage(verb: str, message: str) -> AgentkitError:
    """Return the error for wrong words."""
    return AgentkitError(message, hint=f"agentkit depmap {verb} --help", status=Exit.USAGE)
