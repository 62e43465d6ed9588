import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.depmap.tracing.traced import PATH, Run, read_seen, trace, write_script
from tests.processes import wait_until


def test_a_text_on_the_command_line_is_put_down_to_the_trace(agentkit: Run, tmp_path: Path) -> None:
    seen = trace(agentkit, tmp_path, "--", "sh", "-c", "date >x")
    assert seen == {"job:trace exec cmd:date", "job:trace write file:x"}


def test_it_is_put_down_to_the_node_that_is_named(agentkit: Run, tmp_path: Path) -> None:
    seen = trace(agentkit, tmp_path, "--as", "job:backup", "--", "sh", "-c", "date >x")
    assert seen == {"job:backup exec cmd:sh", "job:backup exec cmd:date", "job:backup write file:x"}


@pytest.mark.parametrize(
    "words",
    [
        ["env", "A=1", "sh", "-c", ": >x"],
        ["timeout", "9", "nice", "sh", "-c", ": >x"],
        ["setsid", "-w", "sh", "-c", ": >x"],
    ],
    ids=" ".join,
)
def test_a_wrapper_in_front_of_it_all_owns_nothing(agentkit: Run, tmp_path: Path, words: list[str]) -> None:
    assert trace(agentkit, tmp_path, "--", *words) == {"job:trace write file:x"}


def test_what_a_program_does_that_no_script_started_is_its_own(agentkit: Run, tmp_path: Path) -> None:
    assert trace(agentkit, tmp_path, "--", "timeout", "9", "cp", "/etc/hostname", "x") == {
        "cmd:/usr/bin/cp read file:/etc/hostname",
        "cmd:/usr/bin/cp write file:x",
    }


def test_a_script_has_what_it_does_and_what_its_children_do(agentkit: Run, tmp_path: Path) -> None:
    write_script(tmp_path / "lib.sh", "value=1\n")
    write_script(tmp_path / "inner", "#!/bin/bash\nread -r x <data\n")
    write_script(
        tmp_path / "outer", "#!/bin/sh\n. ./lib.sh\ncp data copy\n./inner\nenv ./inner\n(cd /; rm -f nothing)\n"
    )
    (tmp_path / "data").write_text("1\n")
    assert trace(agentkit, tmp_path, "--", "./outer") == {
        "file:outer source file:lib.sh",
        "file:outer exec cmd:cp",
        "file:outer read file:data",
        "file:outer write file:copy",
        "file:outer exec cmd:inner",
        "file:outer exec cmd:env",
        "file:outer exec cmd:rm",
        "file:inner read file:data",
    }


@pytest.mark.parametrize(
    "words",
    [
        ["./run"],
        ["sh", "run"],
        ["sh", "-e", "./run"],
        ["env", "-i", "sh", "run"],
        ["bash", "+x", "-o", "pipefail", "run"],
    ],
    ids=" ".join,
)
def test_a_script_is_known_however_it_is_started(agentkit: Run, tmp_path: Path, words: list[str]) -> None:
    write_script(tmp_path / "run", "#!/bin/sh\nread -r x <data\n")
    (tmp_path / "data").write_text("1\n")
    assert "file:run read file:data" in trace(agentkit, tmp_path, "--", *words)


@pytest.mark.parametrize(
    ("words", "node"),
    [
        (["./run.py"], "file:run.py"),
        ([sys.executable, "run.py"], "file:run.py"),
        ([sys.executable, "-W", "ignore", "-B", "run.py", "-c", "x"], "file:run.py"),
        ([sys.executable, "-m", "run"], "py:run"),
        ([sys.executable, "-Bm", "run"], "py:run"),
        ([sys.executable, "-c", "import run"], "job:trace"),
    ],
    ids=str,
)
def test_a_script_of_python_is_known_however_it_is_started(
    agentkit: Run, tmp_path: Path, words: list[str], node: str
) -> None:
    text = "import os, subprocess, part\nos.chdir('sub')\nopen('data').read()\nsubprocess.run(['true'], check=True)\n"
    write_script(tmp_path / "run.py", f"#!{sys.executable}\n{text}")
    (tmp_path / "part.py").write_text("")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "data").write_text("1\n")
    seen = trace(agentkit, tmp_path, "--", *words)
    wanted = {f"{node} read file:sub/data", f"{node} exec cmd:true", f"{node} import py:part"}
    # A module that is imported by name is found beside it.
    extra = {"job:trace import py:run"} if node == "job:trace" else {f"{node} import py:run"} & seen
    assert seen == wanted | extra


def test_threads_and_processes_of_python_share_what_they_should(agentkit: Run, tmp_path: Path) -> None:
    text = """
import os, subprocess, threading
def work(number):
    with open(f"out{number}", "w") as file:
        file.write("x")
    subprocess.run(["cat", f"out{number}"], stdout=subprocess.DEVNULL, check=True)
threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
if os.fork() == 0:
    os.mkdir("made"); os.chdir("made"); open("inside", "w").close(); os._exit(0)
os.wait()
os.rename("out0", "moved"); os.remove("out1")
"""
    (tmp_path / "run.py").write_text(text)
    seen = trace(agentkit, tmp_path, "--", sys.executable, "run.py")
    wanted = {f"file:run.py {kind} file:out{number}" for kind in ("read", "write") for number in range(2, 8)}
    wanted |= {"file:run.py exec cmd:cat", "file:run.py write file:made", "file:run.py write file:made/inside"}
    # What was made and is gone under a name for temporary files is nobody's.
    assert seen == wanted | {"file:run.py write file:moved"}


def test_what_failed_was_not_touched(agentkit: Run, tmp_path: Path) -> None:
    write_script(
        tmp_path / "run", "#!/bin/sh\ncat missing; ./missing; missing-program; cd nowhere; : </etc/no/such\n:\n"
    )
    assert trace(agentkit, tmp_path, "--", "./run", status=2) == {"file:run exec cmd:cat"}


def test_sockets_are_named_as_the_map_names_them(agentkit: Run, tmp_path: Path) -> None:
    text = """
import socket, sys
def ask(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as one:
        try:
            one.connect(address)
        except OSError:
            pass
with socket.create_server(("127.0.0.1", 0)) as server:
    pass
ask(socket.AF_INET, ("127.0.0.1", int(sys.argv[1])))
ask(socket.AF_INET6, ("::1", 9))
ask(socket.AF_INET6, ("::ffff:127.0.0.1", 10))
ask(socket.AF_INET, ("127.0.0.1", 53), socket.SOCK_DGRAM)
ask(socket.AF_UNIX, "there")
ask(socket.AF_UNIX, "not-there")
ask(socket.AF_UNIX, chr(0) + "abstract")
with socket.socket(socket.AF_UNIX) as one:
    one.bind("own")
with socket.socket(socket.AF_INET) as one:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", int(sys.argv[2])))
"""
    (tmp_path / "run.py").write_text(text)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as unix,
        socket.create_server(("127.0.0.1", 0)) as free,
    ):
        unix.bind(str(tmp_path / "there"))
        unix.listen()
        port, other = server.getsockname()[1], free.getsockname()[1]
        free.close()
        seen = trace(agentkit, tmp_path, "--", sys.executable, "run.py", port, other)
    assert seen == {
        f"file:run.py connect port:tcp/{port}",
        "file:run.py connect port:tcp/9",
        "file:run.py connect port:tcp/10",
        "file:run.py connect file:there",
        "file:run.py listen file:own",
        f"file:run.py listen port:tcp/{other}",
    }


def test_processes_with_numbers_of_their_own_are_followed(agentkit: Run, tmp_path: Path) -> None:
    write_script(tmp_path / "inner", "#!/bin/sh\n(cd /etc && cat hostname)\n: >x\n")
    write_script(tmp_path / "run", "#!/bin/sh\nunshare --user --map-root-user --pid --fork --mount-proc ./inner\n")
    assert trace(agentkit, tmp_path, "--", "./run") == {
        "file:run exec cmd:unshare",
        "file:run exec cmd:inner",
        "file:inner exec cmd:cat",
        "file:inner read file:/etc/hostname",
        "file:inner write file:x",
    }


def test_a_network_of_its_own_does_not_hide_a_connection(agentkit: Run, tmp_path: Path) -> None:
    write_script(tmp_path / "inner", "#!/bin/bash\n: </dev/tcp/127.0.0.1/9\n:\n")
    words = ["unshare", "--user", "--map-root-user", "--net", "./inner"]
    assert "file:inner connect port:tcp/9" in trace(agentkit, tmp_path, "--", *words)


def test_a_program_that_starts_itself_again_stays_itself(agentkit: Run, tmp_path: Path) -> None:
    text = (
        "import os, sys\nif len(sys.argv) == 1:\n    os.execv('/proc/self/exe', [sys.executable, __file__, 'again'])\n"
    )
    (tmp_path / "run.py").write_text(f"{text}open('x', 'w').close()\n")
    assert trace(agentkit, tmp_path, "--", sys.executable, "run.py") == {"file:run.py write file:x"}


def test_what_is_deaf_stays_deaf(agentkit: Run, environ: dict[str, str], tmp_path: Path) -> None:
    write_script(tmp_path / "run", "#!/bin/sh\nkill -HUP $$\nkill -INT $$\n: >x\n")
    words = [sys.executable, "-m", "agentkit", "depmap", "trace", "--", "./run"]
    shell = "trap '' HUP INT; exec \"$@\""
    ended = subprocess.run(
        ["sh", "-c", shell, "sh", *words], env=environ, cwd=tmp_path, capture_output=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "x").exists()


def test_locks_are_seen(agentkit: Run, tmp_path: Path) -> None:
    write_script(tmp_path / "run", "#!/bin/sh\n(flock -n 9 && true) 9>lock\n")
    seen = trace(agentkit, tmp_path, "--", "./run")
    assert {"file:run lock file:lock", "file:run write file:lock", "file:run exec cmd:flock"} <= seen


def test_names_of_any_bytes_come_through(agentkit: Run, tmp_path: Path) -> None:
    write_script(tmp_path / "run", "#!/bin/sh\nfor name in 'a \"b\"' 'c\nd' 'e\\f' '<g>'; do : >\"$name\"; done\n")
    seen = trace(agentkit, tmp_path, "--", "./run")
    assert seen == {f"file:run write file:{name}" for name in ('a "b"', "c\nd", "e\\f", "<g>")}


def test_what_a_run_makes_for_itself_and_removes_is_nobodys(agentkit: Run, tmp_path: Path) -> None:
    text = '#!/bin/bash\nfile=$(mktemp)\ntrap \'rm -f "$file" "$file.sh"\' EXIT\ndate >"$file"\ncat <<<x >/dev/null\n'
    text += 'printf "#!/bin/sh\\nwc -l /etc/hostname\\n" >"$file.sh"; chmod +x "$file.sh"; "$file.sh"\n'
    write_script(tmp_path / "run", text)
    seen = trace(agentkit, tmp_path, "--", "./run")
    assert not {one for one in seen if "/tmp/tmp." in one}
    assert {"file:run exec cmd:date", "file:run exec cmd:wc", "file:run read file:/etc/hostname"} <= seen


def test_many_files_of_a_folder_are_the_folder(agentkit: Run, tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    for number in range(300):
        (tmp_path / "many" / str(number)).write_text("x")
    write_script(tmp_path / "run", "#!/bin/sh\ncat many/* >/dev/null\n")
    seen = trace(agentkit, tmp_path, "--", "./run")
    assert seen == {"file:run exec cmd:cat", "file:run read file:many"}


@pytest.mark.parametrize(
    ("text", "status"),
    [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 128 + 15), ("kill -KILL $$", 128 + 9), ("exec false", 1)],
)
def test_it_ends_as_the_program_does(agentkit: Run, tmp_path: Path, text: str, status: int) -> None:
    assert agentkit("depmap", "trace", "--quiet", "--", "sh", "-c", text).returncode == status


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


def test_a_text_without_a_first_line_is_given_to_the_shell(agentkit: Run, tmp_path: Path) -> None:
    write_script(tmp_path / "run", "cat data\n")
    (tmp_path / "data").write_text("1\n")
    assert trace(agentkit, tmp_path, "--", "./run") == {"file:run exec cmd:cat", "file:run read file:data"}


def test_at_its_limit_all_of_it_is_ended(agentkit: Run, tmp_path: Path) -> None:
    write_script(tmp_path / "run", "#!/bin/sh\n: >x\ntrap '' TERM\nsetsid sleep 97531 &\nsleep 97531\n")
    started = time.monotonic()
    ended = agentkit("depmap", "trace", "--limit", "1s", "--", "./run", cwd=tmp_path)
    assert (ended.returncode, time.monotonic() - started < 20) == (124, True), ended.stderr
    assert "ended at its limit" in ended.stderr
    assert "file:run write file:x" in read_seen(agentkit, tmp_path)
    assert subprocess.run(["pgrep", "-f", "sleep 97531"], capture_output=True, check=False).returncode == 1


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
    folders = ("/tmp", str(tmp_path), "/var/tmp", "/dev/shm")
    before = {folder: set(os.listdir(folder)) for folder in folders}
    words = [sys.executable, "-m", "agentkit", "depmap", "trace", "--", "./run"]
    with subprocess.Popen(words, env=environ, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        wait_until((tmp_path / "ready").exists)
        process.kill()
    wait_until(lambda: (tmp_path / "done").exists() and (tmp_path / "done").read_text() != "")
    after = set(os.listdir(tmp_path)) - before[str(tmp_path)]
    assert after <= {"ready", "done", "agentkit-home"}


def test_no_word_and_no_variable_is_kept(agentkit: Run, home: Path, tmp_path: Path) -> None:
    word = "hunter" + "2" * 9
    more = {"PATH": PATH, "SECRET_TOKEN": word}
    trace(
        agentkit, tmp_path, "--", "sh", "-c", f"env >/dev/null; echo {word} >/dev/null; /bin/echo -p{word}", more=more
    )
    for folder, _, names in os.walk(home):
        for name in names:
            assert word.encode() not in Path(folder, name).read_bytes()


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
    assert "CAP_SYS_PTRACE" in ended.stderr or "SYS_PTRACE" in ended.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["trace"],
        ["trace", "--as", "backup", "--", "true"],
        ["trace", "--as", "job:", "--", "true"],
        ["trace", "--limit", "0", "--", "true"],
        ["verify", "--limit", "x"],
    ],
    ids=str,
)
def test_wrong_words_are_told(agentkit: Run, words: list[str]) -> None:
    ended = agentkit("depmap", *words)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("agentkit: error: ")


def test_hundreds_of_processes_at_once_are_told_apart(agentkit: Run, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"d{number}").mkdir()
    write_script(tmp_path / "one", '#!/bin/sh\ncd "d$(($1 % 20))" && (cd .. && cd - >/dev/null; : >"f$1")\n')
    write_script(tmp_path / "run", "#!/bin/sh\nseq 0 299 | xargs -P 12 -n 1 ./one\n")
    seen = trace(agentkit, tmp_path, "--", "./run")
    made = {f"file:one write file:d{number % 20}/f{number}" for number in range(300)}
    assert seen == made | {"file:run exec cmd:seq", "file:run exec cmd:xargs", "file:run exec cmd:one"}
