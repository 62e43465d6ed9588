"""Did anything that worked stop working?

    agentkit ratchet check [--rev REV | --patch FILE|- | --work-tree] [OPTIONS]

A hot verb: it is called before typer is imported, which declares the same words for help and completion.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from agentkit.core.errors import AgentkitError, Exit
from agentkit.ratchet.candidacy import Asked, check_candidate

FLAGS = {"--work-tree": "work_tree", "--json": "as_json", "--quiet": "quiet"}
VALUES = {"--rev": "rev", "--patch": "patch", "--judge-changed": "judge_reason"}


def main(words: list[str]) -> int:
    """Judge the candidate that the words of the command line name, and return the status."""
    asked = read_words(words)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # An id with odd letters or a terminal without UTF-8 must not end an answer in the middle.
        sys.stdout.reconfigure(errors="backslashreplace")
    return check_candidate(".", os.environ, asked)


def read_words(words: list[str]) -> Asked:
    """Return what the words ask for; raises AgentkitError (usage)."""
    asked: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        option, given, value = word.partition("=")
        if option in VALUES:
            told = value if given else next(rest, None)
            if told is None:
                raise _usage(f"option {option!r} requires an argument")
            asked[VALUES[option]] = told
        elif option in FLAGS:
            if given:
                raise _usage(f"option {option!r} does not take a value")
            asked[FLAGS[option]] = True
        else:
            raise _usage(f"no such option: {option}" if word.startswith("-") else f"got unexpected argument ({word})")
    return Asked(**asked)


def _usage(message: str) -> AgentkitError:
    return AgentkitError(message, hint="agentkit ratchet check --help", status=Exit.USAGE)
