"""All the cheats by their kind, and what is wrong with an answer to one."""

from __future__ import annotations

from agentkit.ratchet.verdict import ACCEPT, Verdict
from tests.ratchet import codecheats, harnesscheats, testcheats, treecheats
from tests.ratchet.cheats import Cheat

KINDS: dict[str, tuple[Cheat, ...]] = {
    "tests changed": testcheats.CHEATS,
    "what pytest reads changed": harnesscheats.CHEATS,
    "finds the judge": codecheats.FORGERS,
    "changes the judge": codecheats.PATCHES,
    "looks at the judge": (*codecheats.LOOKS, *codecheats.OBJECTS),
    "ends too early": codecheats.ENDS,
    "writes the report": codecheats.REPORTS,
    "clocks and hold-outs": codecheats.MATTERS,
    "forged modules": treecheats.SHADOWS,
    "what lies in the tree": treecheats.TREES,
    "git": treecheats.OF_GIT,
    "writes while it runs": treecheats.WRITERS,
}
ALL = tuple(cheat for cheats in KINDS.values() for cheat in cheats)


def find_fault(cheat: Cheat, verdict: Verdict) -> str | None:
    """Return what is wrong with the verdict on a cheat."""
    told = f"{cheat.name}: {verdict.answer}, {verdict.mechanism}: {verdict.reason} {verdict.hints}"
    if verdict.answer == ACCEPT or (cheat.answer and verdict.answer != cheat.answer):
        return told
    return None if verdict.mechanism in cheat.mechanisms else f"{told}; expected {cheat.mechanisms}"
