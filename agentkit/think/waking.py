"""What does a wake do that is not asleep, and what does it say?"""

from __future__ import annotations

import time
from collections.abc import Mapping

from agentkit.core.config import Configuration
from agentkit.core.lines import write_record
from agentkit.think.deciding import Waking
from agentkit.think.decisions import ASLEEP, make_decision
from agentkit.think.forgetting import forget_old
from agentkit.think.store import Store
from agentkit.think.telling import Teller
from agentkit.think.viewing import read_configuration
from agentkit.think.wake import HOST, NOTHING_DUE, REPEAT, SEEN, read_kept


def wake_up(store: Store, environ: Mapping[str, str], looks: str, *, as_json: bool, is_quiet: bool) -> int:
    """Deal with everything that is due, print the decisions, and return the status; `looks` tell the configuration."""
    configuration = read_configuration(environ, is_quiet=is_quiet)
    teller = Teller(store, as_json=as_json, is_quiet=is_quiet)
    waking = Waking(store, configuration.think, environ, configuration.host, teller.tell)
    try:
        waking.go()
    finally:
        teller.finish()
    forget_old(store, configuration.think.keep_days, time.time())
    _remember(store, configuration, looks)
    if as_json and not teller.count:
        write_record(make_decision(ASLEEP, NOTHING_DUE, [], host=configuration.host, at=time.time()))
    return waking.status


def _remember(store: Store, configuration: Configuration, looks: str) -> None:
    """Keep what the way to sleep needs, so that it need not read the file."""
    values = {SEEN: looks, REPEAT: str(configuration.think.repeat_interval_s), HOST: configuration.host}
    if read_kept(store).items() >= values.items():
        return
    with store.transaction():
        store.execute_many("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", list(values.items()))
