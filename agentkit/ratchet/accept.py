"""Is it good? Then branch and baseline move together.

    agentkit ratchet accept [--rev REV | --patch FILE|- | --work-tree] [OPTIONS]

A hot verb, as `check` is, with the same words.
"""

from __future__ import annotations

import os

from agentkit.core.visible import print_odd_letters
from agentkit.ratchet.candidacy import accept_if_good
from agentkit.ratchet.check import read_words


def main(words: list[str]) -> int:
    """Judge the candidate that the words of the command line name, take it over if it is good; return the status."""
    asked = read_words("ratchet accept", words)
    print_odd_letters()
    return accept_if_good(".", os.environ, asked)
