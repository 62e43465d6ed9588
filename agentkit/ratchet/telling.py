"""How is a verdict told: what stopped working, since when it had been well, what it said, and where there is more?"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping

from agentkit.core.repo.repository import Repository
from agentkit.core.screen import ProgressLine, Styled, print_block, print_line
from agentkit.ratchet.court import Tell
from agentkit.ratchet.greensince import find_green_since
from agentkit.ratchet.outcomes import escape_id
from agentkit.ratchet.verdict import ACCEPT, REJECT, Verdict

SHOWN, SHOWN_OUTPUTS, LONGEST_OUTPUT = 10, 3, 1500
STYLES = {ACCEPT: "ok", REJECT: "critical"}


@contextlib.contextmanager
def tell_progress(environ: Mapping[str, str], *, is_wanted: bool) -> Iterator[Tell | None]:
    """Give what tells on the terminal how far a run is; nothing where none is wanted or there is no terminal."""
    line = ProgressLine(sys.stderr, environ)
    try:
        yield line.show if is_wanted and sys.stderr.isatty() else None
    finally:
        line.clear()


def tell_verdict(repository: Repository, verdict: Verdict, evidence: str, failures: Mapping[str, str]) -> None:
    """Print a verdict for a person; `evidence` is where it is kept, `failures` are the outputs of tests by id."""
    print_line(Styled(verdict.answer, STYLES.get(verdict.answer, "warning")), verdict.reason)
    changes = verdict.comparison.regressed
    shown = changes[:SHOWN]
    since = find_green_since(repository, [change.id for change in shown])
    for change in shown:
        told = f", since {since[change.id]}" if change.id in since else ""
        print_line(" ", escape_id(change.id), Styled(f"{change.was} -> {change.now}{told}", "dim"))
    if len(changes) > SHOWN:
        print_line(" ", f"and {len(changes) - SHOWN} more")
    for metric in verdict.metrics:
        if metric.is_worse:
            print_line(" ", f"{metric.name} {metric.why}", Styled(f"best {metric.best}, now {metric.now}", "dim"))
    for change in [change for change in shown if change.id in failures][:SHOWN_OUTPUTS]:
        print_line(Styled(f"-- {escape_id(change.id)}", "heading"))
        print_block(failures[change.id][-LONGEST_OUTPUT:])
    if verdict.mechanism:
        print_line(" ", f"mechanism: {verdict.mechanism}")
    for hint in verdict.hints[:SHOWN]:
        print_line(" ", Styled(f"hint: {hint}", "dim"))
    if verdict.answer != ACCEPT:
        print_line(Styled("next:", "dim"), f"agentkit ratchet show {evidence.rpartition('@')[2][:12]}")
