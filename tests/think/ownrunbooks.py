"""A store with findings and runbooks for them, and a runner of them as a process: `python -m tests.think.ownrunbooks`.

Each runbook appends the line that it got to a referee's file, so what really happened is known without the store.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from agentkit.core.settings import RunbookSettings
from agentkit.think.runbooks import RunOutcome, run_runbook
from agentkit.think.store import Store, open_store

BEGIN = "/the-work-begins-here"
APPEND = 'read -r line; printf "%s\\n" "$line" >> "$0"'
# A quick one, one that fails and takes a while, one whose work is done by a child, one that kills who runs it.
STYLES = {
    "quick": APPEND,
    "slow": f"{APPEND}; sleep 0.05; exit 3",
    "child": 'read -r line; (sleep 0.03; printf "%s\\n" "$line" >> "$0") & wait',
}
DEADLY = {
    "kills first": 'read -r line; kill -KILL $PPID; printf "%s\\n" "$line" >> "$0"',
    "kills last": f"{APPEND}; kill -KILL $PPID",
}


def make_runbook(run: Sequence[str], **changes: object) -> RunbookSettings:
    """Return a runbook for every finding of the source `test`."""
    settings = {
        "name": "restart", "match": {"source": "test"}, "run": tuple(run), "limit_s": 60.0, "at_most": (1000, 3600.0),
        "offered": True, **changes,
    }  # fmt: skip
    return RunbookSettings(**settings)  # type: ignore[arg-type]


def add_finding(store: Store, fingerprint: str, episode: int = 1) -> dict[str, object]:
    """Put a finding into the store, or begin an episode of it, and return its record."""
    record: dict[str, object] = {
        "kind": "finding", "source": "test", "type": "missing", "subject": "job:backup", "severity": "warning",
        "fingerprint": fingerprint, "episode": episode,
    }  # fmt: skip
    store.execute(
        "INSERT OR REPLACE INTO findings (fingerprint, episode, record) VALUES (?, ?, ?)",
        (fingerprint, episode, json.dumps(record)),
    )
    return record


def run(
    store: Store, run: Sequence[str], record: Mapping[str, object], environ: Mapping[str, str], **changes: object
) -> RunOutcome:
    """Run a runbook for a finding, now."""
    return run_runbook(store, make_runbook(run, **changes), record, environ=environ, chosen_by="match", now=time.time())


def read_referee(path: Path) -> "Counter[tuple[str, int]]":
    """Return how often a runbook really ran: {(fingerprint, episode): times}."""
    lines = path.read_text().splitlines() if path.exists() else []
    return Counter((record["fingerprint"], record["episode"]) for record in map(json.loads, lines))


def run_all(environ: Mapping[str, str], referee: str) -> None:
    """Run what fits each finding of the store: its fingerprint begins with the style of its runbook."""
    with open_store(environ) as store:
        for fingerprint, text in store.select("SELECT fingerprint, record FROM findings ORDER BY rowid"):
            style = {**STYLES, **DEADLY}[str(fingerprint).partition("-")[0]]
            run(store, ("sh", "-c", style, referee), json.loads(str(text)), environ)


def main(referee: str) -> int:
    """Run all as a process of its own."""
    os.path.exists(BEGIN)  # seen by whoever lists the system calls
    Path(f"{referee}.begun").touch()
    run_all(os.environ, referee)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
