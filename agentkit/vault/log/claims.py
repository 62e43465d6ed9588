"""What is claimed of the vault, and what is not?

The same words are printed by `audit verify` and `check`: what is not covered is said as plainly as what is.
"""

from __future__ import annotations

L0, L1, L2 = "L0", "L1", "L2"
CLAIMS = {
    L0: "every plaintext that this program released was preceded by a durable record",
    L1: "no process without root gets plaintext without a record",
    L2: "any change of records older than the anchor is found, even after root fell",
}
# What each level leaves open, until the next one closes it.
NOT_COVERED = {
    L0: (
        "a program of the same user: it can open the secrets with age and leave no record, and write the log anew",
        "root",
    ),
    L1: ("root, who can open the secrets without a record",),
    L2: (
        "records that are newer than the anchor: who can write the log can still change them",
        "what was opened without this program, for it left no record that could be changed",
    ),
}
WITHOUT_ANCHOR = "a log that was written anew from its beginning: only an anchor, kept elsewhere, shows that"
AFTERWARDS = "what a program does with a secret once it has it"


def find_levels(*, is_separate: bool, is_anchored: bool) -> list[str]:
    """Return the levels in force: whether a user of its own holds the vault, and whether an anchor holds."""
    return [L1 if is_separate else L0, *([L2] if is_anchored else [])]


def describe_levels(levels: list[str]) -> list[str]:
    """Return the lines for a person: what each level in force covers, and what none of them does."""
    lines = [f"{level}: {CLAIMS[level]}" for level in levels]
    gaps = [gap for level in levels for gap in NOT_COVERED[level]]
    if L2 not in levels:
        gaps.append(WITHOUT_ANCHOR)
    return [*lines, *(f"not covered: {gap}" for gap in [*gaps, AFTERWARDS])]
