"""What was decided, as the record that travels and as a line for a person?

Imported when nothing wakes anybody.
"""

from __future__ import annotations

import json

from agentkit.core.claims import is_claim_held, name_this_process
from agentkit.core.ids import new_id
from agentkit.core.times import format_instant

TYPE_CHECKING = False  # the one of typing costs an import
if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentkit.think.store import Store

    Record = dict[str, object]

ASLEEP, THOUGHT, RUNBOOK_ONLY, DEFERRED, REFUSED = "asleep", "thought", "runbook_only", "deferred", "refused"
RUNBOOK, PROPOSE, NOTIFY, NONE = "runbook", "propose", "notify", "none"
# As much of an id as a person reads: 48 bits of time and 16 of chance.
SHOWN_ID = 16

# How much was spent and how long was waited is another number each time.
NO_NUMBERS = str.maketrans("", "", ".0123456789")


def make_decision(
    status: str,
    reason: str,
    findings: Sequence[str],
    *,
    host: str,
    at: float,
    action: str = NONE,
    runbook: str | None = None,
    proposal: str | None = None,
    repository: str | None = None,
    severity: str | None = None,
    rationale: str = "",
    spent: int = 0,
    reserved: int = 0,
    tokens: int = 0,
    providers_tried: Sequence[str] = (),
    not_before: float | None = None,
) -> Record:
    """Return the record that travels (kind `decision`); money comes in nanodollars, instants as seconds since 1970.

    `findings` are fingerprints.
    """
    return {
        "v": 1,
        "kind": "decision",
        "at": format_instant(at),
        "host": host,
        "id": new_id(at),
        "status": status,
        "reason": reason,
        "findings": list(findings),
        "action": action,
        "runbook": runbook,
        "proposal": proposal,
        "repository": repository,
        "severity": severity,
        "rationale": rationale,
        "spent_usd": spent / 10**9,
        "reserved_usd": reserved / 10**9,
        "tokens": tokens,
        "providers_tried": list(providers_tried),
        "not_before": None if not_before is None else format_instant(not_before),
    }


def keep(store: Store, record: Record, group_key: str, at: float) -> None:
    """Write a decision down; when this process is gone before it is marked as told, the next wake tells it."""
    store.execute(
        "INSERT INTO decisions (id, at, group_key, record, teller) VALUES (?, ?, ?, ?, ?)",
        (str(record["id"]), at, group_key, json.dumps(record), name_this_process()),
    )


def find_untold(store: Store) -> list[Record]:
    """Return the decisions that were told nobody, and that nobody is about to tell, oldest first."""
    rows = store.select("SELECT record, teller FROM decisions WHERE printed_at IS NULL ORDER BY at, id")
    return [json.loads(str(text)) for text, teller in rows if not is_claim_held(str(teller))]


def mark_told(store: Store, record: Record, now: float) -> None:
    """Write down that a decision was told, as it was told: what became of its runbook belongs to it."""
    store.execute(
        "UPDATE decisions SET printed_at = ?, record = ? WHERE id = ?", (now, json.dumps(record), str(record["id"]))
    )


def describe(record: Record, title: str = "") -> str:
    """Return a decision in one line, for a person; `title` is that of the worst finding, where it is at hand."""
    findings = record["findings"]
    count = len(findings) if isinstance(findings, list) else 0
    what = {RUNBOOK: f"runbook {record['runbook']}", PROPOSE: "a proposal", NOTIFY: "look at it", NONE: "nothing to do"}
    action = what[str(record["action"])] if record["status"] == THOUGHT else str(record["status"])
    about = f"{count} finding{'s' if count != 1 else ''}"
    if title:
        about = title if count <= 1 else f"{title} and {count - 1} more"
    told = [f"{record['severity'] or 'info'}: {about}: {action}: {record['rationale'] or record['reason']}"]
    if record.get("outcome"):
        told.append(str(record["outcome"]))
    if record["proposal"]:
        told.append(f"agentkit think journal show {str(record['id'])[:SHOWN_ID]}")
    return f"{'; '.join(told)} (not before {record['not_before']})" if record["not_before"] else "; ".join(told)


def is_same_reason(one: str, other: str) -> bool:
    """Tell whether two reasons to wait are the same but for amounts and instants, and for who was asked first."""
    return _strip(one) == _strip(other)


def _strip(reason: str) -> list[str]:
    return sorted(reason.translate(NO_NUMBERS).split("; "))
