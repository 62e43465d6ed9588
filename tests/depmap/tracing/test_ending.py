"""How does a traced program end, what bounds it, and when is none run?"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.core.errors import Exit
from tests.depmap.tracing.traced import PATH, Run, read_seen, trace, write_script
from tests.processes import find_by_words, wait_until


def test_what_is_deaf_stays_deaf(agentkit: Run, environ: dict[str, str], tmp_path: Path) -> None:
    write_script(tmp_path / "run", "#!/bin/sh\nkill -HUP $$\nkill -INT $$\n: >x\n")
    words = [sys.executable, "-m", "agentkit", "depmap", "trace", "--", "./run"]
    shell = "trap '' HUP INT; exec \"$@\""
    ended = subprocess.run(
        ["sh", "-c", shell, "sh", *words], env=environ, cwd=tmp_path, capture_output=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("text", "status"),
    [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 128 + 15), ("kill -KILL $$", 128 + 9), ("exec false", 1)],
)
def test_it_ends_as_the_program_does(agentkit: Run, tmp_path: Path, text: str, status: int) -> None:
    assert agentkit("depmap", "trace", "--quiet", "--", "sh", "-c", text).returncode == status


@pytest.mark.parametrize(("status", "told"), [(0, Exit.CANNOT_WRITE), (3, 3)])
def test_a_map_that_takes_nothing_any_more_is_told_and_hides_no_failure(
    agentkit: Run, home: Path, tmp_path: Path, status: int, told: int
) -> None:
    text = f'rm -r "$AGENTKIT_HOME"; : >"$AGENTKIT_HOME"; exit {status}'
    ended = agentkit("depmap", "trace", "--", "sh", "-c", text, cwd=tmp_path)
    assert ended.returncode == told, ended.stderr
    assert str(home) in ended.stderr


def test_the_streams_of_the_program_are_its_own(agentkit: Run, tmp_path: Path) -> None:
    ended = agentkit("depmap", "trace", "--", "sh", "-c", "cat; echo oops >&2", input="in\n", cwd=tmp_path)
    assert ended.stdout == "in\n"
    assert ended.stderr == "oops\nagentkit: 1 dependency seen, 1 of them new: agentkit depmap verify\n"
    quiet = agentkit("depmap", "trace", "--quiet", "--", "sh", "-c", "cat", input="in\n", cwd=tmp_path)
    assert (quiet.stdout, quiet.stderr) == ("in\n", "")


def test_programs_that_are_not_there_or_no_programs_end_as_in_a_shell(agentkit: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("x")
    write_script(tmp_path / "headless", "\x7fELF, or rather not\0")
    write_script(tmp_path / "lost", "#!/no/such/interpreter\n")
    for program, status in (
        ("no-such-program", 127),
        ("./text", 126),
        ("./headless", 126),
        ("./lost", 127),
        ("/", 126),
    ):
        ended = agentkit("depmap", "trace", "--", program, cwd=tmp_path)
        assert ended.returncode == status, ended.stderr
        assert f"agentkit: error: {program}: " in ended.stderr


def test_at_its_limit_all_of_it_is_ended(agentkit: Run, tmp_path: Path) -> None:
    write_script(tmp_path / "run", "#!/bin/sh\n: >x\ntrap '' TERM\nsetsid sleep 97531 &\nsleep 97531\n")
    ended = agentkit("depmap", "trace", "--limit", "1s", "--", "./run", cwd=tmp_path)
    assert ended.returncode == Exit.TIMED_OUT, ended.stderr
    assert "agentkit: ./run: ended at its limit\n" in ended.stderr
    assert "file:run write file:x" in read_seen(agentkit, tmp_path)
    assert find_by_words("sleep 97531") == []


def test_what_it_leaves_running_is_followed_or_let_go(agentkit: Run, tmp_path: Path) -> None:
    write_script(tmp_path / "run", "#!/bin/sh\n(sleep 2; : >late; sleep 1) >/dev/null 2>&1 &\n: >x\n")
    ended = agentkit("depmap", "trace", "--", "./run", cwd=tmp_path, more={"PATH": PATH})
    assert "followed to its end" in ended.stderr
    assert "file:run write file:late" in read_seen(agentkit, tmp_path)
    (tmp_path / "late").unlink()
    agentkit("depmap", "trace", "--forget", "all")
    seen = trace(agentkit, tmp_path, "--let-go", "--", "./run")
    assert seen == {"file:run write file:x", "file:run exec cmd:sleep"}
    # It lives on, and does its work as if nobody had looked.
    wait_until((tmp_path / "late").exists)


def test_a_signal_reaches_the_program_and_what_it_did_is_kept(
    agentkit: Run, environ: dict[str, str], tmp_path: Path
) -> None:
    write_script(
        tmp_path / "run", "#!/bin/sh\ntrap 'echo told >told; exit 7' TERM\n: >ready\nwhile :; do sleep 0.1; done\n"
    )
    words = [sys.executable, "-m", "agentkit", "depmap", "trace", "--", "./run"]
    with subprocess.Popen(
        words, env=environ, cwd=tmp_path, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    ) as process:
        wait_until((tmp_path / "ready").exists)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 7
    assert "file:run write file:told" in read_seen(agentkit, tmp_path)


def test_a_trace_that_is_killed_leaves_nothing_behind_and_hurts_nobody(
    agentkit: Run, environ: dict[str, str], tmp_path: Path
) -> None:
    write_script(tmp_path / "run", "#!/bin/sh\n: >ready\nsleep 1\ncat /etc/hostname >done\n")
    (tmp_path / "tmp").mkdir()
    more = {"TMPDIR": str(tmp_path / "tmp")}
    words = [sys.executable, "-m", "agentkit", "depmap", "trace", "--", "./run"]
    with subprocess.Popen(words, env={**environ, **more}, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        wait_until((tmp_path / "ready").exists)
        process.kill()
    wait_until(lambda: (tmp_path / "done").exists() and (tmp_path / "done").read_text() != "")
    assert set(os.listdir(tmp_path)) <= {"run", "tmp", "ready", "done", "agentkit-home"}
    assert os.listdir(tmp_path / "tmp") == []


def test_without_strace_it_says_what_to_install(agentkit: Run, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to("/bin/sh")
    ended = agentkit("depmap", "trace", "--", "sh", "-c", ": >x", more={"PATH": str(tmp_path / "bin")}, cwd=tmp_path)
    assert ended.returncode == 69
    assert "strace, which is not installed" in ended.stderr
    assert "install strace" in ended.stderr
    assert not (tmp_path / "x").exists()


def test_where_tracing_is_not_permitted_it_says_so_and_runs_nothing(
    agentkit: Run, environ: dict[str, str], tmp_path: Path
) -> None:
    # Who is traced cannot be traced by another: that is EPERM, as in a container without CAP_SYS_PTRACE.
    inner = [sys.executable, "-m", "agentkit", "depmap", "trace", "--", "touch", str(tmp_path / "x")]
    ended = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", *inner],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 69
    assert "strace may not trace here" in ended.stderr
    assert "SYS_PTRACE" in ended.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["trace"],
        ["trace", "--as", "backup", "--", "true"],
        ["trace", "--as", "job:", "--", "true"],
        ["trace", "--limit", "0", "--", "true"],
        ["trace", "--forget", "all", "--", "true"],
        ["verify", "--limit", "x"],
    ],
    ids=str,
)
def test_wrong_words_are_told(agentkit: Run, words: list[str]) -> None:
    ended = agentkit("depmap", *words)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("agentkit: error: ")
