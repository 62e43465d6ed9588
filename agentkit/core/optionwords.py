"""Which of a hot verb's words are options, and which are the rest?

Typer declares the same options for help and completion; to load it would cost more than most hot verbs do. What is
wrong with the words is said as typer says it. Imported by the hot verbs.
"""

from agentkit.core.errors import AgentkitError, Exit

# What an option takes: nothing; a value, of which the last one counts; values.
FLAG, ONE, MANY = 1, 2, 3


def split_options(
    verb: str, words: "list[str]", known: "dict[str, int]", *, stops: bool = False, advice: str = ""
) -> "tuple[list[str], dict[str, list[str]]]":
    """Return the words that are no options, and the values of each option that was given ("yes" for a flag).

    What stands behind `--` is no option; with `stops` neither is anything from the first word that is none, as for
    `env` and `timeout`. `verb` is as it is typed, such as `heartbeat run`. Raises AgentkitError (usage) for an option
    that is not `known`, with the advice behind it, or without its value; of its value nothing is repeated.
    """
    others: list[str] = []
    values: dict[str, list[str]] = {}
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word == "--":
            others += words[index:]
            break
        if not word.startswith("-") or word == "-":
            others.append(word)
            if stops:
                others += words[index:]
                break
            continue
        option, given, value = word.partition("=")
        takes = known.get(option)
        if takes is None:
            raise usage(verb, f"no such option: {option}{advice}")
        if takes == FLAG:
            if given:
                raise usage(verb, f"option {option!r} does not take a value")
            value = "yes"
        elif not given:
            if index == len(words):
                raise usage(verb, f"option {option!r} requires an argument")
            value = words[index]
            index += 1
        values.setdefault(option, []).append(value)
    return others, values


def demand_no_others(verb: str, others: "list[str]") -> None:
    """Raise AgentkitError (usage) for a verb that takes nothing but options."""
    if others:
        raise usage(verb, f"got unexpected argument ({others[0]})")


def usage(verb: str, message: str) -> AgentkitError:
    """Return the error for wrong words."""
    return AgentkitError(message, hint=f"agentkit {verb} --help", status=Exit.USAGE)
