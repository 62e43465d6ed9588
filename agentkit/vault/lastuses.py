"""What does the audit log tell of each secret: who used it, when and how often, and what was set last?

One pass over raw lines: of a million records only a few facts a secret are kept. Whether the log is what was written
is asked elsewhere (`verifying`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from agentkit.vault.log.logclock import LogClock
from agentkit.vault.log.segments import Segment, read_blocks

# In a record's texts quotes are escaped, so this stands between its keys and nowhere else; docs/audit-log.md publishes
# their order. What a crash left of a record has fewer, or no end.
BETWEEN = b', "'
SEQ, AT, OP, PHASE, OUTCOME, NAME, VERSION, UID, PARENT, REASON, ARGV0, REST = 1, 2, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16
INSTANT = slice(6, 30)  # of `at": "2026-11-26T18:00:00.000Z"`
NAMELESS = b'name": null'
RELEASE, INTENT, COMMIT = b'phase": "release"', b'phase": "intent"', b'phase": "commit"'
# Of a rotation of the identity: the same value, sealed anew.
RESEAL = b'phase": "secret"'
# Of a rotation: the value that it has made becomes the next version.
PROMOTE, STARTED = b'phase": "promote"', b'outcome": "started"'
CHANGES = (INTENT, COMMIT, RESEAL)
GRANTED, DONE, FAILED = b'outcome": "granted"', b'outcome": "done"', b'outcome": "failed"'
SHA256 = re.compile(rb', "(?:sha256|was)": "([0-9a-f]{64})"')
RECIPIENTS = re.compile(rb', "recipients_sha256": "([0-9a-f]{64})"')
# `rotate` opens a secret too, and that is no use of it.
USES = (b'op": "get"', b'op": "exec"')
# Of a secret that more programs use than this, those that used it last are known.
MOST_USERS = 64
MOST_BEFORE = 16


class Use:
    """One use of a secret, as the log tells it; `at` is an RFC 3339 text."""

    __slots__ = ("argv0", "at", "op", "parent", "reason", "seq", "uid", "version")

    def __init__(self, line: bytes) -> None:
        found = line.split(BETWEEN, REST)
        self.seq, self.at, self.op = _read_number(found[SEQ]), found[AT][INSTANT].decode(), _read_text(found[OP])
        self.version, self.uid = _read_number(found[VERSION]), _read_number(found[UID])
        self.parent, self.reason, self.argv0 = map(_read_text, (found[PARENT], found[REASON], found[ARGV0]))

    @property
    def program(self) -> str:
        """Return what got the value: the program that `exec` ran, or the one that asked `get` for it."""
        return self.argv0 if self.op == "exec" else self.parent


class Change:
    """A version of a secret that was put in place, or begun, and the number of the record that says so.

    `sha256` are the digests that its ciphertext may have: more than one when it was sealed anew, none where a rotation
    began it.
    """

    __slots__ = ("seq", "sha256", "version")

    def __init__(self, version: int, sha256: tuple[str, ...], seq: int) -> None:
        self.version, self.sha256, self.seq = version, sha256, seq


class Past:
    """What the log knows of one secret."""

    __slots__ = ("_last", "_users", "before", "begun", "committed", "forgotten", "uses")

    def __init__(self) -> None:
        self.uses = 0
        self.committed: Change | None = None
        # The digests of the versions before it, the latest last.
        self.before: tuple[str, ...] = ()
        # By its version what was begun since, and may or may not have come into place.
        self.begun: dict[int, Change] = {}
        # How many programs used it that are not kept.
        self.forgotten = 0
        self._last: bytes | None = None
        # By op, parent and argv0: how often, and the line of the last record.
        self._users: dict[tuple[bytes, bytes, bytes], tuple[int, bytes]] = {}

    @property
    def last_use(self) -> Use | None:
        """Return its last use, None where nobody used it."""
        return None if self._last is None else Use(self._last)

    def users(self) -> list[tuple[int, Use]]:
        """Return each way in which it was used, the latest first: how often, and when last."""
        found = [(count, Use(last)) for count, last in self._users.values()]
        return sorted(found, key=lambda one: one[1].seq, reverse=True)

    def note_use(self, found: list[bytes], line: bytes) -> None:
        """Count one use."""
        self.uses += 1
        self._last = line
        user = found[OP], found[PARENT], found[ARGV0]
        known = self._users.get(user)
        if known is not None:
            self._users[user] = known[0] + 1, line
            return
        self._users[user] = 1, line
        if len(self._users) > MOST_USERS:
            latest = sorted(self._users.items(), key=lambda one: Use(one[1][1]).seq)[MOST_USERS // 2 :]
            self.forgotten += len(self._users) - len(latest)
            self._users = dict(latest)

    def note_change(self, phase: bytes, outcome: bytes, change: Change) -> None:
        """Note that a version was begun, failed or was put in place."""
        begun, committed = self.begun.get(change.version), self.committed
        if phase == RESEAL or (phase == COMMIT and outcome == DONE):
            if committed is not None and committed.version == change.version:
                # Only what is in place, and ours, is sealed anew. What it was is ours until the new row is there.
                change = Change(change.version, (*committed.sha256, *change.sha256), change.seq)
            elif committed is not None:
                self.before = (*self.before, *committed.sha256)[-MOST_BEFORE:]
            self.committed = change
            self.begun = {version: one for version, one in self.begun.items() if version > change.version}
        elif outcome == FAILED and phase in (INTENT, PROMOTE):
            if begun is not None and begun.sha256 == change.sha256:
                del self.begun[change.version]
        else:
            self.begun[change.version] = change


class LastUses:
    """What the log tells of every secret, or of `only` one, as far as it was read; `read_on` reads what came since."""

    def __init__(self, only: str | None = None) -> None:
        # Names are ASCII and stand in a record as they are.
        self._needle = None if only is None else f'"name": "{only}", '.encode()
        # By their names as records have them: `name": "db/password"`.
        self._pasts: dict[bytes, Past] = {}
        self.clock = LogClock()
        # The SHA-256 of each list of recipients that there ever was.
        self.recipients: set[str] = set()
        # The segment in which the next line is to be read, and where it begins.
        self.segment, self._offset = 1, 0

    def read_on(self, segments: Sequence[Segment]) -> None:
        """Read what these segments hold behind the last line that was read; raises TamperedError, AgentkitError."""
        for segment in segments:
            if segment.number < self.segment:
                continue
            if segment.number > self.segment:
                self.segment, self._offset = segment.number, 0
            for start, data, lines, rest in read_blocks(segment, self._offset):
                self._note(lines if self._needle is None else [line for line in lines if self._needle in line])
                self._offset = start + len(data) - len(rest)

    def of(self, name: str) -> Past:
        """Return what is known of a secret."""
        return self._pasts.get(f'name": "{name}"'.encode()) or Past()

    def names(self) -> Iterator[str]:
        """Yield the names of the secrets that were put in place, or begun."""
        for name, past in self._pasts.items():
            if past.committed is not None or past.begun:
                yield _read_text(name)

    def _note(self, lines: list[bytes]) -> None:
        see, pasts = self.clock.see, self._pasts
        for line in lines:
            found = line.split(BETWEEN, REST)
            if len(found) <= REST or line[-1:] != b"}":
                continue
            see(found[AT][INSTANT])
            name = found[NAME]
            if found[PHASE] != RELEASE or name == NAMELESS:
                self._note_change(found)
            elif found[OUTCOME] == GRANTED and found[OP] in USES:
                past = pasts.get(name)
                if past is None:
                    past = pasts[name] = Past()
                past.note_use(found, line)

    def _note_change(self, found: list[bytes]) -> None:
        name, phase, outcome, more = found[NAME], found[PHASE], found[OUTCOME], found[REST]
        version = _read_number(found[VERSION])
        if name == NAMELESS:
            if match := RECIPIENTS.search(more):
                self.recipients.add(match[1].decode())
            return
        digests = tuple(map(bytes.decode, SHA256.findall(more)))
        if phase == PROMOTE and outcome in (STARTED, FAILED):
            # Its record names the version that is in place still, and no digest.
            change = Change(version + 1, (), _read_number(found[SEQ]))
        elif phase in CHANGES and digests and version >= 0:
            change = Change(version, digests, _read_number(found[SEQ]))
        else:
            return
        self._pasts.setdefault(name, Past()).note_change(phase, outcome, change)


def _read_text(part: bytes) -> str:
    """Return the text in `key": "text"`; "" for null, and for what is no text."""
    try:
        value = json.loads(part.partition(b": ")[2])
    except ValueError:
        return ""
    return value if isinstance(value, str) else ""


def _read_number(part: bytes) -> int:
    """Return the number in `key": 12`; -1 where there is none."""
    digits = part.rpartition(b" ")[2]
    return int(digits) if digits.isdigit() and len(digits) < 20 else -1
