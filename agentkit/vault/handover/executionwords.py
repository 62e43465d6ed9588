"""Which words may stand before the program of `vault exec`, and what do they ask for?

Typer declares the same ones for help and completion, and both end in `build_execution`. Imported by the hot verbs.
"""

from agentkit.core.errors import AgentkitError
from agentkit.core.optionwords import FLAG, MANY, ONE, split_options, usage
from agentkit.vault.places import demand_name

VERB = "vault exec"
WORDS = {
    "--fd": MANY,
    "--env": MANY,
    "--stdin": MANY,
    "--fill": MANY,
    "--keep-env": MANY,
    "--mask": FLAG,
    "--reason": ONE,
}
FIRST_OWN_DESCRIPTOR = 3
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
DIGITS = frozenset("0123456789")


class Execution:
    """What one `vault exec` was asked to do.

    `handed` are (way, place, name of the secret) with ways `fd`, `env` and `stdin`; `fills` are (descriptor, file).
    """

    __slots__ = ("fills", "handed", "keep_env", "masks", "program", "reason")

    handed: "list[tuple[str, str, str]]"
    fills: "list[tuple[int, str]]"
    keep_env: "list[str]"
    masks: bool
    program: "list[str]"
    reason: str

    def list_descriptors(self) -> "list[int]":
        """Return the descriptors at which the program finds something."""
        found = [number for number, _ in self.fills]
        for way, place, _ in self.handed:
            if way in ("fd", "stdin"):
                found.append(int(place or 0))
        return sorted(found)


def split_words(words: "list[str]") -> "tuple[list[str], dict[str, list[str]]]":
    """Return the program with its words, and the values of each option before it.

    Raises AgentkitError (usage) for an unknown option or one without its value.
    """
    return split_options(VERB, words, WORDS, stops=True, advice="; a program's own options stand behind it")


def build_execution(program: "list[str]", values: "dict[str, list[str]]") -> Execution:
    """Return what the words ask for; raises AgentkitError (usage) saying what was expected."""
    asked = Execution()
    if not program:
        raise _usage("vault exec: the program is missing; expected -- PROGRAM… after the options")
    if any("\0" in word for word in program):
        raise _usage("vault exec: a word of a program cannot hold a NUL")
    asked.program = program
    asked.handed = [_read_descriptor("--fd", text) for text in values.get("--fd", [])]
    asked.handed += [_read_variable(text) for text in values.get("--env", [])]
    asked.handed += [("stdin", "", demand_name(name)) for name in values.get("--stdin", [])]
    asked.fills = [_read_fill(text) for text in values.get("--fill", [])]
    if not asked.handed and not asked.fills:
        raise _usage("vault exec: no secret is named; give --fd N=NAME, --stdin NAME, --fill N=FILE or --env VAR=NAME")
    asked.keep_env = [_demand_variable("--keep-env", text) for text in values.get("--keep-env", [])]
    asked.masks = "--mask" in values
    asked.reason = values.get("--reason", [""])[-1]
    _demand_once(asked)
    return asked


def _demand_once(asked: Execution) -> None:
    descriptors = asked.list_descriptors()
    for number in descriptors:
        if descriptors.count(number) > 1:
            raise _usage("--stdin: give it once" if number == 0 else f"descriptor {number}: give it once")
    variables = [place for way, place, _ in asked.handed if way == "env"]
    for variable in variables:
        if variables.count(variable) > 1 or variable in asked.keep_env:
            raise _usage(f"variable {variable}: give it once")


def _read_descriptor(option: str, text: str) -> "tuple[str, str, str]":
    place, given, name = text.partition("=")
    if not given:
        raise _usage(f"{option}: expected N=NAME, such as 3=db/password")
    return "fd", str(_demand_descriptor(option, place)), demand_name(name)


def _read_fill(text: str) -> "tuple[int, str]":
    place, given, path = text.partition("=")
    if not given or not path or "\0" in path:
        raise _usage("--fill: expected N=FILE, such as 4=/etc/app.conf.in")
    return _demand_descriptor("--fill", place), path


def _demand_descriptor(option: str, text: str) -> int:
    if not text or len(text) > 9 or not DIGITS.issuperset(text) or int(text) < FIRST_OWN_DESCRIPTOR:
        raise _usage(f"{option}: expected a descriptor from 3 on before the equals sign; stdin is --stdin NAME")
    return int(text)


def _read_variable(text: str) -> "tuple[str, str, str]":
    variable, given, name = text.partition("=")
    if not given:
        raise _usage("--env: expected VAR=NAME, such as PGPASSWORD=db/password")
    return "env", _demand_variable("--env", variable), demand_name(name)


def _demand_variable(option: str, text: str) -> str:
    if not text or text[0] in DIGITS or not (LETTERS | DIGITS).issuperset(text):
        raise _usage(f"{option}: expected the name of a variable, such as PGPASSWORD")
    return text


def _usage(message: str) -> AgentkitError:
    return usage(VERB, message)
