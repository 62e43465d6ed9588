"""What may a person do to the inbox by hand: add a finding, drop some, have some looked at again at once?"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence

from agentkit.core.asides import say_count, shorten
from agentkit.core.config import Configuration
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import SEVERITIES, Finding
from agentkit.core.screen import print_line
from agentkit.think.breakers import CLOSED
from agentkit.think.inbox import free_claims_of_dead, take_in
from agentkit.think.store import Store, open_store
from agentkit.think.taking import Taken
from agentkit.think.viewing import SHORT, find_finding, open_existing, read_configuration

SOURCE, TYPE = "think.inbox", "note"
LONGEST_TITLE = 200
LONGEST_SUBJECT = 60
SUBJECT = re.compile(r"[a-z]+:.")
FACTS = "SELECT subject, waits, state, handled_by, claim FROM findings WHERE fingerprint = ?"
# What a person added, nobody else will ever call resolved.
DROP = """
UPDATE findings SET waits = 0, waiting_for = NULL, not_before = NULL, handled_at = ?, handled_by = ?,
    state = CASE source WHEN ? THEN 'resolved' ELSE state END
WHERE fingerprint = ?
"""


def add_finding(environ: Mapping[str, str], text: str, *, severity: str, subject: str | None) -> None:
    """Put a finding of a person's own into the inbox; the same text of the same subject again is the same one.

    Raises AgentkitError (usage) for a text, a severity or a subject that is none.
    """
    said = text.strip()
    if not said:
        raise AgentkitError("inbox add: the text is empty", hint="agentkit think inbox add TEXT", status=Exit.USAGE)
    if severity not in SEVERITIES:
        raise AgentkitError(
            f"--severity: {severity!r} is none; expected one of {', '.join(SEVERITIES)}", status=Exit.USAGE
        )
    if subject is not None and not SUBJECT.match(subject):
        raise AgentkitError(f"--subject: {subject!r} is none; expected TYPE:NAME such as job:backup", status=Exit.USAGE)
    configuration, now = read_configuration(environ), time.time()
    finding = _make_finding(configuration, said, severity, subject, now)
    with open_store(environ) as store:
        known = store.first(FACTS, (finding.fingerprint,))
        take_in(store, [Taken(finding.to_record(), None, now)], now)
    name = finding.fingerprint[:SHORT]
    if known is not None and known[1] != 1 and known[2] == "firing":
        print_line(f"{name} is known, and was dealt with ({known[3]!s}): agentkit think inbox retry {name}")
    else:
        print_line(f"{name} {'waits already' if known is not None and known[1] == 1 else 'waits for the next wake'}")


def drop_findings(environ: Mapping[str, str], words: Sequence[str], *, reason: str | None, is_dry: bool) -> None:
    """Deal with findings by a person's word: nobody is woken for them until they fire anew or get worse.

    Raises AgentkitError: usage without a reason, unavailable for one that is not there or does not fire, try later for
    one that a wake deals with now; nothing is dropped then.
    """
    if not words:
        raise AgentkitError("inbox drop: which ones?", hint="agentkit think inbox", status=Exit.USAGE)
    if not (reason or "").strip():
        raise AgentkitError(
            "inbox drop: say why, it is kept with the finding",
            hint=f"agentkit think inbox drop {words[0]} --reason TEXT",
            status=Exit.USAGE,
        )
    now = time.time()
    with open_existing(environ) as store:
        chosen = _choose(store, words)
        if store is None:
            return
        free_claims_of_dead(store)
        with store.transaction():
            subjects = [_demand_firing(store, fingerprint) for fingerprint in chosen]
            if not is_dry:
                store.execute_many(DROP, [(now, f"dropped: {reason}", SOURCE, each) for each in chosen])
    for fingerprint, subject in zip(chosen, subjects, strict=True):
        print_line(f"{'would drop' if is_dry else 'dropped'} {fingerprint[:SHORT]} {subject}")


def retry_findings(environ: Mapping[str, str], words: Sequence[str], *, is_dry: bool) -> None:
    """Make findings due at once, all that wait where none is named: nothing holds them back but the budget.

    What made them wait is forgotten: the reason, the interval of their groups, and the pauses of all providers. One
    that is named waits again even if it was dealt with.
    """
    with open_existing(environ) as store:
        chosen = _choose(store, words)
        if store is None:
            print_line("nothing waits")
            return
        if not words:
            chosen = [
                str(fingerprint)
                for (fingerprint,) in store.select(
                    "SELECT fingerprint FROM findings WHERE waits = 1 AND state = 'firing' ORDER BY waiting_since"
                )
            ]
        chosen = [each for each in chosen if _fires(store, each)]
        if chosen and not is_dry:
            _make_due(store, chosen, time.time())
    count = say_count(len(chosen), "finding")
    print_line(
        f"would make {count} due" if is_dry else f"{count} due: agentkit think wake" if chosen else "nothing waits"
    )


def forget_pause(store: Store, provider: str | None = None) -> None:
    """Let a provider, or all, be asked at once; what it said last stays known."""
    store.execute(
        "UPDATE providers SET state = ?, step = 0, open_until = NULL, not_before = NULL, probe = NULL "
        "WHERE ?2 IS NULL OR name = ?2",
        (CLOSED, provider),
    )


def _make_finding(configuration: Configuration, text: str, severity: str, subject: str | None, now: float) -> Finding:
    title = shorten(text, LONGEST_TITLE)
    # Each is a subject of its own: a critical one of this machine would silence all the others.
    subject = subject or f"note:{title[:LONGEST_SUBJECT]}"
    return Finding(
        SOURCE, TYPE, subject, severity, title, configuration.host, now, key=text,
        evidence={"text": text} if title != text else {},
    )  # fmt: skip


def _choose(store: Store | None, words: Sequence[str]) -> list[str]:
    if store is None:
        if words:
            raise AgentkitError(f"there is no finding {words[0]}", hint="agentkit think inbox", status=Exit.UNAVAILABLE)
        return []
    return list(dict.fromkeys(find_finding(store, word) for word in words))


def _demand_firing(store: Store, fingerprint: str) -> str:
    """Return the subject of a finding that fires and that nobody deals with now."""
    row = store.first(FACTS, (fingerprint,))
    subject, _, state, _, claim = row if row is not None else ("", 0, "", None, None)
    name = fingerprint[:SHORT]
    if claim is not None:
        raise AgentkitError(f"a wake deals with {name} now", hint="try again", status=Exit.TRY_LATER)
    if state != "firing":
        raise AgentkitError(f"{name} is gone: it does not fire", hint="agentkit think inbox", status=Exit.UNAVAILABLE)
    return str(subject)


def _fires(store: Store, fingerprint: str) -> bool:
    row = store.first("SELECT state FROM findings WHERE fingerprint = ?", (fingerprint,))
    return row is not None and row[0] == "firing"


def _make_due(store: Store, fingerprints: Sequence[str], now: float) -> None:
    with store.transaction():
        rows = [(now, fingerprint) for fingerprint in fingerprints]
        store.execute_many(
            "UPDATE findings SET waiting_since = CASE WHEN waits THEN waiting_since ELSE ? END, waits = 1, "
            "waiting_for = NULL, not_before = NULL, handled_at = NULL, handled_by = NULL "
            "WHERE fingerprint = ? AND claim IS NULL",
            rows,
        )
        store.execute_many(
            "DELETE FROM groups WHERE key = (SELECT group_key FROM findings WHERE fingerprint = ?)",
            [(fingerprint,) for fingerprint in fingerprints],
        )
        forget_pause(store)
