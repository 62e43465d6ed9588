"""Which part of a test's id changes from run to run: an address, an instant, a number drawn by lot?

Only ids that one report has and the other has not are looked at. What a person wrote into the name of a function
(`test_issue_12345`) or as a small number into brackets (`test_add[1]`) is no such part: another one is another test.
"""

import functools
import re

PLACE = "*"
_PARTS = r"""
    0[xX][0-9a-fA-F]{4,}                                                            # an address
    | \b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b   # a UUID (RFC 9562)
    | (?<![\d-])\d{4}-\d\d-\d\d
      (?:[T ]\d\d[:.-]?\d\d(?:[:.-]?\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?(?!\d)      # a date, with its time
    | (?<![\d:])\d{1,2}:\d\d:\d\d(?:[.,]\d+)?(?![\d:])                              # a time of the day
    | pytest-of-[^/\s]+/pytest-\d+                                                  # pytest's own temporary folder
    | (?<=/tmp/)[^/\s\]]+                                                           # a name under /tmp, /var/tmp
    | (?<![A-Za-z0-9_])tmp[a-z0-9_]{8}(?![A-Za-z0-9_])                              # a name as tempfile draws it
    | (?<![A-Za-z0-9_])(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{12,}(?![A-Za-z0-9_])        # a digest
    | (?<![\w.\#])\d{5,}(?:\.\d+)?(?![\w.])                                        # a port, a pid, a counter, an epoch
"""


def find_pattern(name: str) -> str:
    """Return the id with each changing part as `*`; the id itself where it has none."""
    return _compile().sub(PLACE, name)


@functools.cache
def _compile() -> re.Pattern[str]:
    # When the first id is looked at: most comparisons have none, and it costs as much as to read some thousand tests.
    return re.compile(_PARTS, re.VERBOSE)
