"""Did anything that worked stop working?

    agentkit ratchet check [--rev REV | --patch FILE|- | --work-tree] [OPTIONS]

A hot verb: it is called before typer is imported, which declares the same words for help and completion.
"""

from __future__ import annotations

import os

from agentkit.core.optionwords import FLAG, ONE, demand_no_others, split_options
from agentkit.core.visible import print_odd_letters
from agentkit.ratchet.candidacy import Asked, check_candidate

WORDS = {"--rev": ONE, "--patch": ONE, "--judge-changed": ONE, "--work-tree": FLAG, "--json": FLAG, "--quiet": FLAG}


def main(words: list[str]) -> int:
    """Judge the candidate that the words of the command line name, and return the status."""
    asked = read_words("ratchet check", words)
    print_odd_letters()
    return check_candidate(".", os.environ, asked)


def read_words(verb: str, words: list[str]) -> Asked:
    """Return what the words of a verb that judges ask for; raises AgentkitError (usage)."""
    others, values = split_options(verb, words, WORDS)
    demand_no_others(verb, others)
    last = {option: given[-1] for option, given in values.items()}
    return Asked(
        last.get("--rev"),
        last.get("--patch"),
        "--work-tree" in last,
        last.get("--judge-changed"),
        "--json" in last,
        "--quiet" in last,
    )
