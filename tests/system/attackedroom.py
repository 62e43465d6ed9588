"""A vault at level L1 with secrets in it, what it says of its level, and what an attack on it gave away."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.system.separatedroom import Ended, SeparatedRoom

NAME = "db/password"
# Larger than any pipe, so that who gives it waits for the reader.
LARGE_BYTES = 4 * 1024 * 1024
LOOK = """#!{python} -I
import json, os, sys
from agentkit.vault.separate.starting import start_for_caller, start_for_root
{start}
from agentkit.vault.places import find_places
from agentkit.vault.separate.separation import find_level
level = find_level(find_places(os.environ), os.environ)
print(level.level)
for demand in level.demands:
    print("held" if demand.held else "NOT HELD", demand.demand, "|", demand.why)
for text in level.unseen:
    print("unseen", text)
"""


def make_room() -> Iterator[SeparatedRoom]:
    """Return a set-up at level L1; it takes a while."""
    with SeparatedRoom() as room:
        room.needle = f"needle-{os.urandom(16).hex()}".encode()
        room.set(NAME, room.needle)
        room.set("large", room.needle * (LARGE_BYTES // len(room.needle)))
        # Whoever asks for the level before a verb prints it: two more scripts of root's.
        for name, start in (
            ("look", f"start_for_caller({str(room.home)!r}, {str(room.identity)!r})"),
            ("look-admin", f"start_for_root({room.user!r}, {str(room.home)!r}, {str(room.identity)!r}, 'hooks')"),
        ):
            script = room.prefix / "bin" / f"agentkit-vault-{name}"
            script.write_text(LOOK.format(python=room.prefix / "bin/python", start=start))
            script.chmod(0o755)
        yield room


def lend(made: SeparatedRoom) -> Iterator[SeparatedRoom]:
    """Return the set-up; whatever a test did to it, afterwards it gives the value and level L1 is in force."""
    (made.work / "agentkit").mkdir(exist_ok=True)
    yield made
    assert look(made)[0] == "L1", look(made)
    assert made.ask("get", NAME, "--reason", "afterwards").stdout == made.needle


def look(room: SeparatedRoom, *, as_root: bool = False) -> list[str]:
    """Return the level in force and what it was decided by, as the caller or as root sees it."""
    script = str(room.prefix / "bin/agentkit-vault-look")
    if as_root:
        return room.do(f"{script}-admin", "check").stdout.decode().splitlines()
    rule = room.rules / "agentkit-look"
    rule.write_text(f"{room.caller} ALL = ({room.user}) NOPASSWD: {script}\n")
    try:
        words = ["sudo", "-n", "-u", room.user, "--", script, "check"]
        return room.do(*words, user=room.caller).stdout.decode().splitlines()
    finally:
        rule.unlink()


def demand_no_secret_use(room: SeparatedRoom, ended: Ended, before: int) -> list[dict[str, object]]:
    """Hold that a value came out only with a record of the caller's, and that no key ever did; return the records."""
    records = room.records()[before:]
    said = ended.stdout + ended.stderr
    granted = [one for one in records if (one["op"], one["outcome"]) == ("get", "granted")]
    assert b"AGE-SECRET-KEY" not in said
    if room.needle[:20] in said:
        assert granted
    assert {one["uid"] for one in records} <= {room.uid(room.caller)}
    return records


def attack(room: SeparatedRoom, script: str, **more: object) -> tuple[Ended, list[dict[str, object]]]:
    """Run a shell script as the caller; return how it ended, and the records that it left."""
    before = len(room.records())
    ended = room.sh(script, **more)
    return ended, demand_no_secret_use(room, ended, before)


def take_stock(room: SeparatedRoom, *folders: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return mode, owner and content of everything that root set up, or of what lies in some of its folders."""
    folders = folders or (room.prefix, room.home, room.keys, room.outside)
    places = [path for folder in folders for path in [folder, *folder.rglob("*")]]
    places += [room.rules / f"agentkit-{name}" for name in (room.user, f"{room.user}-{room.caller}")]
    places += [room.base / f"agentkit-{room.user}"]
    return {
        str(path): (path.lstat().st_mode, path.lstat().st_uid, path.read_bytes() if path.is_file() else b"")
        for path in places if path.suffix != ".pyc" and path.name != "__pycache__"
    }  # fmt: skip


def find_processes(user: str) -> list[int]:
    return [int(pid) for pid in subprocess.run(["pgrep", "-u", user], capture_output=True, check=False).stdout.split()]
