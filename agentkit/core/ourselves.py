"""By which words is the same agentkit as this one started, whatever folder it is called from?"""

from __future__ import annotations

import os
import sys

# Found without the current folder: a stray json.py in there must not become ours.
PLACE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
START = (
    "import sys; place = sys.argv.pop(1); place in sys.path or sys.path.insert(0, place); "
    "from agentkit.__main__ import main; sys.exit(main())"
)


def call_ourselves(*words: str) -> tuple[str, ...]:
    """Return the command line that runs `agentkit WORDS…` as a process of its own."""
    return (sys.executable, "-P", "-c", START, PLACE, *words)
