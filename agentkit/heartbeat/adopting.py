"""What does one `heartbeat adopt` do: show what would change, install it, or take it back?"""

from __future__ import annotations

import difflib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta

from agentkit.core.asides import say_count, warn
from agentkit.core.crontab import find_cron, read_crontabs
from agentkit.core.cronusers import find_uid, read_users
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.locks import hold_lock
from agentkit.core.paths import state_folder
from agentkit.core.screen import Styled, find_look, print_block, print_line
from agentkit.heartbeat.adopted import Adopted, find_adopted, forget_adopted, keep_adopted
from agentkit.heartbeat.adoption import Adoption, Back, Left, Surroundings, plan_adoption, take_back
from agentkit.heartbeat.crontabplace import Place, find_place, read_place, replace_place
from agentkit.heartbeat.hearing import listen
from agentkit.heartbeat.program import find_program_or_refuse
from agentkit.heartbeat.wrapping import find_shell

LOCK_LIMIT = timedelta(seconds=20)
LOOKS = {"+": "ok", "-": "failed", "@": "dim"}
# Of a file that is no crontab every line is wrong.
MOST_WARNINGS = 20
BASH_FOLDERS = "/bin:/usr/bin:/usr/local/bin"


def adopt_crontab(environ: Mapping[str, str], word: str, *, program: str | None, installs: bool, is_dry: bool) -> int:
    """Print a crontab's changes as a diff, or install them; the old crontab is kept.

    Raises AgentkitError: unavailable for a crontab or a program that is not there, bad data, cannot write, try later.
    """
    place, folder = find_place(word), state_folder(environ)
    around = find_surroundings(environ, program, is_shown_only=is_dry or not installs)
    if not installs or is_dry:
        adoption = plan_adoption(read_place(place), place, around)
        _print_rows(_list_changes(place, adoption), environ)
        _tell_left(place, adoption.left)
        if installs and adoption.changes:
            print_line(f"would wrap {say_count(len(adoption.changes), 'line')} of {place.name}")
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
    counted = say_count(len(adoption.changes), "line")
    print_line(f"wrapped {counted} of {place.name}; what it was is in {kept}")
    print_line(Styled(f"agentkit heartbeat adopt {word} --undo takes it back", "dim"))
    return Exit.OK


def undo_adoption(environ: Mapping[str, str], word: str, *, is_dry: bool) -> int:
    """Bring a crontab back to what it was; what a person changed meanwhile stays and is shown."""
    place, folder = find_place(word), state_folder(environ)
    around = _find_machine("", frozenset())
    with hold_lock(f"{folder}/adopt.lock", what="adopt", limit=LOCK_LIMIT):
        now, adopted = read_place(place), find_adopted(folder, place.key)
        back = _find_way_back(now, adopted, place, around)
        if back.content != now and not is_dry:
            replace_place(place, now, back.content)
        # A row that stays wrapped is brought back by the next --undo, once a person has seen to it.
        if not (is_dry or back.stuck):
            forget_adopted(folder, place.key)
    if back.content == now:
        print_line(f"{place.name}: nothing to take back")
    elif adopted is not None and now == adopted.new:
        print_line(f"{'would bring' if is_dry else 'brought'} {place.name} back, byte for byte")
    else:
        _tell_back(place, adopted, back, environ, is_dry=is_dry)
    for number in back.stuck:
        warn(f"{place.name}:{number} was changed after it was wrapped, and stays so: take it out of its quotes by hand")
    return Exit.OK


def _tell_back(place: Place, adopted: Adopted | None, back: Back, environ: Mapping[str, str], *, is_dry: bool) -> None:
    before, told = ("would bring", "would be kept") if is_dry else ("brought", "were kept")
    if adopted is None:
        print_line(f"{before} {place.name} back")
        warn("what it was is not kept in this state folder: each line was unwrapped as it stands")
        return
    is_same = adopted.old == back.content
    print_line(f"{before} {place.name} back" + ("" if is_same else f"; these edits {told}:"))
    old, new = _split_rows(adopted.old), _split_rows(back.content)
    _print_rows(difflib.unified_diff(old, new, place.name, f"{place.name} (edited)", lineterm="", n=0), environ)
    for number in back.edited:
        warn(f"{place.name}:{number} was changed after it was wrapped; it is unwrapped, and the change stays")


def find_surroundings(environ: Mapping[str, str], program: str | None, *, is_shown_only: bool) -> Surroundings:
    """Return what adopt has to know of this machine; raises AgentkitError (unavailable) without a program to name.

    Lines that are only shown may name one that is not there yet.
    """
    if program is None:
        path = find_program_or_refuse(environ)
    else:
        path = program if is_shown_only and program.startswith("/") else _find_named(program, environ)
    jobs: set[str] = set()
    for line in read_crontabs().lines:
        if "heartbeat" in line.command:
            jobs.update(listen(line.command, dict(line.environment), find_shell(line)).jobs)
    return _find_machine(path, frozenset(jobs))


def _find_machine(program: str, jobs: frozenset[str]) -> Surroundings:
    users = read_users()
    return Surroundings(
        cron=find_cron() or "debian",
        is_user=lambda name: find_uid(users, name) is not None,
        find_home=lambda name: users.homes.get(name, "/"),
        program=program,
        jobs=jobs,
        bash=shutil.which("bash", path=BASH_FOLDERS),
    )


def _find_named(program: str, environ: Mapping[str, str]) -> str:
    """Return the whole path of a program that a person names: cron runs lines elsewhere, with another PATH."""
    path = os.path.abspath(program) if "/" in program else shutil.which(program, path=environ.get("PATH", ""))
    if path is None or not os.path.isfile(path) or not os.access(path, os.X_OK):
        raise AgentkitError(f"--program: {program} is no program that can be run", hint=f"ls -l {path or program}")
    if os.path.basename(path) != "agentkit":
        raise AgentkitError(f"--program: {program} is not called agentkit, and no line that names it would be known")
    return os.path.abspath(path)


def _find_way_back(now: bytes, adopted: Adopted | None, place: Place, around: Surroundings) -> Back:
    if adopted is None:
        return take_back(now, (), place, around)
    if now == adopted.new:
        return Back(adopted.old, (), ())
    kept = frozenset(adopted.old.decode(errors="surrogateescape").split("\n"))
    return take_back(now, adopted.changes, place, around, kept=kept)


def _keep(folder: str, place: Place, adoption: Adoption, around: Surroundings) -> str:
    """Keep what the crontab was before agentkit ever changed it, with all that a person did since."""
    before = find_adopted(folder, place.key)
    old, changes = adoption.old, tuple(adoption.changes.values())
    if before is not None:
        old = _find_way_back(adoption.old, before, place, around).content
        changes = tuple(dict.fromkeys((*before.changes, *changes)))
    return keep_adopted(folder, Adopted(place.key, old, adoption.new, changes))


def _tell_left(place: Place, left: tuple[Left, ...]) -> None:
    for one in left[:MOST_WARNINGS]:
        where = f"{place.name}:{one.number}" if one.number else place.name
        warn(f"{where} {one.why}" + (f"; instead: {one.fix}" if one.fix else ""))
    if len(left) > MOST_WARNINGS:
        warn(f"{place.name}: and {say_count(len(left) - MOST_WARNINGS, 'more line')} that stay as they are")


def _list_changes(place: Place, adoption: Adoption) -> Iterator[str]:
    """Yield a unified diff: each row stays in its place, so that no two files have to be held side by side."""
    if adoption.changes:
        yield f"--- {place.name}"
        yield f"+++ {place.name} (adopted)"
    for number in sorted(adoption.changes):
        yield f"@@ -{number} +{number} @@"
        for sign, row in (("-", adoption.changes[number].old), ("+", adoption.changes[number].new)):
            yield sign + _show(row)


def _split_rows(content: bytes) -> list[str]:
    return [_show(row) for row in content.decode(errors="surrogateescape").split("\n")]


def _show(row: str) -> str:
    return row.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _print_rows(rows: Iterator[str], environ: Mapping[str, str]) -> None:
    look = find_look(sys.stdout, environ)
    for row in rows:
        if look.has_colour:
            print_line(Styled(row.expandtabs(4), LOOKS.get(row[:1], "")), look=look)
        else:
            print_block(row)
