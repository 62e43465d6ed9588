"""What does the map say of some files, asked as another program would ask?"""

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from tests.depmap.edgecases.reading import ROOT, SCRIPT, Case

LIMIT_S = 300
PROJECT = Path(__file__).parents[2]
OWN = "opt/case"  # where in a machine's root folder the script of a case lies

Edges = list[dict[str, object]]


def read_edges(paths: Iterable[Path], home: Path) -> Edges:
    """Return the records that `agentkit depmap edges --json PATH…` prints; raises AssertionError if it fails."""
    ended = subprocess.run(
        [sys.executable, "-m", "agentkit", "depmap", "edges", "--json", *map(str, paths)],
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        stdin=subprocess.DEVNULL,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROJECT),
            "HOME": str(home),
            "AGENTKIT_HOME": str(home / "agentkit-home"),
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
        },
        timeout=LIMIT_S,
        check=False,
    )
    # 65: a file was taken in part, and the message says which.
    assert ended.returncode in (0, 65), f"status {ended.returncode}: {ended.stderr[-4000:]}"
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    return [record for record in records if record["kind"] == "edge"]


def map_cases(cases: Iterable[Case], folder: Path) -> dict[str, tuple[Path, Edges]]:
    """Lay the cases out under a folder and return the edges of each, with the folder that they are of."""
    found: dict[str, tuple[Path, Edges]] = {}
    plain: dict[str, Case] = {}
    for number, case in enumerate(cases):
        own = folder / f"case-{number}"
        if case.has_root:
            script = own / ROOT / OWN / SCRIPT
            script.parent.mkdir(parents=True)
            case.lay_out(own).rename(script)
            table = own / ROOT / "etc/cron.d/case"
            table.parent.mkdir(parents=True, exist_ok=True)
            table.write_text(f"0 0 * * * root /{OWN}/{SCRIPT}\n")
            table.chmod(0o644)
            found[case.name] = own, read_edges([own / ROOT], folder)
        else:
            case.lay_out(own)
            plain[own.name] = case
    by_folder: defaultdict[str, Edges] = defaultdict(list)
    for edge in read_edges([folder / name / SCRIPT for name in plain], folder):
        name = str(edge["from"]).partition(f":{folder}/")[2].partition("/")[0]
        by_folder[name].append(edge)
    for name, case in plain.items():
        found[case.name] = folder / name, by_folder[name]
    return found
