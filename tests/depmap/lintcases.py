"""Commands, and how much of their way is bounded: labelled by their manuals, and by real hangs where one can be made.

Each label is of the worst wait in the text. tests/sweeps/lint_hangs.py runs what can be run on loopback.
"""

from tests.depmap.localcases import LOCAL, LOOPS, MIXED, SHELL, SOURCES, TIMEOUTS
from tests.depmap.remotecases import DATABASES, HTTP, REMOTE, SERVICES

GROUPS = {
    "http": HTTP,
    "remote": REMOTE,
    "databases": DATABASES,
    "services": SERVICES,
    "sources": SOURCES,
    "local": LOCAL,
    "shell": SHELL,
    "timeouts": TIMEOUTS,
    "loops": LOOPS,
    "mixed": MIXED,
}
CASES = [(label, text) for cases in GROUPS.values() for label, text in cases]
