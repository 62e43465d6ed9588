"""Whatever a proposer does, the person's tree is as it was, and the next one finds what the first one found."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.evolve.machine import JOB, Machine, copy_machine, judged_by_pytest
from tests.evolve.rooms import find_left, stay, write_python


@dataclass(frozen=True)
class Deed:
    """What a proposer does, in the words of a shell, and what the record says of it; "" is any reason."""

    script: str
    reason: str
    state: str = "no-evidence"
    limit: str = "90s"


# Only so many: where the bound does not hold, the machine has to.
CROWD = "n=0; while [ $n -lt 300 ]; do sleep 60 & n=$((n + 1)); done; wait"
BREAK = "sed -i s/saved/lost/ job.sh"
NOTHING = "the proposer changed nothing"
FULL, CROWDED, HUNGRY, LATE = (
    "the proposer wrote more than 24.0MiB", "the proposer had more than 60 processes",
    "the proposer used more than 128.0MiB of memory", "the proposer did not end within 2s",
)  # fmt: skip
# How to write ten million bytes, and C's own functions: those of Python hold more than they were given.
HIDE = """import ctypes, os, socket, threading, time
libc = ctypes.CDLL(None)
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
def fill(file):
    for n in range(10):
        os.write(file, os.urandom(1000000))"""
DEEDS = {
    "writes outside": Deed(
        """for path in {scripts}/job.sh {scripts}/new {person}/new {home}/new /etc/new /usr/new /opt/new /new
            do mkdir -p $(dirname $path); echo x > $path; done; echo x > /dev/new
            rm -rf {scripts} {home}/ledger* {home}/evolve/*.db; true""",
        NOTHING,
    ),
    "deletes its history": Deed("rm -rf .git", NOTHING),
    "deletes everything": Deed("rm -rf {person}/* ./* ./.* $HOME $TMPDIR ../*; true", ""),
    "leaves a daemon": Deed(
        write_python(
            "import os, time\n"
            "for _ in range(2):\n"
            "    if os.fork(): os._exit(0)\n"
            "    os.setsid()\n"
            "while True: time.sleep(0.1)"
        ),
        NOTHING,
    ),
    "fills the disk with one file": Deed("cat /dev/zero > big", FULL),
    "fills the disk with many files": Deed("n=0; while head -c 500000 /dev/zero > f$n; do n=$((n + 1)); done", FULL),
    "fills the disk with files without a name": Deed(
        "exec 3> a 4> b 5> c; rm a b c; for n in 3 4 5; do head -c 10000000 /dev/zero >&$n; done; sleep 60", FULL
    ),
    "fills the disk with files that are only mapped": Deed(
        write_python(
            f"{HIDE}\n"
            "for n in range(4):\n"
            "    file = os.open('f', os.O_RDWR | os.O_CREAT)\n"
            "    os.remove('f')\n"
            "    fill(file)\n"
            "    libc.mmap(None, 4096, 1, 1, file, 0)\n"
            "    os.close(file)\n"
            "time.sleep(60)"
        ),
        FULL,
    ),
    "fills the disk with files of one thread": Deed(
        write_python(
            f"{HIDE}\n"
            "def work():\n"
            "    libc.unshare(0x400) and os._exit(1)\n"
            "    for n in range(4):\n"
            "        file = os.open('f', os.O_RDWR | os.O_CREAT)\n"
            "        os.remove('f')\n"
            "        fill(file)\n"
            "    time.sleep(60)\n"
            "threading.Thread(target=work).start()"
        ),
        FULL,
    ),
    "fills the disk with files that are on their way": Deed(
        write_python(
            f"{HIDE}\n"
            "ends = socket.socketpair()\n"
            "for n in range(4):\n"
            "    file = os.open('f', os.O_RDWR | os.O_CREAT)\n"
            "    os.remove('f')\n"
            "    fill(file)\n"
            "    socket.send_fds(ends[0], [b'x'], [file])\n"
            "    os.close(file)\n"
            "time.sleep(60)"
        ),
        FULL,
    ),
    "makes a million files": Deed(write_python("for n in range(10**6): open(f'f{n}', 'w').close()"), FULL),
    "writes where no path leads": Deed("while mkdir d && cd d; do head -c 900000 /dev/zero > f; done", FULL),
    "eats memory": Deed(write_python("x = []\nwhile True: x.append(bytearray(b'x' * 500000))"), HUNGRY),
    "eats memory by many": Deed(
        "for n in 1 2 3 4; do head -c 60000000 /dev/zero | tail & done; wait; sleep 60", HUNGRY
    ),
    "eats memory without a process": Deed(
        write_python(
            "import os, time\n"
            "held = [os.memfd_create('x') for _ in range(20)]\n"
            "for one in held: os.write(one, bytes(10000000))\n"
            "time.sleep(60)"
        ),
        HUNGRY,
    ),
    "eats memory after its first thread": Deed(
        write_python(
            f"{HIDE}\n"
            "def work():\n"
            "    time.sleep(0.2)\n"
            "    held = [b'x' * 1000000 * (n // n) for n in range(1, 200)]\n"
            "    time.sleep(60)\n"
            "threading.Thread(target=work).start()\n"
            "libc.pthread_exit(None)"
        ),
        HUNGRY,
    ),
    "eats memory that is only mapped": Deed(
        write_python(
            f"{HIDE}\n"
            "for n in range(20):\n"
            "    file = os.memfd_create('x')\n"
            "    fill(file)\n"
            "    libc.mmap(None, 4096, 1, 1, file, 0)\n"
            "    os.close(file)\n"
            "time.sleep(60)"
        ),
        HUNGRY,
    ),
    "forks without end": Deed(CROWD, CROWDED),
    "never ends": Deed("trap '' TERM INT HUP; while :; do sleep 60; done", LATE, limit="2s"),
    "stops itself": Deed("kill -STOP $$", LATE, limit="2s"),
    "kills what it can": Deed("kill -9 1 $PPID; sleep 60", LATE, limit="2s"),
    "prints without end": Deed("yes 'words of no use to anybody' | head -c 1000000000", NOTHING),
    "closes its descriptors": Deed("exec 0<&- 1<&- 2<&-; exec sleep 0.1", NOTHING),
    "leaves what git cannot read": Deed(
        f"""{BREAK}; mkfifo pipe; mkdir closed; echo x > closed/file; chmod 000 closed README
            {sys.executable} -c "import socket; socket.socket(socket.AF_UNIX).bind('socket')"; true""",
        "",
        "rejected",
    ),
    "makes links that lead out": Deed(
        "rm job.sh; ln -s {scripts}/README job.sh; ln -s / all; ln -s {home} home", "", "rejected"
    ),
    "makes a repository in the repository": Deed(
        """mkdir inner; cd inner; git init -q
            git -c user.name=x -c user.email=x@example.org commit -q --allow-empty -m x""",
        "inner is a repository of its own; git would keep its name alone",
    ),
    "points its git elsewhere": Deed(
        "rm -rf .git; echo 'gitdir: {scripts}/.git' > .git; git update-ref refs/heads/main HEAD~1; git stash; true",
        NOTHING,
    ),
    "lets git run programs": Deed(
        """for file in .git/config $HOME/.gitconfig; do printf '[core]\n fsmonitor = touch {person}/new; true\n
            [filter "x"]\n clean = touch {person}/new; cat\n' >> $file; done
            mkdir -p .git/info .git/hooks; echo '* filter=x' > .git/info/attributes
            printf '#!/bin/sh\ntouch {person}/new\n' > .git/hooks/post-index-change; chmod +x .git/hooks/*; true""",
        NOTHING,
    ),
    "moves the marks of the judge": Deed(
        "git for-each-ref; git update-ref refs/agentkit/ratchet/heads/main HEAD; git tag v1; git branch other", NOTHING
    ),
    "edits the judge that pytest is": Deed(
        f"""echo 'def pytest_collection_modifyitems(items): items.clear()' > conftest.py; {BREAK}
            printf '[tool.agentkit.ratchet]\npytest = ["no.py"]\n' > pyproject.toml""",
        "",
        "rejected",
    ),
    "edits the judge": Deed(
        f"""{BREAK}; printf '#!/bin/sh\nexit 0\n' > tests/judge.sh
            printf '[ratchet]\ncommand = ["true"]\n' > agentkit.toml""",
        "",
        "rejected",
    ),
}
SETTINGS = """[evolve]
limit = "{limit}"
memory = "128MiB"
disk = "24MiB"
processes = 60
"""


@pytest.fixture(scope="module", autouse=True)
def holds(first_machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing below is done where the room does not hold: it would be done to this machine."""
    made = stay(copy_machine(first_machine, tmp_path_factory.mktemp("holds") / "machine"), "true").proposal
    assert made.is_isolated


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=judged_by_pytest if "pytest" in name else ()) for name in DEEDS]
)
def test_a_hostile_proposer_harms_nobody(machine: Machine, name: str) -> None:
    deed = DEEDS[name]
    machine.configure(SETTINGS.format(limit=deed.limit))
    (machine.scripts / "job.sh").write_text(f"{JOB}# not committed\n")
    machine.write({"README": "staged\n", "untracked": "mine\n"})
    machine.git("add", "README")
    before, refs = machine.look(), list_refs(machine)
    kept = {path.name for path in machine.folder.iterdir()}
    words = {"scripts": machine.scripts, "person": machine.folder, "home": machine.home}
    script = deed.script
    for word, path in words.items():
        script = script.replace(f"{{{word}}}", str(path))
    status, [record] = machine.ask("try", "--propose", script)
    left = find_left(str(record["id"]))
    assert machine.look() == before
    assert [row for row in list_refs(machine) if str(record["id"]) not in row] == refs
    assert {path.name for path in machine.folder.iterdir()} == kept
    assert not any(Path(path).exists() for path in ("/new", "/etc/new", "/usr/new", "/opt/new", "/dev/new"))
    assert left == []
    assert record["isolated"] is True
    if deed.reason:
        assert (record["state"], record["reason"]) == (deed.state, deed.reason)
    assert record["kept"] is False
    assert status != 0
    # What comes next in the same stall finds nothing of it, and is as free as it was.
    check = "cat job.sh README > $TMPDIR/x; ls -A $HOME; git status --porcelain; git stash list; git tag; git branch"
    status, [record] = machine.ask(
        "try", "--propose", f"{check} > $HOME/got 2>&1; test \"$(cat $HOME/got)\" = '* main'"
    )
    assert (status, record["reason"]) == (65, NOTHING)
    assert machine.look() == before


def list_refs(machine: Machine) -> list[str]:
    """Return every ref but the one by which the ratchet keeps its verdicts."""
    rows = machine.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return [row for row in rows if not row.startswith("refs/agentkit/verdicts ")]
