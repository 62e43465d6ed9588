"""What does a wake do that is not asleep, and what does it say?"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from agentkit.core.config import Configuration
from agentkit.core.errors import tell
from agentkit.core.lines import SEVERITIES, Record, write_record
from agentkit.think.deciding import Waking
from agentkit.think.decisions import ASLEEP, DEFERRED, REFUSED, RUNBOOK_ONLY, describe, make_decision
from agentkit.think.forgetting import forget_old
from agentkit.think.store import Store
from agentkit.think.viewing import read_configuration, shorten
from agentkit.think.wake import HOST, NOTHING_DUE, REPEAT, SEEN, read_kept

LONGEST_TITLE = 100


def wake_up(store: Store, environ: Mapping[str, str], looks: str, *, as_json: bool, is_quiet: bool) -> int:
    """Deal with everything that is due, print the decisions, and return the status; `looks` tell the configuration."""
    configuration = read_configuration(environ, is_quiet=is_quiet)
    told: list[Record] = []

    def tell_decision(record: Record, is_news: bool) -> None:
        told.append(record)
        if as_json:
            write_record(record)
        elif record["status"] in (DEFERRED, REFUSED):
            # The same again every five minutes is what nobody reads; the status says that it still holds.
            tell(f"agentkit: {describe(record, _find_title(store, record))}\n" if is_news and not is_quiet else "")
        elif record["status"] != RUNBOOK_ONLY:
            from agentkit.core.screen import print_line

            print_line(describe(record, _find_title(store, record)))

    waking = Waking(store, configuration.think, environ, configuration.host, tell_decision)
    waking.go()
    forget_old(store, configuration.think.keep_days, time.time())
    _remember(store, configuration, looks)
    if as_json and not told:
        write_record(make_decision(ASLEEP, NOTHING_DUE, [], host=configuration.host, at=time.time()))
    return waking.status


def _find_title(store: Store, record: Record) -> str:
    """Return the title of the worst of the findings, the first of these: who reads a mail knows no fingerprints."""
    findings = record["findings"]
    rows = [
        (str(severity), str(text))
        for fingerprint in (findings if isinstance(findings, list) else ())
        for severity, text in store.select(
            "SELECT severity, record FROM findings WHERE fingerprint = ?", (fingerprint,)
        )
    ]
    if not rows:
        return ""
    _, worst = max(rows, key=lambda row: SEVERITIES.index(row[0]))
    return shorten(str(json.loads(worst).get("title", "")), LONGEST_TITLE)


def _remember(store: Store, configuration: Configuration, looks: str) -> None:
    """Keep what the way to sleep needs, so that it need not read the file."""
    values = {SEEN: looks, REPEAT: str(configuration.think.repeat_interval_s), HOST: configuration.host}
    if read_kept(store).items() >= values.items():
        return
    with store.transaction():
        store.execute_many("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", list(values.items()))
