"""Does a program get exactly its secrets, each after its record, and is everything else as without us?"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.vault.conversation import AGENTS
from agentkit.vault.places import Places
from tests.vault.conftest import LIMIT_S, Vault

pytest_plugins = ("tests.vault.stored",)
pytestmark = pytest.mark.usefixtures("stored")

REASON = ("--reason", "nightly report")
# What the program is given, seen from inside of it: open descriptors, environment, words.
LOOK = """
import json, os, sys
found = {}
for name in os.listdir("/proc/self/fd"):
    try:
        found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    except OSError:
        pass  # the one of the listing itself
print(json.dumps({"fds": found, "env": dict(os.environ), "argv": sys.argv}))
"""


def read_log(places: Places) -> list[dict[str, object]]:
    with open(f"{places.audit}/000001.jsonl", encoding="ascii") as file:
        return [json.loads(line) for line in file]


def read_executions(places: Places) -> list[dict[str, object]]:
    return [record for record in read_log(places) if record["op"] == "exec"]


def look_inside(vault: Vault, *words: str, more: dict[str, str] | None = None) -> dict[str, dict[str, str]]:
    ended = vault("exec", *words, *REASON, "--", sys.executable, "-S", "-c", LOOK, more=more)
    assert (ended.returncode, ended.stderr) == (0, b"")
    seen: dict[str, dict[str, str]] = json.loads(ended.stdout)
    return seen


@pytest.mark.parametrize("size", [1, 4096, 65535, 65536, 65537, 10_000_000])
@pytest.mark.parametrize("words", [("--fd", "3=big"), ("--fd", "250=big"), ("--stdin", "big")])
def test_a_value_of_any_size_arrives_byte_for_byte(vault: Vault, size: int, words: tuple[str, str]) -> None:
    value = os.urandom(size)
    assert vault("set", "big", "--purpose", "x", stdin=value).returncode == 0
    descriptor = words[1].partition("=")[0] if words[0] == "--fd" else "0"
    assert vault("exec", *words, *REASON, "--", "cat", f"/dev/fd/{descriptor}").stdout == value
    ended = vault(
        "exec", *words, *REASON, "--", "sh", "-c", f"cat <&{descriptor}" if len(descriptor) == 1 else "cat /dev/fd/250"
    )
    assert ended.stdout == value


def test_a_value_in_a_pipe_is_there_once(vault: Vault) -> None:
    ended = vault("exec", "--fd", "3=token", *REASON, "--", "sh", "-c", "cat /dev/fd/3; echo .; cat /dev/fd/3; cat <&3")
    assert ended.stdout == b"t-o-k-e-n.\n"


def test_a_value_in_memory_can_be_changed_by_nobody(vault: Vault) -> None:
    value = os.urandom(100_000)
    vault("set", "big", "--purpose", "x", stdin=value)
    script = """
import fcntl, os, sys
for do in (lambda: os.write(3, b"x"), lambda: os.ftruncate(3, 0), lambda: os.ftruncate(3, 1 << 20)):
    try:
        do()
    except PermissionError:
        print("refused", end=" ")
assert os.lseek(3, 0, os.SEEK_CUR) == 0
print(fcntl.fcntl(3, fcntl.F_GET_SEALS) & 15)
"""
    assert (
        vault("exec", "--fd", "3=big", *REASON, "--", sys.executable, "-c", script).stdout
        == b"refused refused refused 15\n"
    )


def test_nothing_of_ours_is_open_in_the_program_beside_what_was_asked_for(vault: Vault) -> None:
    seen = look_inside(
        vault, "--fd", "5=token", "--fd", "3=db/password", "--stdin", "token", "--fill", "9=/etc/hostname"
    )
    bare = subprocess.run(
        [sys.executable, "-S", "-c", LOOK], capture_output=True, stdin=subprocess.PIPE, timeout=60, check=True
    )
    beside = {number for number in map(int, seen["fds"]) if number > 2}
    # The listing of the look itself, too, is at the lowest free descriptor.
    assert beside - {3, 5, 9} <= {int(number) for number in json.loads(bare.stdout)["fds"] if int(number) > 2} | {4}
    assert all(seen["fds"][number].startswith("pipe:") for number in ("0", "3", "5"))


def test_each_secret_has_its_own_record_before_the_program_runs(vault: Vault, places: Places, tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("a={{vault:token}} b={{vault:db/password}} c={{vault:token}}")
    log = f"{places.audit}/000001.jsonl"
    words = ["--stdin", "token", "--fill", f"4={tmp_path}/conf", "--env", "T=token", "--fd", "3=db/password"]
    ended = vault("exec", *words, *REASON, "--", "/bin/cat", log)
    seen = [record for line in ended.stdout.splitlines() if (record := json.loads(line))["op"] == "exec"]
    assert seen == read_executions(places)
    told = [
        tuple(record[key] for key in ("phase", "outcome", "name", "version", "delivery", "reason", "argv0"))
        for record in seen
    ]
    granted = ("release", "granted")
    rest = ("nightly report", "/bin/cat")
    assert told == [
        (*granted, "db/password", 1, "fd:3", *rest),
        (*granted, "token", 1, "env:T", *rest),
        (*granted, "token", 1, "stdin", *rest),
        (*granted, "token", 1, "fill:4", *rest),
        (*granted, "db/password", 1, "fill:4", *rest),
    ]
    assert len({record["argv_hmac"] for record in seen}) == 1


def test_the_log_names_the_file_that_is_run_wherever_it_was_found(
    vault: Vault, places: Places, environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "report").write_text("#!/bin/sh\necho ran $0\n")
    (tmp_path / "own" / "report").chmod(0o700)
    ended = vault("exec", "--fd", "3=token", *REASON, "report", more={"PATH": f"{tmp_path}/own:{environ['PATH']}"})
    assert ended.stdout == f"ran {tmp_path}/own/report\n".encode()
    assert read_executions(places)[-1]["argv0"] == f"{tmp_path}/own/report"


def test_masks_in_a_file_become_values_and_every_other_byte_stays(vault: Vault, tmp_path: Path) -> None:
    raw = bytes(range(256))
    (tmp_path / "conf").write_bytes(
        raw
        + b"{{vault:token}}{{vault:token}} {{vault:{{vault:db/password}} "
        + b"{{vault:NAME}} {{vault:a b}} {{vault:}} {{vault:token"
    )
    ended = vault("exec", "--fill", f"3={tmp_path}/conf", *REASON, "--", "cat", "/dev/fd/3")
    assert ended.stdout == (
        raw + b"t-o-k-e-nt-o-k-e-n {{vault:hunter two {{vault:NAME}} {{vault:a b}} {{vault:}} {{vault:token"
    )


def test_a_file_may_come_through_a_pipe(environ: dict[str, str], places: Places) -> None:
    script = 'exec 7<&0; "$@" exec --fill 3=/dev/fd/7 --reason x -- cat /dev/fd/3'
    ended = subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, "-m", "agentkit", "vault"],
        input=b"is {{vault:token}}\n", env=environ, capture_output=True, timeout=LIMIT_S, check=True,
    )  # fmt: skip
    assert ended.stdout == b"is t-o-k-e-n\n"


def test_a_mask_of_an_unknown_secret_is_unavailable(vault: Vault, places: Places, tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("{{vault:absent}}")
    ended = vault("exec", "--fill", f"3={tmp_path}/conf", *REASON, "--", "cat", "/dev/fd/3")
    assert (ended.returncode, ended.stdout) == (69, b"")
    assert read_executions(places)[-1]["outcome"] == "missing"


@pytest.mark.parametrize(
    "word", ["{{vault:token}}", "--password={{vault:token}}", "a\n{{vault:absent}}{{vault:token}}"]
)
def test_a_mask_in_a_word_of_the_program_is_refused(vault: Vault, places: Places, word: str) -> None:
    ended = vault("exec", "--fd", "3=token", "--stdin", "db/password", *REASON, "--", "echo", word)
    assert (ended.returncode, ended.stdout) == (77, b"")
    assert b"--fill" in ended.stderr
    assert [record["outcome"] for record in read_executions(places)] == ["refused", "refused"]


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("no-such-program", 127),
        ("/no/such", 127),
        ("", 127),
        ("/etc/hostname/x", 127),
        ("/tmp", 126),
        ("/etc/passwd", 126),
        ("x" * 300, 127),
    ],
)
@pytest.mark.parametrize("mask", [(), ("--mask",)])
def test_a_program_that_cannot_be_run_gets_nothing_and_that_is_recorded(
    vault: Vault, places: Places, program: str, status: int, mask: tuple[str, ...]
) -> None:
    ended = vault("exec", "--fd", "3=token", *mask, *REASON, "--", program)
    assert (ended.returncode, ended.stdout, ended.stderr.count(b"error:")) == (status, b"", 1)
    assert [record["outcome"] for record in read_executions(places)] == ["refused"]


@pytest.mark.parametrize("mask", [(), ("--mask",)])
def test_a_program_that_turns_out_not_to_start_is_recorded_as_failed(
    vault: Vault, places: Places, tmp_path: Path, mask: tuple[str, ...]
) -> None:
    (tmp_path / "script").write_text("#!/no/such/interpreter\n")
    (tmp_path / "script").chmod(0o700)
    ended = vault("exec", "--fd", "3=token", *mask, *REASON, "--", f"{tmp_path}/script")
    assert (ended.returncode, ended.stderr) == (
        127,
        f"agentkit: error: {tmp_path}/script: what its first line names is not there\n".encode(),
    )
    assert [(record["phase"], record["outcome"]) for record in read_executions(places)] == [
        ("release", "granted"),
        ("failed", "failed"),
    ]


@pytest.mark.parametrize("mask", [(), ("--mask",)])
def test_a_script_without_a_first_line_is_run_by_sh(vault: Vault, tmp_path: Path, mask: tuple[str, ...]) -> None:
    (tmp_path / "script").write_text('echo "$@"; cat /dev/fd/3; exit 3')
    (tmp_path / "script").chmod(0o700)
    ended = vault("exec", "--fd", "3=token", *mask, *REASON, "--", f"{tmp_path}/script", "a b", "c\nd")
    assert (ended.returncode, ended.stdout) == (3, b"a b c\nd\n" + (b"{{vault:token}}" if mask else b"t-o-k-e-n"))


@pytest.mark.parametrize("status", [0, 1, 77, 255])
def test_the_status_is_the_programs(vault: Vault, status: int) -> None:
    assert vault("exec", "--fd", "3=token", *REASON, "--", "sh", "-c", f"exit {status}").returncode == status


def test_the_process_is_the_program_itself_with_signals_as_the_kernel_made_them(vault: Vault) -> None:
    # Not by a child of a shell: while it starts one, a shell blocks all signals.
    words = ["grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"]
    bare = subprocess.run(words, capture_output=True, timeout=60, check=True)
    assert vault("exec", "--fd", "3=token", *REASON, "--", *words).stdout == bare.stdout
    ended = vault("exec", "--fd", "3=token", *REASON, "--", "sh", "-c", "kill -PIPE $$")
    assert ended.returncode == -signal.SIGPIPE


def test_a_variable_is_given_only_where_the_row_allows_it(vault: Vault, places: Places) -> None:
    assert look_inside(vault, "--env", "TOKEN=token")["env"]["TOKEN"] == "t-o-k-e-n"
    ended = vault("exec", "--fd", "3=token", "--env", "PGPASSWORD=db/password", *REASON, "--", "true")
    assert (ended.returncode, ended.stdout) == (77, b"")
    assert read_executions(places)[-1]["outcome"] == "refused"


def test_a_descriptor_is_given_only_where_the_row_allows_it(vault: Vault, tmp_path: Path) -> None:
    vault("set", "piped", "--purpose", "x", "--deliver", "stdin", stdin=b"v-a-l-u-e")
    (tmp_path / "conf").write_text("{{vault:piped}}")
    assert vault("exec", "--stdin", "piped", *REASON, "--", "cat").stdout == b"v-a-l-u-e"
    for words in (("--fd", "3=piped"), ("--fill", f"3={tmp_path}/conf"), ("--env", "A=piped")):
        ended = vault("exec", *words, *REASON, "--", "cat", "/dev/fd/3")
        assert (ended.returncode, ended.stdout) == (77, b"")


@pytest.mark.parametrize("value", [b"a\0b", b"x" * 131_072], ids=["nul", "long"])
def test_what_no_variable_can_hold_is_bad_data_and_recorded(vault: Vault, places: Places, value: bytes) -> None:
    vault("set", "odd", "--purpose", "x", "--deliver", "env", stdin=value)
    ended = vault("exec", "--env", "ODD=odd", *REASON, "--", "true")
    assert (ended.returncode, ended.stdout) == (65, b"")
    assert b"--fd 3=odd" in ended.stderr
    assert [record["phase"] for record in read_executions(places)] == ["release", "failed"]


def test_the_longest_variable_arrives(vault: Vault) -> None:
    value = os.urandom(65_535).hex().encode() + b"x" * (131_072 - 131_070 - 2 - 1)
    vault("set", "long", "--purpose", "x", "--deliver", "env", stdin=value[: 131_072 - 3])
    assert look_inside(vault, "--env", "A=long")["env"]["A"].encode() == value[: 131_072 - 3]


def test_the_environment_is_cut_to_what_says_who_and_where(vault: Vault, environ: dict[str, str]) -> None:
    lost = {"LD_LIBRARY_PATH", "PYTHONSTARTUP", "BASH_ENV", "AWS_SECRET_ACCESS_KEY", "NODE_OPTIONS", "PYTHONPATH"}
    kept = {
        "AGENTKIT_MARKS": "/m",
        "AGENTKIT_RUN": "01",
        "LC_TIME": "C",
        "LANG": "de_DE.UTF-8",
        "TZ": "UTC",
        "KEPT": "y",
    }
    more = {**dict.fromkeys(lost - {"PYTHONPATH"}, "/x"), **kept}
    env = look_inside(vault, "--fd", "3=token", "--keep-env", "KEPT", "--keep-env", "ABSENT", more=more)["env"]
    expected = {name: value for name, value in {**environ, **more}.items() if name not in lost}
    assert env == expected


def test_nothing_is_added_to_an_environment(vault: Vault, environ: dict[str, str], places: Places) -> None:
    # Python itself puts LC_CTYPE into a process without a locale (PEP 538).
    small = {name: environ[name] for name in ("PATH", "AGENTKIT_HOME", "HOME", "PYTHONPATH")}
    words = [sys.executable, "-m", "agentkit", "vault", "exec", "--fd", "3=token", *REASON, "--", "env", "-0"]
    ended = subprocess.run(words, env=small, capture_output=True, timeout=LIMIT_S, check=True)
    found = dict(entry.split("=", 1) for entry in ended.stdout.decode().split("\0") if entry)
    assert found == {name: value for name, value in small.items() if name != "PYTHONPATH"}


@pytest.mark.parametrize("variable", AGENTS)
def test_a_program_in_a_conversation_still_knows_that_it_is_in_one(vault: Vault, variable: str) -> None:
    words = [sys.executable, "-m", "agentkit", "vault", "get", "db/password", "--reason", "round the corner"]
    ended = vault("exec", "--fd", "3=token", "--keep-env", "PYTHONPATH", *REASON, "--", *words, more={variable: "1"})
    assert (ended.returncode, ended.stdout) == (77, b"")


def test_a_descriptor_above_the_limit_is_a_wrong_word(vault: Vault, places: Places) -> None:
    ended = vault("exec", "--fd", "99999999=token", *REASON, "--", "true")
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert read_executions(places) == []


@pytest.mark.parametrize("reason", [(), ("--reason", ""), ("--reason", " "), ("--reason", "x" * 501)])
def test_without_a_reason_nothing_happens(vault: Vault, places: Places, reason: tuple[str, ...]) -> None:
    before = read_log(places)
    ended = vault("exec", "--fd", "3=token", *reason, "--", "echo", "ran")
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert read_log(places) == before


def test_where_one_of_them_is_missing_the_program_gets_none(vault: Vault, places: Places) -> None:
    ended = vault("exec", "--fd", "3=token", "--fd", "4=absent", *REASON, "--", "echo", "ran")
    assert (ended.returncode, ended.stdout) == (69, b"")
    assert [record["outcome"] for record in read_executions(places)] == ["granted", "missing"]


@pytest.mark.parametrize(("path", "status"), [("/no/such", 69), ("/", 69), ("/dev/zero", 65)])
def test_a_file_that_cannot_be_filled_in_is_told_before_anything_is_released(
    vault: Vault, places: Places, path: str, status: int
) -> None:
    ended = vault("exec", "--fill", f"3={path}", "--fd", "4=token", *REASON, "--", "true")
    assert (ended.returncode, ended.stderr.count(b"error:")) == (status, 1)
    assert read_executions(places) == []


@pytest.mark.parametrize("mask", [(), ("--mask",)])
def test_a_process_that_holds_a_value_lets_nobody_look_into_it(environ: dict[str, str], mask: tuple[str, ...]) -> None:
    script = """
import ctypes, os, resource, sys
from agentkit.__main__ import main

def look(*words):
    os.write(2, b"%d %d" % (ctypes.CDLL(None).prctl(3), resource.getrlimit(resource.RLIMIT_CORE)[0]))
    os._exit(0)

os.execve = look
sys.argv = ["agentkit", *sys.argv[1:]]
sys.exit(main())
"""
    words = ["vault", "exec", "--fd", "3=token", *mask, *REASON, "--", "true"]
    ended = subprocess.run(
        ["sh", "-c", 'ulimit -Sc $(ulimit -Hc); exec "$@"', "sh", sys.executable, "-c", script, *words],
        env=environ, capture_output=True, timeout=LIMIT_S, check=True,
    )  # fmt: skip
    assert ended.stderr == b"0 0"


def test_no_core_file_is_left_by_a_program_with_a_secret(environ: dict[str, str]) -> None:
    words = [
        sys.executable,
        "-m",
        "agentkit",
        "vault",
        "exec",
        "--fd",
        "3=token",
        *REASON,
        "--",
        "sh",
        "-c",
        "ulimit -Sc",
    ]
    ended = subprocess.run(
        ["sh", "-c", 'ulimit -Sc $(ulimit -Hc); exec "$@"', "sh", *words],
        env=environ, capture_output=True, timeout=LIMIT_S, check=True,
    )  # fmt: skip
    assert ended.stdout == b"0\n"
