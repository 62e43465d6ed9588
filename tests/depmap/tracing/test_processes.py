import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.depmap.tracing.processes import Follower
from agentkit.depmap.tracing.seen import Seen

START = '1 execve("/usr/bin/sh", ["sh", "-c", "x"], 0x7 /* 1 var */) = 0\n'


def follow(log: str, *, node: str | None = None) -> tuple[Follower, set[str]]:
    seen = Seen(("/tmp",))
    follower = Follower("/", seen, node=node)
    follower.feed((START + log).encode())
    follower.finish()
    return follower, {f"{one.source} {one.kind} {one.target}" for one in seen.find_edges(lambda _: False)}


def opened(pid: int, path: str, flags: str = "O_RDONLY") -> str:
    return f'{pid} openat(AT_FDCWD</>, "{path}", {flags}) = 3<{path}>\n'


def test_a_child_that_is_heard_of_before_its_fork_returns_is_its_parents() -> None:
    log = '1 chdir("/etc") = 0\n1 clone3({flags=CLONE_VM|CLONE_VFORK}, 88 <unfinished ...>\n'
    log += '2 execve("/srv/no-such-program", ["x"], 0x7 /* 1 var */ <unfinished ...>\n2 <... execve resumed>) = 0\n'
    log += '2 unlink("a") = 0\n2 +++ exited with 0 +++\n1 <... clone3 resumed>) = 2\n'
    _, edges = follow(log)
    assert edges == {"job:trace exec cmd:no-such-program", "job:trace write file:/etc/a"}


def test_a_child_of_nobody_is_put_down_to_the_program() -> None:
    _, edges = follow(opened(7, "/srv/a") + "7 +++ exited with 0 +++\n")
    assert edges == {"job:trace read file:/srv/a"}


def test_threads_share_the_folder_and_processes_do_not() -> None:
    log = "1 clone(child_stack=0x7, flags=CLONE_VM|CLONE_FS|CLONE_THREAD) = 2\n1 clone(flags=SIGCHLD) = 3\n"
    log += '2 chdir("/srv") = 0\n3 chdir("/opt") = 0\n1 unlink("a") = 0\n3 unlink("b") = 0\n'
    _, edges = follow(log)
    assert edges == {"job:trace write file:/srv/a", "job:trace write file:/opt/b"}


def test_a_thread_that_executes_goes_on_under_the_first_number() -> None:
    log = "1 clone(child_stack=0x7, flags=CLONE_VM|CLONE_FS|CLONE_THREAD) = 2\n"
    log += '2 execve("/srv/p", ["p"], 0x7 /* 1 var */ <unfinished ...>\n1 +++ superseded by execve in pid 2 +++\n'
    log += f"1 <... execve resumed>) = 0\n{opened(1, '/srv/a')}1 +++ killed by SIGKILL +++\n"
    follower, edges = follow(log)
    assert edges == {"job:trace exec cmd:p", "job:trace read file:/srv/a"}
    assert (follower.has_ended, follower.signal, follower.status) == (True, "SIGKILL", None)


def test_what_fails_and_what_never_returns_was_not_done() -> None:
    log = '1 unlink("a") = -1 EACCES (Permission denied)\n1 execve("/srv/p", ["p"], 0x7) = -1 ENOENT (No such file)\n'
    log += '1 unlink("b") = ?\n1 unlink("c" <unfinished ...>\n'
    assert follow(log)[1] == set()


def test_more_than_its_bound_is_not_kept_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentkit.depmap.tracing.seen.MOST_EDGES", 50)
    seen = Seen(("/tmp",))
    follower = Follower("/", seen, node=None)
    follower.feed((START + "".join(opened(1, f"/srv/{number}/a") for number in range(100))).encode())
    assert (len(seen.find_edges()), seen.is_full) == (50, True)


def test_what_waits_for_a_parent_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentkit.depmap.tracing.processes.MOST_WAITING", 100)
    follower = Follower("/", Seen(()), node=None)
    follower.feed((START + "".join(opened(pid, "/srv/a") for pid in range(2, 1002))).encode())
    assert sum(map(len, follower._waiting.values())) <= 101


def test_a_socket_that_strace_cannot_look_into_is_what_it_was_made_as() -> None:
    def connect(inode: int) -> str:
        address = '{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("10.0.0.1")}'
        return f"1 connect(3<socket:[{inode}]>, {address}, 16) = 0\n"

    log = "1 socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = 3<socket:[77]>\n"
    assert follow(log + connect(77))[1] == {"job:trace connect port:tcp/10.0.0.1:80"}
    assert follow(log.replace("STREAM", "DGRAM") + connect(77))[1] == set()
    assert follow(log + connect(78))[1] == set()


def test_a_file_with_the_number_of_a_process_in_its_name_is_for_itself() -> None:
    names = ("/srv/x.1", "/srv/x.7", "/srv/x.17", "/srv/x1y")
    log = "1 clone(flags=SIGCHLD) = 7\n" + "".join(opened(7, name, "O_WRONLY|O_CREAT, 0666") for name in names)
    # x1y has its number too; nobody would name a file for others like this, and it is gone.
    assert follow(log)[1] == {"job:trace write file:/srv/x.17"}


def test_what_a_program_starts_of_its_own_accord_is_its_doing() -> None:
    log = "".join(
        f'1 execve("/srv/{name}", ["{name}"], 0x7 /* 1 var */) = 0\n{opened(1, f"/etc/{name}.conf")}'
        for name in ("env", "own", "sh", "cat")
    )
    seen = Seen(("/tmp",))
    follower = Follower("/", seen, node="job:a")
    follower.feed(log.encode())
    assert {(one.kind, one.target, one.via) for one in seen.find_edges()} == {
        ("exec", "cmd:env", None),
        ("read", "file:/etc/env.conf", "env"),
        ("exec", "cmd:own", "env"),
        ("read", "file:/etc/own.conf", "own"),
        ("exec", "cmd:sh", "own"),
        ("read", "file:/etc/sh.conf", "own"),
        ("exec", "cmd:cat", "own"),
        ("read", "file:/etc/cat.conf", "own"),
    }


def test_many_files_of_many_folders_are_the_folder_above() -> None:
    log = "".join(opened(1, f"/srv/{one}/{two}") for one in range(150) for two in range(150))
    assert follow(log)[1] == {"job:trace read file:/srv"}


def test_a_fault_of_ours_does_not_end_the_program(environ: dict[str, str], tmp_path: Path) -> None:
    code = "import sys\nfrom agentkit.__main__ import main\n"
    code += (
        "from agentkit.depmap.tracing.processes import Follower\ndef fail(self, event):\n    raise ValueError('ours')\n"
    )
    code += "Follower._take = fail\nsys.exit(main())\n"
    words = ["depmap", "trace", "--", "sh", "-c", "cat /etc/hostname >a; sleep 0.3; cat a >b"]
    ended = subprocess.run(
        [sys.executable, "-c", code, *words], env=environ, cwd=tmp_path, capture_output=True, timeout=60, check=False
    )
    assert ended.returncode == 70, ended.stderr
    assert (tmp_path / "b").read_text()
