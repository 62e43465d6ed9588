"""Does the vault hold what was put into it: manifest against files, against the log, against time?

Nothing is opened and nothing is written, so a check leaves no record. Writers go on meanwhile; what looks as if
somebody had changed it, and may be a change under way, is looked at again while they wait.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, takewhile

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import CRITICAL, INFO, SEVERITIES, WARNING
from agentkit.vault.checks.checkingfiles import LEFTOVER, UNKNOWN, look_at_files, look_at_identity
from agentkit.vault.checks.checkingrecipients import look_at_recipients
from agentkit.vault.checks.checkingrows import UNFINISHED, look_at_absent, look_at_secret
from agentkit.vault.checks.checkingsighting import OF_TAMPERING, ROW, TAMPERED, WRONG_IDENTITY, Sighting
from agentkit.vault.checks.checkingtime import look_at_clock, look_at_time
from agentkit.vault.checks.checkinguses import look_at_uses
from agentkit.vault.lastuses import LastUses
from agentkit.vault.locked import demand_vault
from agentkit.vault.log.chain import segment_path
from agentkit.vault.log.loglock import lock_folder
from agentkit.vault.log.segments import Segment, take_snapshot
from agentkit.vault.log.tampered import TamperedError
from agentkit.vault.log.verifying import Walk
from agentkit.vault.log.witness import read_head
from agentkit.vault.manifest import read_entry, read_row_keys
from agentkit.vault.places import Places, demand_name
from agentkit.vault.rows import list_names
from agentkit.vault.separate.separation import Level, find_level

# What a change that goes on just now looks like, too.
DOUBTFUL = OF_TAMPERING | {UNFINISHED, LEFTOVER, UNKNOWN, "orphan-secret"}
SECRET = "secret:"  # noqa: S105  # how a subject names one


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check came to; the worst of what was seen stands first."""

    secrets: int
    sightings: tuple[Sighting, ...]
    level: Level

    @property
    def status(self) -> int:
        """Return the exit status that tells of it."""
        if any(sighting.is_tampering for sighting in self.sightings):
            return Exit.TAMPERED
        return Exit.FINDINGS if any(sighting.severity != INFO for sighting in self.sightings) else Exit.OK


def check_vault(places: Places, environ: Mapping[str, str], *, now: float, host: str, with_log: bool = True) -> Checked:
    """Return all that is wrong with a vault; without the log what it would tell is left out.

    Raises AgentkitError (unavailable) where there is no vault.
    """
    if not os.path.lexists(places.vault):
        demand_vault(places)
    look = _Look(places, now)
    sightings = [*look_at_identity(places), *look_at_files(places)]
    if with_log:
        sightings += look.read_log()
    sightings += look.look_at_store(look.list_names(), with_time=True)
    if any(sighting.type in DOUBTFUL for sighting in sightings):
        sightings = _look_again(look, sightings)
    if look.log is not None:
        sightings += look_at_clock(look.log.clock, now, host)
    level = find_level(places, environ)
    sightings += _look_at_level(level, places)
    return Checked(look.secrets, tuple(_say_once(sightings, look.secrets)), level)


class _Look:
    """One look at a vault: what the log says, as far as it is believed, and the keys of the rows."""

    def __init__(self, places: Places, now: float) -> None:
        self.places = places
        self.now = now
        self.log: LastUses | None = None
        self.secrets = 0
        self._keys, _ = read_row_keys(places)

    def read_log(self) -> list[Sighting]:
        """Read the log and return what is wrong with it; then it is not believed."""
        try:
            snapshot = take_snapshot(self.places.audit)
            Walk([read_head(snapshot.head)]).walk(snapshot.segments)
            log = LastUses()
            log.read_on(snapshot.segments)
        except (TamperedError, AgentkitError) as error:
            self.log = None
            return [_tell_log(self.places, error)]
        self.log = log
        return []

    def read_on(self) -> None:
        """Read what was written onto the log since; its lock must be held."""
        if self.log is None:
            return
        numbered = ((number, segment_path(self.places.audit, number)) for number in count(self.log.segment))
        later = takewhile(lambda one: os.path.exists(one[1]), numbered)
        self.log.read_on([Segment(number, path, os.path.getsize(path)) for number, path in later])

    def list_names(self) -> list[str]:
        """Return every name that has a row, a ciphertext or a change on the log."""
        names = {name for folder, suffix in ((self.places.manifest, ".json"), (self.places.secrets, ".age"))
                 for name in _list_files(folder, suffix)}  # fmt: skip
        return sorted(names | set(self.log.names() if self.log else ()))

    def look_at_store(self, names: Iterable[str], *, with_time: bool = False) -> list[Sighting]:
        """Return what is wrong with recipients and these secrets."""
        log = self.log
        now = self.now if log is None else log.clock.find_time(self.now)
        sightings = list(look_at_recipients(self.places, None if log is None else log.recipients))
        rows = 0
        for name in names:
            past = None if log is None else log.of(name)
            entry = read_entry(self.places, name, self._keys)
            if entry is None:
                sightings += look_at_absent(self.places, name, past)
                continue
            rows += 1
            sightings += look_at_secret(self.places, entry, past)
            if entry.row is not None and with_time:
                sightings += look_at_time(entry.row, now)
                sightings += look_at_uses(entry.row, past, now) if past is not None else ()
        if with_time:
            self.secrets = rows
        return sightings


def _look_again(look: _Look, before: list[Sighting]) -> list[Sighting]:
    """Return what was seen, the doubtful of it looked at again while no writer of ours is at work."""
    audit = f"file:{look.places.audit}"
    doubtful = [one for one in before if one.type in DOUBTFUL and one.subject != audit]
    names = sorted({one.subject.removeprefix(SECRET) for one in doubtful if one.subject.startswith(SECRET)})
    with _holding_writers(look.places) as trouble:
        if trouble is not None:
            return [*before, trouble]
        look.read_on()
        again = look.look_at_store(names)
        if any(not one.subject.startswith(SECRET) for one in doubtful):
            again += look_at_files(look.places)
    return [*(one for one in before if one not in doubtful), *again]


def _say_once(sightings: list[Sighting], secrets: int) -> list[Sighting]:
    """Return what was seen, each thing once, and the worst first."""
    found = list({(one.type, one.subject, one.key): one for one in sightings}.values())
    strangers = [one for one in found if one.type == TAMPERED and one.key == ROW]
    if len(strangers) == secrets and any(one.type == WRONG_IDENTITY for one in found):
        # One wrong identity makes every row a stranger's: said once, it is understood.
        found = [one for one in found if one not in strangers]
    return sorted(found, key=lambda one: (not one.is_tampering, -SEVERITIES.index(one.severity), one.subject))


@contextmanager
def _holding_writers(places: Places) -> Iterator[Sighting | None]:
    """Keep writers out for the block; where that cannot be done, say why."""
    try:
        descriptor = os.open(places.audit, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        yield None  # without a log nobody writes
        return
    try:
        trouble = None
        try:
            lock_folder(descriptor, places.audit)
        except AgentkitError as error:
            trouble = Sighting(
                "log-locked", f"file:{places.audit}", WARNING,
                f"{error.message}: nothing is released meanwhile, and what was seen may be a change under way",
                error.hint or f"fuser -v {places.audit}",
            )  # fmt: skip
        yield trouble
    finally:
        os.close(descriptor)


def _list_files(folder: str, suffix: str) -> Iterator[str]:
    try:
        names = list_names(folder) if suffix == ".json" else _list_below(folder, suffix)
    except OSError:
        return
    for name in names:
        try:
            yield demand_name(name)
        except AgentkitError:
            continue  # told as a file that does not belong there


def _list_below(root: str, suffix: str) -> list[str]:
    found = []
    for folder, _, files in os.walk(root):
        inside = "" if folder == root else f"{folder[len(root) + 1 :]}/"
        found += [f"{inside}{file.removesuffix(suffix)}" for file in files if file.endswith(suffix)]
    return found


def _look_at_level(level: Level, places: Places) -> list[Sighting]:
    """Return what keeps a vault that belongs to a user of its own from being what it was set up for."""
    if not level.demands or not level.demands[0].held:
        return []
    return [
        Sighting(
            "not-separate", f"file:{places.vault}", CRITICAL,
            f"the vault has a user of its own, and this does not hold: {demand.demand}: {demand.why}",
            "agentkit vault init --uid USER prints what root has to run", demand.demand,
        )
        for demand in level.demands
        if not demand.held
    ]  # fmt: skip


def _tell_log(places: Places, error: TamperedError | AgentkitError) -> Sighting:
    subject = f"file:{places.audit}"
    if isinstance(error, TamperedError):
        return Sighting(
            TAMPERED, subject, CRITICAL,
            f"audit log: {error.what}; nothing else that it says was believed",
            "agentkit vault audit verify", "log", {"record": error.record},
        )  # fmt: skip
    return Sighting(
        "log-unreadable", subject, CRITICAL, f"audit log: {error.message}", error.hint or f"ls -l {places.audit}"
    )
