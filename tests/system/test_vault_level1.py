"""Is level L1 in force as root set it up, and called off, or the set-up refused, where it could not hold?"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import wait_until
from tests.system.attackedroom import NAME, attack, find_processes, lend, look, make_room, take_stock
from tests.system.separatedroom import LIMIT_S, SeparatedRoom


@pytest.fixture(scope="module")
def made() -> Iterator[SeparatedRoom]:
    yield from make_room()


@pytest.fixture
def room(made: SeparatedRoom) -> Iterator[SeparatedRoom]:
    yield from lend(made)


# What root set up.


def test_the_caller_gets_the_value_and_the_record_says_who_and_from_where(room: SeparatedRoom) -> None:
    script = room.work / "report.sh"
    script.write_text('sudo -n -u "$2" -- "$1" get db/password --reason "nightly report"\nexit $?\n')
    before = len(room.records())
    ended = room.do("sh", str(script), str(room.starter), room.user, user=room.caller, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, room.needle, b"")
    [record] = room.records()[before:]
    assert (record["uid"], record["parent"]) == (room.uid(room.caller), str(script))
    assert record["reason"] == "nightly report"


def test_level_1_is_in_force_and_what_cannot_be_seen_is_said(room: SeparatedRoom) -> None:
    level, *lines = look(room)
    assert level == "L1"
    assert [line for line in lines if not line.startswith("held")] == [
        f"unseen the rules of sudo, which root alone reads: {room.admin} check"
    ]
    level, *lines = look(room, as_root=True)
    assert level == "L1"
    assert all(line.startswith("held") for line in lines)
    assert "sudo lets nobody do more" in lines[-1]


def test_the_script_of_root_can_be_run_again_and_leaves_everything_as_it_was(room: SeparatedRoom) -> None:
    before, records = take_stock(room), room.records()
    ended = room.set_up()
    assert ended.returncode == 0, ended.stderr
    assert take_stock(room) == before
    assert room.records() == records


def test_the_line_of_roots_crontab_makes_a_new_segment_append_only(room: SeparatedRoom) -> None:
    segment = str(room.audit / "000001.jsonl")
    room.do("chattr", "-a", segment)
    level, *lines = look(room)
    assert level == "L0"
    assert any(line.startswith("NOT HELD") and f"{segment} lacks it" in line for line in lines)
    crontab = (room.base / f"agentkit-{room.user}").read_text()
    [command] = re.findall(r"^\* \* \* \* \* root (.*)$", crontab, re.MULTILINE)
    ended = room.sh(command, user="root")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    assert look(room)[0] == "L1"


def test_exec_runs_as_the_caller_and_reads_through_sudo(room: SeparatedRoom) -> None:
    line = room.outside / "home/.local/state/agentkit/vault-reader"
    assert (line.stat().st_uid, line.stat().st_mode & 0o777) == (room.uid(room.caller), 0o600)
    agentkit, environ = room.prefix / "bin/agentkit", {"HOME": str(room.outside / "home"), "CLAUDECODE": "1"}
    script = f"{agentkit} vault exec --fd 3={NAME} --reason nightly -- sh -c 'id -un; cat <&3'"
    ended, [record] = attack(room, script, environ=environ)
    assert (ended.returncode, ended.stdout) == (0, room.caller.encode() + b"\n" + room.needle)
    assert (record["outcome"], record["reason"]) == ("granted", "nightly")


def test_a_conversation_is_refused_through_sudo_too(room: SeparatedRoom) -> None:
    ended, [record] = attack(room, f'CLAUDECODE=1 sudo -n -u "$2" -- "$1" get {NAME} --reason x')
    assert (ended.returncode, ended.stdout, record["outcome"]) == (77, b"", "refused")


# The vault's own user, should somebody ever become it: what was written stays.


INTRUSIONS = (
    "rm -f {log}", "mv {log} {log}.old", ": >{log}", "truncate -s 100 {log}", "truncate -s +1 {log} && false",
    "printf x | dd of={log} conv=notrunc bs=1", "cp {key} {log}", "mv {key} {log}", "ln {log} {log}.link",
    "chattr -a {log}", "chattr -a {audit}", "mv {audit} {audit}.old", "rm -rf {audit}", "mv {vault} {vault}.old",
    "mkdir {vault}2", "rm -f {audit}/head", "ln -sf /dev/null {log}", "chown {caller} {log}", "rm -rf {vault} || false",
    "sed -i s/get/set/ {log}", "unshare -Ur chattr -a {log}",
)  # fmt: skip


def test_without_root_the_log_is_neither_removed_nor_changed(made: SeparatedRoom) -> None:
    for intrusion in INTRUSIONS:
        script = intrusion.format(
            log=made.audit / "000001.jsonl", audit=made.audit, key=made.base / "key", vault=made.home / "vault",
            caller=made.caller,
        )  # fmt: skip
        copy = made.base / "copy"
        try:
            made.do("cp", "-a", f"{made.home}/vault", str(copy))
            (made.base / "key").write_text("x")
            before = (made.audit / "000001.jsonl").read_bytes()
            ended = made.sh(script, user=made.user)
            assert ended.returncode != 0, script
            assert (made.audit / "000001.jsonl").read_bytes().startswith(before)
            assert (made.home / "vault").stat().st_uid == made.uid(made.user)
            assert sorted(path.name for path in made.home.iterdir()) == ["vault"]
        finally:
            put_back(copy, made.home / "vault", made.uid(made.user))
            shutil.rmtree(copy)


def put_back(copy: Path, vault: Path, uid: int) -> None:
    """Put back what an intruder took away: secrets and manifest are no log."""
    for path in sorted(copy.rglob("*")):
        place = vault / path.relative_to(copy)
        if not place.exists():
            place.mkdir() if path.is_dir() else shutil.copy(path, place)
            place.chmod(0o700 if path.is_dir() else 0o600)
            os.chown(place, uid, uid)


# An installation that others may write is no L1, and is named.


PLACES = (
    "{site}/agentkit/vault/get.py", "{site}/agentkit/vault", "{site}/agentkit", "{site}", "{site}/typer/core.py",
    "{prefix}", "{prefix}/bin", "{prefix}/bin/agentkit-vault-look", "{prefix}/pyvenv.cfg", "{prefix}/hooks",
    "{base}", "{home}", "{site}/agentkit/vault/__pycache__",
)  # fmt: skip


def test_whoever_else_may_write_the_program_is_named_and_level_1_is_gone(room: SeparatedRoom) -> None:
    [site] = room.prefix.glob("lib/python*/site-packages")
    for place in PLACES:
        path = Path(place.format(site=site, prefix=room.prefix, base=room.base, home=room.home))
        before = path.stat()
        for owner, mode in ((room.uid(room.caller), 0), (-1, 0o020), (-1, 0o002)):
            os.chown(path, owner, -1)
            path.chmod(before.st_mode | mode)
            try:
                level, *lines = look(room)
            finally:
                os.chown(path, before.st_uid, before.st_gid)
                path.chmod(before.st_mode & 0o7777)
            assert level == "L0", path
            assert any(line.startswith("NOT HELD") and f"| {path} " in line for line in lines), lines


def test_a_library_of_the_callers_beside_ours_is_named(room: SeparatedRoom) -> None:
    [site] = room.prefix.glob("lib/python*/site-packages")
    (site / "theirs.pth").symlink_to(room.work)
    try:
        level, *lines = look(room)
    finally:
        (site / "theirs.pth").unlink()
    assert level == "L0"
    assert any(str(room.work) in line for line in lines)


def test_open_modes_of_vault_and_identity_are_named(room: SeparatedRoom) -> None:
    for path, mode in ((room.identity, 0o600), (room.keys, 0o700)):
        path.chmod(mode | 0o044)
        level, *lines = look(room)
        path.chmod(mode)
        assert level == "L0"
        assert any(str(path) in line and line.startswith("NOT HELD") for line in lines)


# Hooks of rotations, as a third user.


def test_a_hook_runs_as_a_user_who_can_open_nothing_and_ends_when_nobody_listens(room: SeparatedRoom) -> None:
    hook = room.prefix / "hooks/probe"
    hook.write_text(f"#!/bin/sh\nid -un; env | sort; cat; cat {room.identity} {room.audit}/head 2>&1; echo $1 $#\n")
    hook.chmod(0o755)
    runner = f"/usr/bin/sudo -n -u {room.hook_user} -- {room.prefix}/bin/agentkit-vault-hook"
    ended = room.sh(f"EVIL=1 {runner} {hook} create", user=room.user, stdin=b"a value\n")
    lines = ended.stdout.decode().splitlines()
    assert (ended.returncode, lines[0], lines[-1]) == (0, room.hook_user, "create 1")
    assert lines.count("a value") == 1
    assert [line for line in lines if "ermission denied" in line] == lines[-3:-1]
    assert not [line for line in lines if "EVIL" in line or "SUDO" in line]
    hook.write_text("#!/bin/sh\nsleep 60 & sleep 60\n")
    uid = room.uid(room.user)
    with subprocess.Popen(
        [*runner.split(), str(hook), "create"], user=uid, group=uid, extra_groups=[], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, env={}, cwd="/",
    ) as process:  # fmt: skip
        wait_until(lambda: len(find_processes(room.hook_user)) == 4)
        assert process.stdout is not None
        process.stdout.close()  # as when the rotation is killed
        process.wait(LIMIT_S)
    wait_until(lambda: not find_processes(room.hook_user))


def test_a_hook_of_anybody_else_is_refused(room: SeparatedRoom) -> None:
    hook = room.work / "hook"
    hook.write_text("#!/bin/sh\nid -un\n")
    hook.chmod(0o755)
    runner = f"/usr/bin/sudo -n -u {room.hook_user} -- {room.prefix}/bin/agentkit-vault-hook"
    for words in (f"{hook} create", "create", "", f"{hook} create more", "../hook create"):
        ended = room.sh(f"{runner} {words}", user=room.user)
        assert (ended.returncode != 0, ended.stdout) == (True, b"")


# The machine.


def test_where_the_log_cannot_be_append_only_the_set_up_says_so(room: SeparatedRoom) -> None:
    ended = room.set_up(room.script.replace("chattr +a", "chattr +a -Q"))
    assert ended.returncode == 1
    assert b"knows no append-only files" in ended.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PREFIX", "/opt/a b"), ("HOME", "relative"), ("KEYS", "/etc/a,b"), ("RULES", "/etc/*"), ("PREFIX", "/opt/a=b")],
)
def test_a_path_that_means_something_to_sudo_is_refused(room: SeparatedRoom, variable: str, value: str) -> None:
    ended = room.set_up(**{f"AGENTKIT_SETUP_{variable}": value})
    assert (ended.returncode, ended.stderr.count(b"level1: error:")) == (1, 1)


def test_the_script_is_for_root(room: SeparatedRoom) -> None:
    ended = room.do("sh", "-s", user=room.caller, stdin=room.script.encode(), check=False)
    assert (ended.returncode, ended.stderr) == (1, b"level1: error: this is for root\n")
