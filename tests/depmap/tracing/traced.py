"""How does a test trace a program, and what came of it?"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]
# pyenv's and conda's programs are scripts that start others: a machine's own are what a trace is about.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def write_script(path: Path, text: str) -> Path:
    """Write a file that may be executed."""
    path.write_text(text)
    path.chmod(0o755)
    return path


def read_seen(agentkit: Run, folder: Path) -> set[str]:
    """Return what the map holds as seen, as `FROM KIND TO`, files of the folder by their names."""
    ended = agentkit("depmap", "edges", "--json")
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    return {
        f"{one['from']} {one['edge']} {one['to']}".replace(f"{os.path.realpath(folder)}/", "")
        for one in records
        if one["how"] == "seen"
    }


def trace(agentkit: Run, folder: Path, *words: object, status: int = 0, **more: object) -> set[str]:
    """Trace a program in a folder, and return all that the map holds as seen then."""
    ended = agentkit("depmap", "trace", *map(str, words), cwd=folder, **{"more": {"PATH": PATH}, **more})
    assert ended.returncode == status, ended.stderr
    return read_seen(agentkit, folder)
