"""What does one `heartbeat adopt` do: show what would change, install it, or take it back?"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from datetime import timedelta

from agentkit.core.crontab import find_cron, read_crontabs
from agentkit.core.cronusers import find_uid, read_users
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.ledger import open_read_only
from agentkit.core.ledger.jobs import iterate_jobs
from agentkit.core.locks import hold_lock
from agentkit.core.paths import state_folder
from agentkit.core.screen import Styled, find_look, print_block, print_line
from agentkit.heartbeat.adopted import Adopted, find_adopted, forget_adopted, keep_adopted
from agentkit.heartbeat.adoption import Adoption, Left, Surroundings, plan_adoption, take_back
from agentkit.heartbeat.crontabplace import Place, find_place, read_place, replace_place
from agentkit.heartbeat.hearing import listen
from agentkit.heartbeat.program import find_program_or_refuse
from agentkit.heartbeat.viewing import warn
from agentkit.heartbeat.wording import say_count
from agentkit.heartbeat.wrapping import find_shell

LOCK_LIMIT = timedelta(seconds=20)
LOOKS = {"+": "ok", "-": "failed", "@": "dim"}


def adopt_crontab(environ: Mapping[str, str], word: str, *, program: str | None, installs: bool, is_dry: bool) -> int:
    """Print a crontab's changes as a diff, or install them; the old crontab is kept.

    Raises AgentkitError: unavailable for a crontab or a program that is not there, bad data, cannot write, try later.
    """
    place, folder = find_place(word), state_folder(environ)
    around = find_surroundings(environ, program)
    if not installs or is_dry:
        adoption = plan_adoption(read_place(place), place, around)
        _print_diff(place, adoption.old, adoption.new, environ)
        _tell_left(place, adoption.left)
        if installs:
            print_line(f"would {_say_done(place, adoption)}")
        elif adoption.changes:
            print_line(Styled(f"nothing is changed yet: agentkit heartbeat adopt {word} --install", "dim"))
        else:
            print_line(f"{place.name}: nothing to wrap")
        return Exit.OK
    with hold_lock(f"{folder}/adopt.lock", what="adopt", limit=LOCK_LIMIT):
        adoption = plan_adoption(read_place(place), place, around)
        _tell_left(place, adoption.left)
        if not adoption.changes:
            print_line(f"{place.name}: nothing to wrap")
            return Exit.OK
        kept = _keep(folder, place, adoption, around)
        replace_place(place, adoption.old, adoption.new)
    print_line(f"{_say_done(place, adoption)}; what it was is in {kept}")
    print_line(Styled(f"agentkit heartbeat adopt {word} --undo takes it back", "dim"))
    return Exit.OK


def undo_adoption(environ: Mapping[str, str], word: str, *, is_dry: bool) -> int:
    """Bring a crontab back to what it was; what a person changed meanwhile stays and is shown."""
    place, folder = find_place(word), state_folder(environ)
    around = find_surroundings(environ, "agentkit")
    with hold_lock(f"{folder}/adopt.lock", what="adopt", limit=LOCK_LIMIT):
        now, adopted = read_place(place), find_adopted(folder, place.name)
        back, edited = _find_way_back(now, adopted, place, around)
        if back == now:
            print_line(f"{place.name}: nothing to take back")
            return Exit.OK
        if not is_dry:
            replace_place(place, now, back)
            forget_adopted(folder, place.name)
    before = "would bring" if is_dry else "brought"
    if adopted is not None and now == adopted.new:
        print_line(f"{before} {place.name} back, byte for byte")
        return Exit.OK
    told = "would be kept" if is_dry else "were kept"
    print_line(f"{before} {place.name} back; these edits {told}:" if adopted else f"{before} {place.name} back")
    if adopted is not None:
        _print_diff(place, adopted.old, back, environ)
    for number in edited:
        warn(f"{place.name}:{number} was changed after it was wrapped; it is unwrapped, and the change stays")
    return Exit.OK


def find_surroundings(environ: Mapping[str, str], program: str | None) -> Surroundings:
    """Return what adopt has to know of this machine; raises AgentkitError (unavailable) without a program to name."""
    path = program or find_program_or_refuse(environ)
    users = read_users()
    jobs: set[str] = set()
    for line in read_crontabs().lines:
        if "heartbeat" in line.command:
            jobs.update(listen(line.command, dict(line.environment), find_shell(line)).jobs)
    return Surroundings(
        cron=find_cron() or "debian",
        is_user=lambda name: find_uid(users, name) is not None,
        find_home=lambda name: users.homes.get(name, "/"),
        program=path,
        jobs=frozenset(jobs | _find_jobs(environ)),
    )


def _find_jobs(environ: Mapping[str, str]) -> set[str]:
    try:
        with open_read_only(state_folder(environ)) as ledger:
            return {job.name for job in iterate_jobs(ledger)}
    except AgentkitError:
        return set()  # without a ledger no name is taken


def _find_way_back(now: bytes, adopted: Adopted | None, place: Place, around: Surroundings) -> tuple[bytes, list[int]]:
    if adopted is not None and now == adopted.new:
        return adopted.old, []
    return take_back(now, () if adopted is None else adopted.changes, place, around)


def _keep(folder: str, place: Place, adoption: Adoption, around: Surroundings) -> str:
    """Keep what the crontab was before agentkit ever changed it, with all that a person did since."""
    before = find_adopted(folder, place.name)
    old, changes = adoption.old, tuple(adoption.changes.values())
    if before is not None:
        old, _ = _find_way_back(adoption.old, before, place, around)
        changes = (*before.changes, *changes)
    return keep_adopted(folder, Adopted(place.name, old, adoption.new, changes))


def _say_done(place: Place, adoption: Adoption) -> str:
    return f"wrap {say_count(len(adoption.changes), 'line')} of {place.name}"


def _tell_left(place: Place, left: tuple[Left, ...]) -> None:
    for one in left:
        where = f"{place.name}:{one.number}" if one.number else place.name
        warn(f"{where} {one.why}" + (f"; instead: {one.fix}" if one.fix else ""))


def _print_diff(place: Place, old: bytes, new: bytes, environ: Mapping[str, str]) -> None:
    look = find_look(sys.stdout, environ)
    before, after = (content.decode(errors="backslashreplace").splitlines() for content in (old, new))
    for row in difflib.unified_diff(before, after, place.name, f"{place.name} (adopted)", lineterm="", n=0):
        if look.has_colour:
            print_line(Styled(row.expandtabs(4), LOOKS.get(row[:1], "")), look=look)
        else:
            print_block(row)
