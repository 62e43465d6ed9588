"""What does `agentkit evolve try` do: one candidate by a program, a patch or a revision, or one for each decision?

A hot verb: mostly nothing is decided. It is called before typer is imported, which declares the same words. What a
change needs has much to load, which is done while the ratchet looks where the branch stands.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.optionwords import FLAG, ONE, demand_no_others, split_options
from agentkit.core.visible import print_odd_letters

TYPE_CHECKING = False  # the one of typing costs an import
if TYPE_CHECKING:
    from agentkit.core.program import Ended

WORDS = {
    "--propose": ONE, "--patch": ONE, "--rev": ONE, "--allow-protected": ONE, "--json": FLAG, "--quiet": FLAG
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """The words of `try`: at most one of `propose`, `patch` and `rev`; without any, decisions are read from stdin.

    `allowed` is a person's reason why protected paths may change.
    """

    propose: str | None = None
    patch: str | None = None
    rev: str | None = None
    allowed: str | None = None
    as_json: bool = False
    quiet: bool = False


def main(words: list[str]) -> int:
    """Try what the words of the command line name, and return the status."""
    asked = read_words(words)
    print_odd_letters()
    return try_one(".", os.environ, asked)


def read_words(words: list[str]) -> Asked:
    """Return what the words ask for; raises AgentkitError (usage)."""
    others, values = split_options("evolve try", words, WORDS)
    demand_no_others("evolve try", others)
    last = {option: given[-1] for option, given in values.items()}
    return Asked(
        last.get("--propose"),
        last.get("--patch"),
        last.get("--rev"),
        last.get("--allow-protected"),
        "--json" in last,
        "--quiet" in last,
    )


def try_one(folder: str, environ: Mapping[str, str], asked: Asked) -> int:
    """Do what `agentkit evolve try` says, print what came of it, and return the status; raises AgentkitError."""
    given = [value for value in (asked.propose, asked.patch, asked.rev) if value is not None]
    if len(given) > 1:
        raise AgentkitError("try: one of --propose, --patch and --rev", status=Exit.USAGE)
    demand_reason(asked.allowed)
    if not given:
        from agentkit.evolve.deciding import try_decisions

        return try_decisions(folder, environ, asked.allowed, as_json=asked.as_json, is_quiet=asked.quiet)
    from agentkit.evolve.judge import look

    with ExitStack() as stack:
        beginning = _Beginning(folder, environ, asked, stack)
        seen = look(folder, environ, beginning.make)
        return beginning.demand()(seen)


class _Beginning:
    """What is got ready while the ratchet looks; what is wrong with it is told first, whatever the ratchet says."""

    def __init__(self, folder: str, environ: Mapping[str, str], asked: Asked, stack: ExitStack) -> None:
        self._given = (folder, environ, asked)
        self._stack = stack
        self._finish: Callable[[Ended], int] | None = None
        self._error: AgentkitError | None = None

    def make(self) -> None:
        """Get it ready, once."""
        if self._finish is not None or self._error is not None:
            return
        from agentkit.evolve.tryone import open_one

        try:
            self._finish = self._stack.enter_context(open_one(*self._given))
        except AgentkitError as error:
            self._error = error

    def demand(self) -> Callable[[Ended], int]:
        """Return what does the rest; raises the AgentkitError that kept it from being made ready."""
        self.make()
        if self._error is not None:
            raise self._error
        assert self._finish is not None
        return self._finish


def demand_reason(allowed: str | None) -> None:
    """Raise AgentkitError (usage) where protected paths may change and nobody says why."""
    if allowed is not None and not allowed.strip():
        raise AgentkitError("--allow-protected: say why; it is kept with the candidate", status=Exit.USAGE)
