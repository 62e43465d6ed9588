"""What does a wake say of its decisions: each as it is made, and at its end why the others wait, each reason once?"""

from __future__ import annotations

import json
from collections.abc import Sequence

from agentkit.core.asides import shorten
from agentkit.core.errors import tell
from agentkit.core.lines import SEVERITIES, Record, write_record
from agentkit.core.screen import print_line
from agentkit.think.decisions import DEFERRED, REFUSED, RUNBOOK_ONLY, describe
from agentkit.think.store import Store

LONGEST_TITLE = 100


class Teller:
    """Who tells decisions on stdout, as records or as lines, and on stderr why findings wait."""

    def __init__(self, store: Store, *, as_json: bool, is_quiet: bool) -> None:
        self.count = 0
        self._store = store
        self._as_json = as_json
        self._is_quiet = is_quiet
        self._waiting: dict[tuple[object, object], list[Record]] = {}

    def tell(self, record: Record, is_news: bool) -> None:
        """Tell a decision; one that findings wait, and that is no news, was told before."""
        self.count += 1
        if self._as_json:
            write_record(record)
        if record["status"] in (DEFERRED, REFUSED):
            # The same again every five minutes is what nobody reads; the status says that it still holds.
            if is_news and not self._is_quiet:
                self._waiting.setdefault((record["status"], record["reason"]), []).append(record)
        elif not self._as_json and record["status"] != RUNBOOK_ONLY:
            print_line(self._describe(record))

    def finish(self) -> None:
        """Tell why findings wait: what holds back a hundred groups is a line, not a hundred."""
        for records in self._waiting.values():
            tell(f"agentkit: {self._describe(_merge(records))}\n")
        self._waiting.clear()

    def _describe(self, record: Record) -> str:
        """Return the line; it has the title of the worst finding, for who reads a mail knows no fingerprints."""
        rows = [
            (str(severity), str(text))
            for fingerprint in _list_findings(record)
            for severity, text in self._store.select(
                "SELECT severity, record FROM findings WHERE fingerprint = ?", (fingerprint,)
            )
        ]
        if not rows:
            return describe(record)
        _, worst = max(rows, key=lambda row: SEVERITIES.index(row[0]))
        return describe(record, shorten(str(json.loads(worst).get("title", "")), LONGEST_TITLE))


def _merge(records: Sequence[Record]) -> Record:
    """Return what was decided alike about several groups as one: the worst severity, and when it is over first."""
    instants = [str(record["not_before"]) for record in records if record["not_before"]]
    return {
        **records[0],
        "findings": [fingerprint for record in records for fingerprint in _list_findings(record)],
        "severity": max((str(record["severity"]) for record in records), key=SEVERITIES.index),
        "not_before": min(instants, default=None),
    }


def _list_findings(record: Record) -> list[str]:
    findings = record["findings"]
    return [str(each) for each in findings] if isinstance(findings, list) else []
