"""Where does a build begin: at which documents of the machine?"""

from __future__ import annotations

import os
from collections.abc import Iterable

from agentkit.depmap.document import Document

CRONTABS, UNITS, SCRIPT, PYTHON = "crontabs", "units", "script", "python"
FOLDER, MACHINE = "folder", "machine"


def find_documents(folders: Iterable[str], *, wants_all: bool = False) -> list[Document]:
    """Return the crontabs, the units, and the folders that are named (or the whole machine)."""
    named = [Document(FOLDER, os.path.abspath(folder)) for folder in folders]
    whole = [Document(MACHINE, "/")] if wants_all else []
    return [Document(CRONTABS, "/etc"), Document(UNITS, "/etc/systemd"), *named, *whole]
