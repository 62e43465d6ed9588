"""Did anything that worked stop working?

    agentkit ratchet check [--rev REV | --patch FILE|- | --work-tree] [OPTIONS]

A hot verb: it is called before typer is imported, which declares the same words for help and completion.
"""

from __future__ import annotations

import io
import os
import sys

from agentkit.core.optionwords import FLAG, ONE, split_options, usage
from agentkit.ratchet.candidacy import Asked, check_candidate

VERB = "ratchet check"
WORDS = {"--rev": ONE, "--patch": ONE, "--judge-changed": ONE, "--work-tree": FLAG, "--json": FLAG, "--quiet": FLAG}


def main(words: list[str]) -> int:
    """Judge the candidate that the words of the command line name, and return the status."""
    asked = read_words(words)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # An id with odd letters or a terminal without UTF-8 must not end an answer in the middle.
        sys.stdout.reconfigure(errors="backslashreplace")
    return check_candidate(".", os.environ, asked)


def read_words(words: list[str]) -> Asked:
    """Return what the words ask for; raises AgentkitError (usage)."""
    others, values = split_options(VERB, words, WORDS)
    if others:
        raise usage(VERB, f"got unexpected argument ({others[0]})")
    last = {option: given[-1] for option, given in values.items()}
    return Asked(
        last.get("--rev"),
        last.get("--patch"),
        "--work-tree" in last,
        last.get("--judge-changed"),
        "--json" in last,
        "--quiet" in last,
    )
