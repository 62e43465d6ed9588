"""Did any test that was working stop working?"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from agentkit.ratchet.changingids import find_pattern
from agentkit.ratchet.outcomes import FAIL, MISSING, PASS, RANK, SKIP, XFAIL, Outcomes

WHY = {
    XFAIL: "is expected to fail now",
    FAIL: "fails now",
    SKIP: "is skipped now",
    MISSING: "is not in the new report",
}


@dataclass(frozen=True)
class Change:
    """A test that ended worse than it did, and both ends."""

    id: str
    was: str
    now: str
    why: str


@dataclass(frozen=True)
class Comparison:
    """What differs between two results; each list in the order of the ids.

    A missing test is in `missing` and in `regressed`. `unstable` are those that would have been in `regressed`.
    """

    regressed: tuple[Change, ...] = ()
    missing: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    unstable: tuple[str, ...] = ()


def compare_outcomes(base: Outcomes, now: Outcomes, unstable: Collection[str] = ()) -> Comparison:
    """Return what got worse, test by test; how many passed or failed has no say.

    An id with an address, an instant or the like that is in one result only is held against those of its pattern and
    their number. `unstable` ids never regress.
    """
    changes: list[Change] = []
    gone: list[str] = []
    fixed: list[str] = []
    look_up = now.get
    for name, was in base.items():
        ended = look_up(name)
        if ended == was:
            continue
        if ended is None:
            gone.append(name)
        elif RANK[ended] < RANK[was]:
            changes.append(Change(name, was, ended, WHY[ended]))
        elif ended == PASS:
            fixed.append(name)
    new = [name for name in now if name not in base] if len(now) + len(gone) != len(base) else []
    if gone:
        paired, matched = _match_patterns(gone, new, base, now, frozenset(unstable))
        changes += paired
        new = [name for name in new if name not in matched]
    shaky = frozenset(unstable)
    regressed = sorted((change for change in changes if change.id not in shaky), key=lambda change: change.id)
    return Comparison(
        regressed=tuple(regressed),
        missing=tuple(change.id for change in regressed if change.now == MISSING),
        fixed=tuple(sorted(fixed)),
        new=tuple(sorted(new)),
        unstable=tuple(sorted(change.id for change in changes if change.id in shaky)),
    )


def _match_patterns(
    gone: Iterable[str], new: Iterable[str], base: Outcomes, now: Outcomes, unstable: Collection[str]
) -> tuple[list[Change], set[str]]:
    """Return what is worse among the ids that went, and the new ids that stand for some of them."""
    changes: list[Change] = []
    went = _group(gone)
    came = _group(new, went)
    matched: set[str] = set()
    for pattern, names in went.items():
        heirs = came.get(pattern, [])
        # Which is whose is not known, so the worst stands for the worst: a new one that passes hides none that fails.
        # What is known to be unstable takes the first places, and so what happens there is its own affair.
        names.sort(key=lambda name: (name not in unstable, RANK[base[name]], name))
        heirs.sort(key=lambda name: (RANK[now[name]], name))
        matched.update(heirs[: len(names)])
        short = len(names) - len(heirs)
        for place, name in enumerate(names):
            was = base[name]
            if place < short:
                why = WHY[MISSING]
                if heirs or pattern != name:
                    why = f"of {len(names)} tests like {pattern} {len(heirs)} are left"
                changes.append(Change(name, was, MISSING, why))
                continue
            heir = heirs[place - max(short, 0)]
            if RANK[now[heir]] < RANK[was]:
                changes.append(Change(name, was, now[heir], f"{WHY[now[heir]]}, as {heir}"))
    return changes, matched


def _group(names: Iterable[str], wanted: Collection[str] | None = None) -> dict[str, list[str]]:
    """Return the ids by their pattern; an id without a changing part is alone and has no heirs."""
    groups: dict[str, list[str]] = {}
    for name in names:
        pattern = find_pattern(name)
        if wanted is None or (pattern != name and pattern in wanted):
            groups.setdefault(pattern, []).append(name)
    return groups
