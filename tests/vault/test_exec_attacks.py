"""Where does a value go that a program is given, also when something is in short supply or goes wrong?"""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError
from agentkit.vault.handover.template import read_template
from agentkit.vault.places import Places
from tests.vault.conftest import LIMIT_S, Vault
from tests.vault.test_exec import read_executions

pytest_plugins = ("tests.vault.stored",)

EXEC = [sys.executable, "-m", "agentkit", "vault", "exec"]
REASON = ["--reason", "x", "--"]
Ended = subprocess.CompletedProcess[bytes]


@pytest.fixture
def shell(environ: dict[str, str], stored: Places) -> Callable[..., Ended]:
    """Return a function that runs `agentkit vault exec WORDS…` as "$@" of a text for the shell."""

    def run(text: str, *words: str, **more: str) -> Ended:
        command = ["sh", "-c", text, "sh", *EXEC, *words]
        return subprocess.run(command, env={**environ, **more}, capture_output=True, timeout=LIMIT_S, check=False)

    return run


def find_needle(folder: Path, needle: bytes) -> list[str]:
    """Return the files below a folder that hold it, in their content or their name."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in paths if needle in os.fsencode(path) or needle in path.read_bytes()]


PATHS: list[tuple[list[str], int]] = [
    (["--fd", "3=needle", *REASON, "true"], 0),
    (["--stdin", "needle", *REASON, "true"], 0),
    (["--fill", "4=CONF", *REASON, "true"], 0),
    (["--env", "A=needle", *REASON, "true"], 0),
    (["--mask", "--fd", "3=needle", "--stdin", "needle", *REASON, "sh", "-c", "cat; cat /dev/fd/3 >&2"], 0),
    (["--mask", "--env", "A=needle", *REASON, "sh", "-c", "echo $A; kill -9 $$"], -9),
    (["--fd", "3=needle", *REASON, "no-such-program"], 127),
    (["--fd", "3=needle", *REASON, "SCRIPT"], 127),
    (["--mask", "--fd", "3=needle", *REASON, "SCRIPT"], 127),
    (["--env", "A=needle", *REASON, "SCRIPT"], 127),
    (["--fd", "3=needle", "--fd", "4=absent", *REASON, "true"], 69),
    (["--fd", "3=needle", "--env", "A=nul", *REASON, "true"], 65),
    (["--env", "A=nul", *REASON, "true"], 65),
    (["--env", "A=piped", "--fd", "3=needle", *REASON, "true"], 77),
    (["--fd", "3=needle", *REASON, "echo", "{{vault:needle}}"], 77),
    (["--fd", "3=needle", "--fill", "4=/no/such", *REASON, "true"], 69),
    (["--fd", "3=needle", "--fd", "3=needle", *REASON, "true"], 2),
]


@pytest.mark.parametrize(
    ("words", "status"), PATHS, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
@pytest.mark.usefixtures("stored")
def test_one_value_on_every_way_is_found_nowhere(
    vault: Vault, tmp_path: Path, needle: str, words: list[str], status: int
) -> None:
    everywhere = ("--deliver", "fd", "--deliver", "stdin", "--deliver", "env")
    vault("set", "needle", "--purpose", "x", *everywhere, stdin=needle.encode())
    vault("set", "nul", "--purpose", "x", "--deliver", "env", stdin=b"\0" + needle.encode())
    vault("set", "piped", "--purpose", "x", "--deliver", "fd", stdin=needle.encode())
    (tmp_path / "conf").write_text("a={{vault:needle}}\n")
    (tmp_path / "script").write_text("#!/no/such/interpreter\n")
    (tmp_path / "script").chmod(0o700)
    (tmp_path / "tmp").mkdir()
    given = [word.replace("CONF", f"{tmp_path}/conf").replace("SCRIPT", f"{tmp_path}/script") for word in words]
    ended = vault("exec", *given, more={"TMPDIR": str(tmp_path / "tmp"), "XDG_RUNTIME_DIR": str(tmp_path / "tmp")})
    assert ended.returncode == status
    assert needle.encode() not in ended.stdout + ended.stderr
    assert find_needle(tmp_path, needle.encode()) == []


@pytest.mark.parametrize("mask", [[], ["--mask"]])
def test_neither_words_nor_environment_of_any_process_hold_it(
    vault: Vault, stored: Places, needle: str, mask: list[str], tmp_path: Path
) -> None:
    vault("set", "needle", "--purpose", "x", stdin=needle.encode())
    (tmp_path / "conf").write_text("a={{vault:needle}}\n")
    script = """
import os
found, needle = [], os.environb[b"TZ"][3:]
for pid in filter(str.isdecimal, os.listdir("/proc")):
    for name in ("cmdline", "environ"):
        try:
            with open(f"/proc/{pid}/{name}", "rb") as file:
                # Only what says for what is looked holds it, and that is cut off.
                text = file.read().replace(b"TZ=x--" + needle, b"")
        except OSError:
            continue  # it has ended, or it is a hardened one
        if needle in text:
            found.append((pid, name))
print(found)
"""
    words = ["--fd", "3=needle", "--stdin", "needle", "--fill", f"4={tmp_path}/conf", *mask, *REASON]
    ended = vault("exec", *words, sys.executable, "-S", "-c", script, more={"TZ": "x--" + needle})
    assert (ended.returncode, ended.stdout) == (0, b"[]\n")


def test_two_hundred_secrets_at_once_are_all_in_their_places(
    vault: Vault, stored: Places, environ: dict[str, str]
) -> None:
    words = [word for number in range(3, 203) for word in ("--fd", f"{number}={('token', 'db/password')[number % 2]}")]
    script = (
        "import os\nprint([os.read(n, 99) == (b't-o-k-e-n', b'hunter two')[n % 2] for n in range(3, 203)].count(True))"
    )
    assert vault("exec", *words, *REASON, sys.executable, "-S", "-c", script).stdout == b"200\n"
    assert len(read_executions(stored)) == 200


@pytest.mark.parametrize("mask", [[], ["--mask"]])
@pytest.mark.parametrize("limit", range(5, 20))
def test_where_descriptors_are_few_the_program_gets_all_or_nothing(
    shell: Callable[..., Ended], limit: int, mask: list[str]
) -> None:
    words = ["--fd", "3=token", "--fd", "5=db/password", "--stdin", "token", *mask, *REASON]
    ended = shell(f'ulimit -n {limit}; exec "$@"', *words, "sh", "-c", "cat; cat /dev/fd/3; cat /dev/fd/5")
    if ended.returncode == 0:
        shown = b"{{vault:token}}{{vault:token}}{{vault:db/password}}" if mask else b"t-o-k-e-nt-o-k-e-nhunter two"
        assert ended.stdout == shown
    else:
        assert ended.returncode in (1, 2, 69, 73, 75, 76, 125), ended.stderr
        assert ended.stdout == b""
        assert b"bug" not in ended.stderr
        assert b"Traceback" not in ended.stderr or limit < 6  # there Python itself does not get up


def test_without_room_for_the_record_nothing_is_released(shell: Callable[..., Ended]) -> None:
    ended = shell('ulimit -f 0; exec "$@"', "--fd", "3=token", *REASON, "echo", "ran")
    assert (ended.returncode, ended.stdout) == (73, b"")


def test_without_room_for_the_value_the_program_is_not_started(
    shell: Callable[..., Ended], vault: Vault, stored: Places
) -> None:
    vault("set", "big", "--purpose", "x", stdin=bytes(1_000_000))
    ended = shell('ulimit -f 600; exec "$@"', "--fd", "3=token", "--fd", "4=big", *REASON, "echo", "ran")
    assert (ended.returncode, ended.stdout) == (125, b"")
    assert [record["phase"] for record in read_executions(stored)] == ["release", "release", "failed", "failed"]


def test_where_pipes_are_small_a_value_goes_another_way(stored: Places) -> None:
    script = """
import fcntl, os
from agentkit.vault.handover import delivery
made, held = os.pipe, []
def make_small():
    ends = made()
    fcntl.fcntl(ends[1], 1031, 4096)
    return ends
os.pipe = make_small
for size in (1, 4096, 4097, 65536):
    delivery.reserve_descriptors([9])
    delivery.deliver_at(9, b"x" * size)
    kind = os.readlink("/proc/self/fd/9").partition(":")[0]
    print(kind, len(os.read(9, 100000)))
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, timeout=60, check=True
    )
    assert ended.stdout.split() == [b"pipe", b"1", b"pipe", b"4096", b"/memfd", b"4097", b"/memfd", b"65536"]


@pytest.mark.parametrize("kind", ["pipe", "fifo"])
def test_a_file_that_never_ends_is_given_up(tmp_path: Path, kind: str) -> None:
    reading, writing = os.pipe()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(AgentkitError) as told:
        read_template(f"/dev/fd/{reading}" if kind == "pipe" else str(tmp_path / "fifo"), limit_s=0.2)
    os.close(reading)
    os.close(writing)
    assert told.value.status == 75


@pytest.mark.parametrize(
    "more",
    [
        {"PYTHONINSPECT": "1"},
        {"PYTHONDEVMODE": "1"},
        {"PYTHONMALLOC": "debug"},
        {"PYTHONOPTIMIZE": "2"},
        {"PYTHONUTF8": "0", "LC_ALL": "C"},
    ],
    ids=str,
)
def test_what_steers_python_changes_nothing_and_goes_on_to_nobody(
    shell: Callable[..., Ended], more: dict[str, str]
) -> None:
    ended = shell(
        'exec "$@"', "--fd", "3=token", *REASON, "sh", "-c", "cat /dev/fd/3; env | grep ^PYTHON; exit 6", **more
    )
    assert (ended.returncode, ended.stdout) == (6, b"t-o-k-e-n")


def test_words_arrive_as_they_are(shell: Callable[..., Ended]) -> None:
    ended = shell('exec "$@" "$(printf "a\\nb\\377")" "" -- --fd', "--fd", "3=token", *REASON, "printf", "[%s]")
    assert ended.stdout == b"[a\nb\xff][][--][--fd]"


def test_the_limits_of_the_caller_stay(shell: Callable[..., Ended]) -> None:
    ended = shell(
        'ulimit -n 77; umask 027; exec "$@"', "--fd", "3=token", *REASON, "sh", "-c", "ulimit -n; umask; ulimit -Hc"
    )
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    assert ended.stdout.split() == [
        b"77",
        b"0027",
        b"unlimited" if hard == resource.RLIM_INFINITY else str(hard // 512).encode(),
    ]
