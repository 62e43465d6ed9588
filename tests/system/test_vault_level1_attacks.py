"""Level L1 under attack: whatever the caller does, is there no plaintext, or a record of it?"""

import os
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.otherusers import find_python
from tests.processes import wait_until
from tests.system.attackedroom import LARGE_BYTES, NAME, attack, find_processes, lend, look, make_room, take_stock
from tests.system.separatedroom import LIMIT_S, SeparatedRoom

Waiting = tuple["subprocess.Popen[bytes]", int]


@pytest.fixture(scope="module")
def made() -> Iterator[SeparatedRoom]:
    yield from make_room()


@pytest.fixture
def room(made: SeparatedRoom) -> Iterator[SeparatedRoom]:
    yield from lend(made)


VERBS_THAT_CHANGE = (
    "exec --fd 3=db/password --reason x -- sh", "set db/password --purpose x", "rotate db/password", "rotate --due",
    "rotate --identity", "init --new-recovery k", "redact", "scan /", "guard", "", "vault get db/password", "-c id",
    "--version", "--help", "--install-completion bash", "GET db/password", "get", "'list;id'", "heartbeat run x -- id",
)  # fmt: skip


def test_no_other_verb_runs_as_the_vaults_user(room: SeparatedRoom) -> None:
    for words in VERBS_THAT_CHANGE:
        stock = take_stock(room, room.home, room.keys)
        ended, records = attack(room, f'sudo -n -u "$2" -- "$1" {words}', stdin=b"a new value")
        assert (ended.returncode, ended.stdout, records) == (1, b"", []), words
        assert ended.stderr.startswith(b"sudo:"), words  # the script, which refuses too, was not even started
        assert take_stock(room, room.home, room.keys) == stock, words


WIDENED = (
    "audit checkpoint --anchor /tmp/x", "audit verify --anchor git:x", "audit prove 1", "audit",
    "exec -- sh", "set db/password", "rotate --due", "init", "redact", "--version", "",
)  # fmt: skip


def test_no_other_verb_runs_even_where_a_rule_of_sudo_was_widened(room: SeparatedRoom) -> None:
    for words in WIDENED:
        rule = room.rules / "agentkit-wide"
        rule.write_text(f"{room.caller} ALL = ({room.user}) NOPASSWD: {room.starter}\n")
        try:
            ended, records = attack(room, f'sudo -n -u "$2" -- "$1" {words}')
            assert (ended.returncode, ended.stdout, records) == (77, b"", []), words
            level, *lines = look(room, as_root=True)
            assert level == "L0", words
            assert f"sudo lets {room.caller} run {room.starter} as {room.user}" in lines[-1], words
        finally:
            rule.unlink()


OTHER_WAYS = (
    'sudo -n -u "$2" sh -c id',
    'sudo -n -u "$2" -s',
    'sudo -n -u "$2" -i',
    'sudo -n -u "$2" -e /etc/hostname',
    'sudo -n -u "$2" -g root -- "$1" list',
    'sudo -n -u "$2" -D /tmp -- "$1" list',
    'sudo -n -u "$2" -R / -- "$1" list',
    'sudo -n -u "$2" -C 9 -- "$1" list',
    'sudo -n -u "$2" -E -- "$1" list',
    'sudo -n -u "$2" HOME=/tmp "$1" list',
    'sudo -n -u "$2" LD_PRELOAD=/tmp/x.so "$1" list',
    'sudo -n -- "$1" list',
    'sudo -n -u nobody -- "$1" list',
    'sudo -n -u "$2" -- "$1-admin" list',
    'sudo -n -u "$2" -- "$1-hook" token create',
    'sudo -n -u "$2-hook" -- "$1-hook" token create',
    'sudo -n -u "$2-hook" -- id',
    'cd "${1%/*}" && sudo -n -u "$2" -- ./python -c "import os"',
    'sudo -n -u "$2" -- "${1%/*}/python" -I "$1" get db/password --reason x',
    'sudo -n -u "$2" -- "${1%/*}/../bin/agentkit-vault" exec -- sh',
    'ln -sf "$1" starter && sudo -n -u "$2" -- "$PWD/starter" exec -- sh',
    'su "$2" -c id </dev/null',
    '"$1-admin" get db/password --reason x',
    '"$1" get db/password --reason x',
    'SUDO_UID=0 "$1" get db/password --reason x',
    '"${1%/*}/python" -I "$1" get db/password --reason x',
)  # fmt: skip


def test_there_is_no_other_way_to_the_vaults_user(room: SeparatedRoom) -> None:
    for script in OTHER_WAYS:
        ended, records = attack(room, script, cwd=room.work, environ={"HOME": str(room.work)})
        assert (ended.returncode != 0, b"uid=" in ended.stdout, records) == (True, False, []), script
        assert script[:4] != "sudo" or ended.stderr.startswith(b"sudo:"), script


STRETCHED = (
    "get 'db/password; sh' --reason x", "get 'db/password\nexec' --reason x", "get ../../../etc/identity --reason x",
    "get db/password --reason", "get --reason x", "get db/password", "get db/password large --reason x",
    "get db/password --reason x exec -- sh", "get db/password --reason x -- sh", "get -- db/password --reason x",
    "get db/password --reason x --identity /tmp/x", "get --identity=/tmp/x db/password --reason x",
    "get /etc/passwd --reason x", "get 'db/*' --reason x", "get \"$(printf '\\377')\" --reason x", "get --help",
    "get db/password --reason x --help", "get db/password --reason \"$(head -c 100000 /dev/zero | tr '\\0' x)\"",
    "get $(yes db/password | head -20000) --reason x", "list exec", "list --help", "list -- exec sh",
    "list --install-completion bash", "show db/password exec", "show ../identity", "show /etc/shadow", "show --help",
    "audit", "audit exec", "audit log", "audit log --help", "audit verify", "audit verify --anchor $3",
    "audit verify --anchor /dev/stdin", "audit verify --anchor /proc/self/environ", "audit checkpoint",
    "check --help", "check", "check $3", "audit checkpoint --anchor $5", "audit verify --anchor git:/tmp/x",
    "audit checkpoint --anchor $4/manifest/x.json", "audit verify --anchor=git:ext::id",
    "audit verify --anchor \"git:ext::sh -c id\"",
)  # fmt: skip


def test_words_behind_an_allowed_verb_lead_nowhere_else(room: SeparatedRoom) -> None:
    note = Path(f"/tmp/{room.user}-note")  # where every user may write
    for words in STRETCHED:
        script = f'sudo -n -u "$2" -- "$1" {words}'.replace("$3", str(room.identity))
        script = script.replace("$4", f"{room.home}/vault").replace("$5", str(note))
        ended, records = attack(room, script, stdin=room.identity.read_bytes())
        assert room.needle[:20] not in ended.stdout + ended.stderr, words
        assert b"Traceback" not in ended.stderr, words
        assert not [one for one in records if one["outcome"] == "granted"], words
        assert b"uid=" not in ended.stdout, words
    assert not note.exists()
    assert not (room.home / "vault/manifest/x.json").exists()


def test_the_words_in_another_order_are_still_a_get_with_its_record(room: SeparatedRoom) -> None:
    ended, [record] = attack(
        room,
        f"""sudo -n -u "$2" -- "$1" get --reason='x
y; sh' --reveal {NAME}""",
    )
    assert (ended.stdout, record["reason"]) == (room.needle, "x\ny; sh")


VARIABLES = (
    "PYTHONPATH=$PWD", "PYTHONHOME=$PWD", "PYTHONSTARTUP=$PWD/json.py", "PYTHONINSPECT=1", "PYTHONWARNINGS=error",
    "PYTHONUSERBASE=$PWD", "PYTHONBREAKPOINT=os.system", "PYTHONPYCACHEPREFIX=$PWD", "PYTHONEXECUTABLE=$PWD/python",
    "LD_PRELOAD=$PWD/x.so", "LD_LIBRARY_PATH=$PWD", "LD_AUDIT=$PWD/x.so", "GLIBC_TUNABLES=glibc.malloc.check=3",
    "AGENTKIT_HOME=$PWD", "AGENTKIT_IDENTITY=$PWD/identity", "AGENTKIT_CONFIG=$PWD/agentkit.toml", "HOME=$PWD",
    "XDG_STATE_HOME=$PWD", "XDG_CONFIG_HOME=$PWD", "PATH=$PWD:$PATH", "IFS=/", "ENV=$PWD/json.py", "SHELL=$PWD/age",
    "BASH_ENV=$PWD/json.py", "TMPDIR=$PWD", "EDITOR=$PWD/age", "PAGER=$PWD/age", "OPENSSL_CONF=$PWD/x.so",
    "SUDO_UID=0", "SUDO_USER=root", "SUDO_COMMAND=x", "SUDO_PS1=x", "TERM=../../x", "TZ=:$PWD/json.py", "LANG=tr_TR",
    "LC_ALL=xx", "_AGENTKIT_COMPLETE=complete_bash", "COLUMNS=x", "AGENTKIT_VAULT_SEEN_RULES=", "PYTHONUTF8=x",
    "AGENTKIT_VAULT_HOOK_RUNNER=$PWD/age", "VIRTUAL_ENV=$PWD", "__PYVENV_LAUNCHER__=$PWD/age", "MALLOC_CHECK_=3",
)  # fmt: skip


def test_nothing_of_the_callers_environment_matters(room: SeparatedRoom) -> None:
    for variable in VARIABLES:
        plant(room)
        script = f'export "{variable}"; /usr/bin/sudo -n -u "$2" -- "$1" get {NAME} --reason x'
        ended, [record] = attack(room, script, cwd=room.work)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, room.needle, b""), variable
        assert record["uid"] == room.uid(room.caller), variable
        assert not (room.work / "caught").exists(), variable


def plant(room: SeparatedRoom) -> None:
    """Put what an attacker would into the working folder: modules, programs, a library, a vault of his own."""
    trap = f"open({str(room.work / 'caught')!r}, 'w').write('x')\n"
    for name in ("json", "os", "site", "sitecustomize", "usercustomize", "typer", "pyrage", "encodings", "_sha2"):
        (room.work / f"{name}.py").write_text(trap)
    (room.work / "agentkit/__init__.py").write_text(trap)
    (room.work / "agentkit/__main__.py").write_text(trap)
    (room.work / "pyvenv.cfg").write_text(f"home = {room.work}\n")
    for name in ("python", "python3", "age", "env", "sh"):
        program = room.work / name
        program.write_text(f"#!/bin/sh\n: >{room.work / 'caught'}\n")
        program.chmod(0o755)
    (room.work / "vault").mkdir(exist_ok=True)
    (room.work / "identity").write_text("AGE-" + "SECRET-KEY-1X\n")


SURROUNDINGS = (
    "cd {work}", "mkdir -p {work}/gone && cd {work}/gone && rmdir {work}/gone", "cd /proc/self/fd", "cd /dev/shm",
    "mkdir -p -m 0 {work}/shut; cd {work}/shut", "exec 9>{work}/nine", "umask 0777", "umask 0", "trap '' HUP INT TERM",
)  # fmt: skip


def test_nothing_of_the_callers_surroundings_matters(room: SeparatedRoom) -> None:
    for before in SURROUNDINGS:
        plant(room)
        script = before.format(work=room.work) + f' 2>/dev/null; sudo -n -u "$2" -- "$1" get {NAME} --reason x'
        ended, [_] = attack(room, script)
        assert (ended.returncode, ended.stdout) == (0, room.needle), before
        assert not (room.work / "caught").exists(), before


LIMITS = (
    *(f"-f {blocks}" for blocks in (0, 1, 2, 8, 40)), *(f"-n {files}" for files in range(3, 14)),
    *(f"-v {kib}" for kib in (1000, 10_000, 16_000, 20_000, 24_000, 30_000, 60_000)), "-t 0", "-u 0", "-u 1", "-l 0",
    "-s 64", "-d 1000", "-c unlimited",
)  # fmt: skip


def test_short_of_anything_there_is_no_value_without_its_record(room: SeparatedRoom) -> None:
    for limit in LIMITS:
        ended, records = attack(room, f'ulimit {limit}; sudo -n -u "$2" -- "$1" get {NAME} --reason x')
        assert (room.needle in ended.stdout) == (ended.returncode == 0), limit
        assert ended.returncode != 0 or records[-1]["outcome"] == "granted", limit


def test_no_limit_on_the_length_of_files_leaves_half_a_record(room: SeparatedRoom) -> None:
    log = room.audit / "000001.jsonl"
    for more in (1, 10, 300):
        before = log.read_bytes()
        words = f'prlimit --fsize={len(before) + more} sudo -n -u "$2" -- "$1" get {NAME} --reason x'
        ended, _ = attack(room, words)
        assert (ended.returncode, ended.stdout) == (77, b"")
        assert log.read_bytes() == before


STREAMS = (
    "<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full", "</dev/zero",
)  # fmt: skip


def test_closed_descriptors_and_odd_streams_give_nothing_away(room: SeparatedRoom) -> None:
    for closed in STREAMS:
        room.sh(f"rm -rf {room.work}/*", user="root")
        ended, records = attack(room, f'sudo -n -u "$2" -- "$1" get {NAME} --reason x {closed}', cwd=room.work)
        assert ended.stdout == (b"" if ">&-" in closed.replace("2>&-", "") or "full" in closed else room.needle), closed
        assert [one["outcome"] for one in records if one["op"] == "get"] == ["granted"] or not ended.stdout, closed
        assert not room.do("grep", "-rl", room.needle.decode(), str(room.work), check=False).stdout, closed


def test_root_sets_rotates_and_signs_while_the_log_is_append_only(room: SeparatedRoom) -> None:
    assert b"agentkit-vault/" in room.do(str(room.admin), "audit", "checkpoint").stdout
    room.set("another", b"one")
    room.do(str(room.admin), "rotate", "--identity", "--quiet")
    room.set("another", b"two")
    assert room.ask("get", "another", "--reason", "x").stdout == b"two"
    assert room.ask("audit", "checkpoint").returncode == 0
    assert b"L1" in room.ask("audit", "verify").stdout
    assert sorted(path.suffix for path in room.audit.iterdir() if path.name.startswith(".")) == []


def test_what_comes_on_stdin_is_not_read(room: SeparatedRoom) -> None:
    ended, [_] = attack(
        room, f'sudo -n -u "$2" -- "$1" get {NAME} --reason x; cat', stdin=b"import os; os.system('id')\n"
    )
    assert ended.stdout == room.needle + b"import os; os.system('id')\n"


def test_sudo_under_another_name_is_refused_for_the_record_would_name_the_wrong_one(room: SeparatedRoom) -> None:
    ended, records = attack(room, f'bash -c \'exec -a other sudo -n -u "$1" -- "$0" get {NAME} --reason x\' "$1" "$2"')
    assert (ended.returncode, ended.stdout, records) == (77, b"", [])
    ended, [record] = attack(
        room, f'ln -sf "$(command -v sudo)" {room.work}/sudo; {room.work}/sudo -n -u "$2" -- "$1" get {NAME} --reason x'
    )
    assert record["uid"] == room.uid(room.caller)


def test_nobody_else_reads_identity_ciphertext_log_or_rules(room: SeparatedRoom) -> None:
    vault = room.home / "vault"
    paths = [room.identity, vault / f"secrets/{NAME}.age", room.audit / "000001.jsonl", room.audit / "head"]
    paths += [
        room.audit / "key",
        vault / "recipients",
        room.rules / f"agentkit-{room.user}",
        vault / f"manifest/{NAME}.json",
    ]
    for user in (room.caller, room.hook_user):
        for path in paths:
            assert path.exists()
            ended = room.do("cat", str(path), user=user, check=False)
            assert (ended.returncode != 0, ended.stdout) == (True, b"")
            assert room.sh(f"echo x >>{path} || rm -f {path} || mv {path} x", user=user).returncode != 0
    for folder in (vault, room.keys):
        assert room.do("ls", str(folder), user=room.caller, check=False).stdout == b""


@pytest.fixture
def waiting(room: SeparatedRoom) -> Iterator[Waiting]:
    """Return a `get` of the caller that waits for its reader, value in hand, and the process of the vault's user."""
    before = len(room.records())
    uid = room.uid(room.caller)
    with subprocess.Popen(
        room.sudo("get", "large", "--reason", "x"), user=uid, group=uid, extra_groups=[], stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"]}, cwd="/",
    ) as process:  # fmt: skip
        try:
            wait_until(lambda: len(room.records()) > before and len(find_processes(room.user)) == 1)
            [pid] = find_processes(room.user)
            yield process, pid
        finally:
            process.kill()
            process.communicate(timeout=LIMIT_S)


def test_the_callers_signals_do_not_reach_a_running_get(room: SeparatedRoom, waiting: Waiting) -> None:
    process, pid = waiting
    for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGXCPU):
        ended = room.sh(f"kill -{number} {pid}")
        assert b"not permitted" in ended.stderr, number
    # Some versions of sudo let the caller signal sudo itself, which passes this one on.
    room.sh(f"kill -{signal.SIGTSTP} {process.pid}; kill -{signal.SIGTTOU} {process.pid}")
    assert room.ask("get", NAME, "--reason", "meanwhile").stdout == room.needle
    assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T"
    room.sh(f"kill -{signal.SIGCONT} {process.pid}")
    out = process.communicate(timeout=LIMIT_S)[0]
    assert (process.returncode, len(out)) == (0, LARGE_BYTES // len(room.needle) * len(room.needle))


def test_who_ends_sudo_ends_the_get_behind_it(room: SeparatedRoom, waiting: Waiting) -> None:
    process, _ = waiting
    room.sh(f"kill -{signal.SIGKILL} {process.pid}")
    process.wait(LIMIT_S)
    # Its reader is still there: it ends because of sudo, and not of a broken pipe.
    wait_until(lambda: not find_processes(room.user))


def test_no_moment_of_ending_sudo_leaves_a_record_of_somebody_else(
    room: SeparatedRoom, random_choices: random.Random
) -> None:
    before = len(room.records())
    for _ in range(40):
        delay = random_choices.uniform(0.01, 0.3)
        script = f'sudo -n -u "$2" -- "$1" get {NAME} --reason x & sleep {delay}; kill -9 $!; wait'
        ended, _records = attack(room, script)
        assert ended.stdout in (b"", room.needle), delay
    wait_until(lambda: not find_processes(room.user))
    assert {one["uid"] for one in room.records()[before:]} <= {room.uid(room.caller)}


TRACE = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
for request in (16, 0x4206):  # ptrace(2): PTRACE_ATTACH, PTRACE_SEIZE
    print(libc.ptrace(request, int(sys.argv[1]), 0, 0), ctypes.get_errno())
"""


def test_the_memory_of_a_running_get_is_closed_to_the_caller_and_its_lock_is_given_back(
    room: SeparatedRoom, waiting: Waiting
) -> None:
    process, pid = waiting
    for target in (pid, process.pid):
        assert Path(f"/proc/{target}/environ").stat().st_uid == 0  # as of what is not dumpable
        for name in ("mem", "environ", "maps", "fd/1", "auxv", "stack", "root/etc/hostname", "cwd/etc/hostname"):
            ended = room.sh(f"cat /proc/{target}/{name}")
            assert (ended.returncode != 0, ended.stdout) == (True, b""), name
        assert b"Permission denied" in room.sh(f"ls /proc/{target}/fd").stderr
        traced = room.do(find_python(), "-I", "-c", TRACE, str(target), user=room.caller)
        assert traced.stdout.split() == [b"-1", b"1", b"-1", b"1"]  # EPERM
    words = room.do("cat", f"/proc/{pid}/cmdline", user=room.caller).stdout
    assert room.needle[:20] not in words
    # Who waits for a reader holds up nobody else.
    assert room.ask("get", NAME, "--reason", "meanwhile").stdout == room.needle
