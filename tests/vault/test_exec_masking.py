"""Does `exec --mask` let no value out, and is the program's end, and what it is sent, as without it?"""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit.core import tree
from tests.processes import wait_until
from tests.vault.conftest import LIMIT_S, Vault

pytest_plugins = ("tests.vault.stored",)
pytestmark = pytest.mark.usefixtures("stored")

WORDS = [sys.executable, "-m", "agentkit", "vault", "exec", "--mask", "--fd", "3=token", "--reason", "x", "--"]
MASKED = ("--mask", "--fd", "3=token", "--reason", "x", "--")
# Writes its pid, then the number of each signal that it gets, until it was sent USR2.
LISTENING = """
import os, signal, sys
def note(number, frame):
    os.write(1, b"%d\\n" % number)
    if number == signal.SIGUSR2:
        os._exit(9)
for number in map(int, sys.argv[1:]):
    signal.signal(number, note)
os.write(1, b"%d\\n" % os.getpid())
while True:
    signal.pause()
"""
Started = subprocess.Popen[bytes]


@pytest.fixture
def begin(environ: dict[str, str]) -> Iterator["list[Started]"]:
    """Hold what a test starts; whatever is left of it in the end is ended, by its pid."""
    started: list[Started] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(LIMIT_S)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()


def start(begin: "list[Started]", environ: dict[str, str], *program: str, shell: str = 'exec "$@"') -> Started:
    words = ["sh", "-c", shell, "sh", *WORDS, *program]
    process = subprocess.Popen(
        words, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    begin.append(process)
    return process


def read_line(process: Started) -> bytes:
    assert process.stdout
    return process.stdout.readline()


def test_values_are_masked_on_both_outputs_however_they_are_cut(vault: Vault) -> None:
    script = """
import os, time
value = os.read(3, 100)
for part in (b"a ", value[:3], value[3:], b" b ", value + value, b"\\n"):
    os.write(1, part)
    time.sleep(0.01)
os.write(2, b"bad: " + value)
os._exit(7)
"""
    ended = vault("exec", *MASKED, sys.executable, "-S", "-c", script)
    assert ended.returncode == 7
    assert ended.stdout == b"a {{vault:token}} b {{vault:token}}{{vault:token}}\n"
    assert ended.stderr == b"bad: {{vault:token}}"


def test_every_way_of_handing_over_is_masked(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("x={{vault:db/password}};")
    words = ["--fill", f"3={tmp_path}/conf", "--stdin", "token", "--env", "T=token", "--mask", "--reason", "x"]
    ended = vault("exec", *words, "--", "sh", "-c", "cat /dev/fd/3; cat; echo $T")
    assert ended.stdout == b"x={{vault:db/password}};{{vault:token}}{{vault:token}}\n"


def test_what_is_no_value_passes_byte_for_byte_and_at_once(begin: "list[Started]", environ: dict[str, str]) -> None:
    process = start(begin, environ, "cat")
    assert process.stdin
    assert process.stdout
    for line in (b"one\n", bytes(range(11, 256)) + b"\n", b"." * 60_000 + b"\n"):
        process.stdin.write(line)
        process.stdin.flush()
        assert process.stdout.readline() == line
    process.stdin.close()
    assert process.wait(LIMIT_S) == 0


def test_much_output_arrives_whole(vault: Vault) -> None:
    script = "head -c 20000000 /dev/zero; cat /dev/fd/3; head -c 20000000 /dev/zero >&2"
    ended = vault("exec", *MASKED, "sh", "-c", script)
    assert ended.stdout == bytes(20_000_000) + b"{{vault:token}}"
    assert ended.stderr == bytes(20_000_000)


@pytest.mark.parametrize("status", [0, 1, 127, 255])
def test_the_status_is_the_programs(vault: Vault, status: int) -> None:
    assert vault("exec", *MASKED, "sh", "-c", f"exit {status}").returncode == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGPIPE, signal.SIGUSR1])
def test_what_ends_the_program_ends_us(vault: Vault, number: signal.Signals) -> None:
    assert vault("exec", *MASKED, "sh", "-c", f"kill -{int(number)} $$").returncode == -number


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "USR1", "WINCH", "CONT", "TSTP"])
def test_what_we_are_sent_the_program_is_sent(begin: "list[Started]", environ: dict[str, str], name: str) -> None:
    number = getattr(signal, f"SIG{name}")
    process = start(begin, environ, sys.executable, "-S", "-c", LISTENING, str(int(number)), str(int(signal.SIGUSR2)))
    assert int(read_line(process)) != process.pid
    for _ in range(3):
        process.send_signal(number)
        assert int(read_line(process)) == number
    process.send_signal(signal.SIGUSR2)
    assert process.wait(LIMIT_S) == 9


def test_a_signal_that_nobody_minds_ends_both(begin: "list[Started]", environ: dict[str, str]) -> None:
    process = start(begin, environ, "sh", "-c", "echo; exec sleep 1000")
    read_line(process)
    process.terminate()
    assert process.wait(LIMIT_S) == -signal.SIGTERM


@pytest.mark.parametrize("minds", [False, True])
def test_what_nohup_made_deaf_stays_deaf_unless_the_program_minds(
    begin: "list[Started]", environ: dict[str, str], minds: bool
) -> None:
    numbers = [str(int(number)) for number in ([signal.SIGHUP] if minds else []) + [signal.SIGTERM, signal.SIGUSR2]]
    words = [sys.executable, "-S", "-c", LISTENING, *numbers]
    process = start(begin, environ, *words, shell='trap "" HUP; exec "$@"')
    read_line(process)
    process.send_signal(signal.SIGHUP)
    if minds:
        assert int(read_line(process)) == signal.SIGHUP
    process.send_signal(signal.SIGTERM)
    assert int(read_line(process)) == signal.SIGTERM
    process.send_signal(signal.SIGUSR2)
    assert process.wait(LIMIT_S) == 9


def test_a_caller_that_hears_of_no_child_still_gets_the_status(environ: dict[str, str]) -> None:
    def be_deaf() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    script = "import os, signal\nos._exit(5 if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN else 6)"
    words = [*WORDS, sys.executable, "-S", "-c", script]
    ended = subprocess.run(words, env=environ, preexec_fn=be_deaf, timeout=LIMIT_S, check=False)
    assert ended.returncode == 5


def test_a_job_that_is_stopped_stops_as_a_whole_and_goes_on(begin: "list[Started]", environ: dict[str, str]) -> None:
    process = start(begin, environ, "sh", "-c", "echo $$; read x; exit 6")
    child = int(read_line(process))

    def find_states() -> set[str]:
        return {stat[0] for pid in (child, process.pid) if (stat := tree.read_stat(pid))}

    process.send_signal(signal.SIGTSTP)
    wait_until(lambda: find_states() == {"T"})
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: find_states() == {"S"})
    assert process.stdin
    process.stdin.write(b"\n")
    process.stdin.close()
    assert process.wait(LIMIT_S) == 6


def test_at_a_terminal_the_program_gets_each_key_once(environ: dict[str, str]) -> None:
    numbers = [str(int(number)) for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGUSR2)]
    words = [*WORDS, sys.executable, "-S", "-c", LISTENING, *numbers]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(words[0], words, environ)
    with os.fdopen(terminal, "rb+", buffering=0) as screen:
        program = int(read_until(screen, b"\n").split()[-1])
        screen.write(b"\x03")
        assert read_until(screen, b"2\r\n").count(b"2\r\n") == 1
        screen.write(b"\x1c")
        seen = read_until(screen, b"3\r\n")
        assert (seen.count(b"2\r\n"), seen.count(b"3\r\n")) == (0, 1)
        os.kill(program, signal.SIGUSR2)
        status = os.waitpid(pid, 0)[1]
    assert os.waitstatus_to_exitcode(status) == 9


def read_until(screen: object, end: bytes) -> bytes:
    seen = b""
    while not seen.endswith(end):
        seen += screen.read(1000)  # type: ignore[attr-defined]
    return seen


def test_what_is_left_running_holds_nobody_up(vault: Vault) -> None:
    ended = vault("exec", *MASKED, "sh", "-c", "sleep 1000 & echo $!; cat /dev/fd/3; exit 3")
    sleeper = int(ended.stdout.split()[0])
    start = tree.process_start(sleeper)
    assert start is not None
    tree.send_signal(sleeper, start, signal.SIGKILL)
    assert (ended.returncode, ended.stdout.split()[1]) == (3, b"{{vault:token}}")
    assert b"what it left running still holds its output" in ended.stderr


def test_what_is_left_running_and_writes_for_ever_holds_nobody_up(vault: Vault) -> None:
    ended = vault("exec", *MASKED, "sh", "-c", "yes & exit 3")
    assert ended.returncode == 3  # and `yes` ends by SIGPIPE
    assert b"what it left running still holds its output" in ended.stderr


def test_what_is_left_running_may_still_end_what_it_says(vault: Vault) -> None:
    ended = vault("exec", *MASKED, "sh", "-c", "(sleep 0.3; cat /dev/fd/3) & exit 3")
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, b"{{vault:token}}", b"")


def test_a_reader_that_goes_away_ends_the_program_by_sigpipe(environ: dict[str, str], places: object) -> None:
    script = '"$@" sh -c "yes; kill -0 $$; echo \\$? >&2" | head -1; exit 0'
    ended = subprocess.run(
        ["sh", "-c", script, "sh", *WORDS], env=environ, capture_output=True, timeout=LIMIT_S, check=True
    )
    assert (ended.stdout, ended.stderr) == (b"y\n", b"0\n")


def test_a_slow_reader_gets_all_of_it(environ: dict[str, str], places: object) -> None:
    script = '"$@" sh -c "head -c 1000000 /dev/zero; cat /dev/fd/3" | (sleep 4; cat)'
    ended = subprocess.run(
        ["sh", "-c", script, "sh", *WORDS], env=environ, capture_output=True, timeout=LIMIT_S, check=True
    )
    assert (ended.stdout, ended.stderr) == (bytes(1_000_000) + b"{{vault:token}}", b"")


def test_signals_come_through_while_nobody_reads(begin: "list[Started]", environ: dict[str, str]) -> None:
    process = start(begin, environ, "sh", "-c", "yes & trap 'kill $!; exit 8' TERM; echo . >&2; wait")
    assert process.stderr
    process.stderr.readline()
    time.sleep(0.3)  # until all pipes are full
    process.terminate()
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: not tree.find_descendants(process.pid))
    process.terminate()  # now it is only us who wait for a reader
    assert process.wait(LIMIT_S) == 8


def test_a_program_that_closes_its_outputs_is_waited_for(vault: Vault) -> None:
    ended = vault("exec", *MASKED, "sh", "-c", "cat /dev/fd/3; exec >&- 2>&-; sleep 0.5; exit 5")
    assert (ended.returncode, ended.stdout) == (5, b"{{vault:token}}")


def test_an_output_that_takes_nothing_is_told(environ: dict[str, str], places: object) -> None:
    ended = subprocess.run(
        ["sh", "-c", '"$@" sh -c "echo x; sleep 0.3; exit 0" >/dev/full', "sh", *WORDS],
        env=environ, capture_output=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert ended.returncode == 73
    assert ended.stderr == b"agentkit: error: its output could not be passed on: No space left on device\n"


@pytest.mark.parametrize("shell", ['"$@" >&-', '"$@" 2>&-', '"$@" <&- >&- 2>&-', '"$@" <&-'])
@pytest.mark.parametrize("words", [WORDS, [word for word in WORDS if word != "--mask"]], ids=["mask", "plain"])
def test_closed_descriptors_are_no_way_for_a_value(
    environ: dict[str, str], places: object, tmp_path: Path, shell: str, words: list[str]
) -> None:
    program = f"ls -l /proc/self/fd > {tmp_path}/seen; cat /dev/fd/3 > {tmp_path}/value; exit 3"
    ended = subprocess.run(
        ["sh", "-c", shell, "sh", *words, "sh", "-c", program],
        env=environ, capture_output=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert (ended.returncode, (tmp_path / "value").read_bytes()) == (3, b"t-o-k-e-n")
    assert b"t-o-k-e-n" not in ended.stdout + ended.stderr


def test_the_program_does_not_outlive_us(begin: "list[Started]", environ: dict[str, str]) -> None:
    process = start(begin, environ, "sh", "-c", "echo $$; exec sleep 1000")
    child = int(read_line(process))
    birth = tree.process_start(child)
    assert birth is not None
    process.kill()
    wait_until(lambda: not tree.is_alive(child, birth))


def test_nothing_of_us_shows_a_value_while_the_program_runs(begin: "list[Started]", environ: dict[str, str]) -> None:
    process = start(begin, environ, "sh", "-c", "echo $$; read x")
    child = int(read_line(process))
    for pid in (process.pid, child):
        for name in ("cmdline", "environ"):
            assert b"t-o-k-e-n" not in Path(f"/proc/{pid}/{name}").read_bytes()
    # Root may look all the same; of what was for the program nothing is left in us.
    links = {int(name): os.readlink(f"/proc/{process.pid}/fd/{name}") for name in os.listdir(f"/proc/{process.pid}/fd")}
    assert (links[0], links[3]) == ("/dev/null", "/dev/null")
    assert os.stat(f"/proc/{process.pid}/environ").st_uid == 0
    assert process.stdin
    process.stdin.close()
    assert process.wait(LIMIT_S) == 1


def test_a_fault_of_the_masker_lets_nothing_out(environ: dict[str, str], places: object) -> None:
    script = """
import sys
from agentkit.vault.redaction import masker
from agentkit.__main__ import main

def fail(self, chunk, **more):
    raise KeyError(chunk)

masker.Masker.feed = fail
sys.argv = ["agentkit", *sys.argv[1:]]
sys.exit(main())
"""
    words = [sys.executable, "-c", script, *WORDS[3:], "sh", "-c", "cat /dev/fd/3; sleep 1000"]
    ended = subprocess.run(words, env=environ, capture_output=True, timeout=LIMIT_S, check=False)
    assert (ended.returncode, ended.stdout) == (70, b"")
    assert ended.stderr.startswith(b"agentkit: error: the output could not be masked, by a bug in agentkit: KeyError\n")
    assert b"t-o-k-e-n" not in ended.stderr
