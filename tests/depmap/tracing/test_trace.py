"""What of all that a program does is seen, and whose doing is it?"""

import os
import socket
import sys
from pathlib import Path

import pytest

from tests.depmap.tracing.traced import PATH, Run, trace, write_script


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


def test_a_text_without_a_first_line_is_given_to_the_shell(agentkit: Run, tmp_path: Path) -> None:
    write_script(tmp_path / "run", "cat data\n")
    (tmp_path / "data").write_text("1\n")
    assert trace(agentkit, tmp_path, "--", "./run") == {"file:run exec cmd:cat", "file:run read file:data"}


def test_no_word_and_no_variable_is_kept(agentkit: Run, home: Path, tmp_path: Path) -> None:
    word = "hunter" + "2" * 9
    more = {"PATH": PATH, "SECRET_TOKEN": word}
    trace(
        agentkit, tmp_path, "--", "sh", "-c", f"env >/dev/null; echo {word} >/dev/null; /bin/echo -p{word}", more=more
    )
    for folder, _, names in os.walk(home):
        for name in names:
            assert word.encode() not in Path(folder, name).read_bytes()


def test_hundreds_of_processes_at_once_are_told_apart(agentkit: Run, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"d{number}").mkdir()
    write_script(tmp_path / "one", '#!/bin/sh\ncd "d$(($1 % 20))" && (cd .. && cd - >/dev/null; : >"f$1")\n')
    write_script(tmp_path / "run", "#!/bin/sh\nseq 0 299 | xargs -P 12 -n 1 ./one\n")
    seen = trace(agentkit, tmp_path, "--", "./run")
    made = {f"file:one write file:d{number % 20}/f{number}" for number in range(300)}
    assert seen == made | {"file:run exec cmd:seq", "file:run exec cmd:xargs", "file:run exec cmd:one"}
