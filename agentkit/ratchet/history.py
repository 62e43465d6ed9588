"""Which verdicts were given here, the newest first?"""

from __future__ import annotations

from collections.abc import Mapping

from agentkit.core.asides import read_instant, say_when, warn
from agentkit.core.errors import AgentkitError, Exit, tell
from agentkit.core.lines import write_record
from agentkit.core.screen import Cell, Column, Look, Styled, print_table
from agentkit.ratchet.verdicts import Filed, list_places, read_verdicts
from agentkit.ratchet.viewing import ANSWER_STYLES, SHORT, open_to_look

COLUMNS = (
    Column("id"),
    Column("when", is_right=True),
    Column("answer"),
    Column("candidate", rank=2),
    Column("reason", folds=True),
    Column("mechanism", rank=1),
)
MOST_DRAWN = 200
PLAIN = Look(width=None, has_colour=False, is_live=False, has_bars=False)


def print_verdicts(folder: str, environ: Mapping[str, str], *, count: int | None, now: float, as_json: bool) -> int:
    """Print the verdicts, a line or a record each; the status is 65 where one of them cannot be read."""
    if count is not None and count < 1:
        raise AgentkitError(f"--count {count}: expected 1 or more", status=Exit.USAGE)
    repository, trouble = open_to_look(folder, environ)
    if trouble:
        warn(trouble.message)
    verdicts = read_verdicts(repository, list_places(repository, count))
    for one in verdicts:
        if one.trouble:
            warn(f"verdict {one.place.commit[:SHORT]}: {one.trouble}: agentkit ratchet doctor")
    if as_json:
        for one in verdicts:
            if one.record:
                write_record(one.record)
    elif verdicts:
        # So many are looked through and not read; drawn for a terminal, each would cost a millisecond.
        look = PLAIN if len(verdicts) > MOST_DRAWN else None
        print_table(COLUMNS, [_draw(one, now) for one in verdicts], look=look)
    else:
        tell("agentkit: no verdict yet; agentkit ratchet check\n")
    return Exit.BAD_DATA if any(one.trouble for one in verdicts) else Exit.OK


def _draw(one: Filed, now: float) -> list[Cell]:
    at = read_instant(one.record.get("at"))
    answer = one.text("answer")
    return [
        one.place.commit[:SHORT],
        say_when(one.place.at if at is None else at, now),
        Styled(answer, ANSWER_STYLES[answer]) if answer else Styled("unreadable", "critical"),
        one.place.candidate[:SHORT],
        one.text("reason") or one.trouble,
        one.text("mechanism") or "-",
    ]
