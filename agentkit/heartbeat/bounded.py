"""How is a look at the world given up when it takes too long: a slow disk, a pattern that explodes?

Imported only when something was declared.
"""

import _signal  # type: ignore[import-not-found]  # the C half of signal; the other half costs an import of enum
from _collections_abc import Callable


class TooLongError(Exception):
    """A look took longer than it may."""


def within(limit_s: float, look: Callable[..., object], *facts: object) -> object:
    """Return what the look returns; raises TooLongError after the limit: patterns and reads can be interrupted."""
    before = _signal.signal(_signal.SIGALRM, _stop)
    _signal.setitimer(_signal.ITIMER_REAL, limit_s)
    try:
        return look(*facts)
    finally:
        _signal.setitimer(_signal.ITIMER_REAL, 0)
        _signal.signal(_signal.SIGALRM, before)


def _stop(_number: int, _frame: object) -> None:
    raise TooLongError
