"""How is the ledger brought within its bounds, and what is said about it?"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from agentkit.core.asides import say_count, warn
from agentkit.core.config import Configuration
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.evidence import Pruned
from agentkit.core.ledger import Ledger, with_ledger
from agentkit.core.ledger.opening import NAME
from agentkit.core.ledger.prunable import Prunable, count_prunable
from agentkit.core.ledger.prune import KEPT_RUNS, prune
from agentkit.core.paths import state_folder
from agentkit.core.screen import print_line
from agentkit.core.values import SIZE, WrongKindError
from agentkit.heartbeat.viewing import open_evidence, warn_of_old_check
from agentkit.heartbeat.wording import say_deed, say_size

WORDS = (("runs", "run"), ("findings", "resolved finding"), ("notes", "note"), ("crontab_lines", "gone crontab line"))


def prune_ledger(
    environ: Mapping[str, str],
    configuration: Configuration,
    *,
    days: int | None,
    size: str | None,
    now: float,
    is_dry: bool,
    is_quiet: bool,
) -> int:
    """Remove what is older than the bounds allow and say what went; return the status: 1 when the size was not reached.

    `days` and `size` (`500MiB`) stand in for what the configuration says. Raises AgentkitError (usage) for either.
    """
    settings = configuration.heartbeat
    days = settings.keep_days if days is None else days
    if days < 1:
        raise AgentkitError(f"--days: {days} is no whole number above 0", status=Exit.USAGE)
    limit_bytes = settings.keep_bytes if size is None else _read_size(size)
    folder = state_folder(environ)
    if not os.path.lexists(os.path.join(folder, NAME)):
        _say([], is_quiet=is_quiet)
        return Exit.OK
    if is_dry:
        with open_evidence(environ, configuration, now) as ledger:
            prunable = count_prunable(ledger, days, now)
        _say(_foretell(prunable, limit_bytes), is_quiet=is_quiet)
        return Exit.OK

    def work(ledger: Ledger) -> Pruned:
        for notice in ledger.notices:
            warn(notice)
        warn_of_old_check(ledger, now)
        return prune(ledger, days, limit_bytes, now)

    pruned = with_ledger(folder, work)
    _say(_describe(pruned), is_quiet=is_quiet)
    if pruned.is_within_bound:
        return Exit.OK
    warn(
        f"the ledger has {say_size(pruned.bytes_after)}, more than {say_size(limit_bytes)}: "
        f"each job keeps its last {KEPT_RUNS} runs, and runs that no check has judged stay"
    )
    return Exit.FINDINGS


def _read_size(text: str) -> int:
    try:
        value = SIZE.read(int(text) if text.isascii() and text.isdigit() else text)
    except WrongKindError:
        raise AgentkitError(f"--bytes: {text!r} is none; expected {SIZE.expected}", status=Exit.USAGE) from None
    assert isinstance(value, int)
    return value


def _foretell(prunable: Prunable, limit_bytes: int) -> list[str]:
    told = _count(prunable, is_dry=True)
    if prunable.bytes_now > limit_bytes and prunable.spare_runs:
        sizes = f"the ledger has {say_size(prunable.bytes_now)}, and may have {say_size(limit_bytes)}"
        told.append(
            say_deed("remove", f"the oldest of {say_count(prunable.spare_runs, 'more run')}: {sizes}", is_dry=True)
        )
    return told


def _describe(pruned: Pruned) -> list[str]:
    told = _count(pruned, is_dry=False)
    if pruned.bytes_after < pruned.bytes_before and told:
        told.append(f"the ledger has {say_size(pruned.bytes_after)} now, it had {say_size(pruned.bytes_before)}")
    return told


def _count(found: Prunable | Pruned, *, is_dry: bool) -> list[str]:
    counts = [(getattr(found, name), word) for name, word in WORDS]
    return [say_deed("remove", say_count(number, word), is_dry=is_dry) for number, word in counts if number]


def _say(told: list[str], *, is_quiet: bool) -> None:
    if is_quiet:
        return
    # Cron mails what is printed: where nobody looks on, nothing done is nothing said.
    for line in told or (["nothing to remove"] if sys.stdout.isatty() else []):
        print_line(line)
