"""Which step of a rotation comes next?

    intent > create > set > test > promote > adopt > revoke > prove

The old value is revoked only after the new one was tested, promoted, and adopted by those who use the secret. Where
somebody set another value meanwhile, what this rotation made is revoked instead, and the secret stays as he set it.
"""

from dataclasses import dataclass

INTENT, CREATE, SET, TEST = "intent", "create", "set", "test"
PROMOTE, ADOPT, REVOKE, PROVE = "promote", "adopt", "revoke", "prove"
STEPS = (INTENT, CREATE, SET, TEST, PROMOTE, ADOPT, REVOKE, PROVE)
# Asked between the steps, where a provider can tell which keys live.
LIST = "list"
BEFORE_PROMOTION = (INTENT, CREATE, SET, TEST)

# What the secret is now: the value with which the rotation began, the one that it made, or another one.
OLD, NEW, OTHER = "old", "new", "other"


@dataclass(frozen=True)
class Standing:
    """How far a rotation has come, of what decides about the next step; `done` is the last step that was done."""

    done: str
    has_value: bool
    is_given_up: bool
    old_is_dead: bool


def choose_step(standing: Standing, current: str) -> str:
    """Return the next step; `current` is OLD, NEW or OTHER."""
    if is_to_be_given_up(standing, current):
        if not standing.has_value:
            # It may have been made and its answer lost: asked again, the provider tells which it was.
            return CREATE
        return PROVE if standing.done == REVOKE else REVOKE
    if standing.done == TEST and current == NEW:
        return PROMOTE  # it was, and a crash came before that was noted
    if standing.done == PROMOTE and standing.old_is_dead:
        return PROVE
    return STEPS[STEPS.index(standing.done) + 1]


def is_to_be_given_up(standing: Standing, current: str) -> bool:
    """Tell whether what the rotation made is to be revoked, and not what it was to replace.

    So it is when somebody set another value before the promotion, or the old value again after it.
    """
    unwanted = OTHER if standing.done in BEFORE_PROMOTION else OLD
    return standing.is_given_up or current == unwanted


def find_expected(standing: Standing) -> str:
    """Return what the secret is when nobody but the rotation has changed it."""
    return OLD if standing.done in BEFORE_PROMOTION else NEW


def find_step_to_repeat(standing: Standing, failed: str) -> str:
    """Return the step after which a rotation goes on, when what it did turned out not to hold.

    A new value that does not work is set again, an old one that still works is revoked again.
    """
    if failed == TEST:
        return CREATE
    if failed == PROVE:
        return CREATE if standing.is_given_up else ADOPT
    return standing.done
