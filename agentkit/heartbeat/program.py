"""Where is the agentkit that a crontab line should name: a path that stays?"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from agentkit.core.errors import AgentkitError

# Where the installation page puts it.
PROGRAM = "/usr/local/bin/agentkit"
USUAL = ("/usr/local/bin", "/usr/bin", "/opt/agentkit/bin")


def find_program(environ: Mapping[str, str]) -> str | None:
    """Return the path of the program that runs now, or of one of its name that is found; None where there is none.

    A link in one of the usual places is preferred to what it leads to: that stays when the program moves.
    """
    own = os.path.abspath(sys.argv[0]) if os.path.basename(sys.argv[0]) == "agentkit" else None
    if own and not os.access(own, os.X_OK):
        own = None
    folders = [*USUAL, *environ.get("PATH", "").split(":")]
    found = [path for folder in folders if folder.startswith("/") and os.access(path := f"{folder}/agentkit", os.X_OK)]
    if own is None:
        return found[0] if found else None
    return next((path for path in found if os.path.realpath(path) == os.path.realpath(own)), own)


def find_program_or_refuse(environ: Mapping[str, str]) -> str:
    """Return that path; raises AgentkitError (unavailable) where there is none."""
    path = find_program(environ)
    if path is None:
        raise AgentkitError(
            "no agentkit is found that a line could name",
            hint="ln -s /opt/agentkit/bin/agentkit /usr/local/bin/agentkit, or --program PATH",
        )
    return path
