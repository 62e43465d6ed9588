"""Which crontab lines were seen, and which of them have gone?"""

from __future__ import annotations

from collections.abc import Iterable

from agentkit.core.evidence import CrontabLine
from agentkit.core.ledger.store import Ledger

SELECT = "SELECT identity, file, user, schedule, command, job, first_seen_at, last_seen_at, gone_at FROM crontab_lines"
UPSERT = """
INSERT INTO crontab_lines (identity, file, user, schedule, command, job, first_seen_at, last_seen_at, gone_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)
ON CONFLICT (identity) DO UPDATE SET job = excluded.job, user = excluded.user, last_seen_at = excluded.last_seen_at,
    gone_at = NULL
"""


def find_lines(ledger: Ledger) -> list[CrontabLine]:
    """Return all lines that were ever seen and not forgotten, gone ones too."""
    return [CrontabLine(*row) for row in ledger.select(f"{SELECT} ORDER BY file, identity")]


def see_lines(ledger: Ledger, lines: Iterable[CrontabLine]) -> None:
    """Record lines that are there now; of a known one `first_seen_at` stays, and one that had gone is back."""
    ledger.execute_many(
        UPSERT,
        [
            (
                line.identity,
                line.file,
                line.user,
                line.schedule,
                line.command,
                line.job,
                line.first_seen_at,
                line.last_seen_at,
            )
            for line in lines
        ],
    )


def mark_lines_gone(ledger: Ledger, identities: Iterable[str], at: float) -> None:
    """Record that lines are no longer there; those that had gone already keep their instant."""
    ledger.execute_many(
        "UPDATE crontab_lines SET gone_at = ? WHERE identity = ? AND gone_at IS NULL",
        [(at, identity) for identity in identities],
    )


def forget_lines(ledger: Ledger, identities: Iterable[str]) -> None:
    """Remove lines: somebody said that they are not missed."""
    ledger.execute_many("DELETE FROM crontab_lines WHERE identity = ?", [(identity,) for identity in identities])
