"""Does the real run-parts, Debian's and busybox's, list and run the files that we say, in that order?"""

import os
import random
import shlex
import shutil
import socket
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from agentkit.core.runparts import read_folder

LIMIT_S = 60
PROGRAMS = {"debian": "run-parts", "busybox": "busybox run-parts"}
# Files that are listed as they are executable, and that the kernel then does not run.
IN_VAIN = ("exec-format", "no-interpreter")

NAMES = (
    *("job", "0job", "UPPER", "a_b-c9", "--help", "-x", "dot.sh", ".hidden", "tilde~", "comma,", "v,v", "two words"),
    *("a.dpkg-old", "b-c.dpkg-dist", "_b-c.dpkg-new", "x-y.dpkg-tmp", "example.org-job", "_a-b", "a--b", "a-", "Ab-c"),
    *("é", "b\udce4", "x.bak", "#x#", "README", "job.rpmnew", "..x", "a.", "9", "_", "a+b", "(", "[", "tab\t", "$x"),
)
OPTIONS: dict[str, list[list[str]]] = {
    "debian": [
        *(
            [],
            ["--report"],
            ["--lsbsysinit"],
            ["--lsb"],
            ["--regex=^[a-z]"],
            ["--regex", "[.~]"],
            ["--reverse"],
            ["--"],
        ),
        *(["-a", "x", "-a", "--list"], ["--arg=x", "-u", "022"], ["-u022", "-v"], ["--new-session", "--exit-on-error"]),
        *(["--regex=a", "--lsbsysinit"], ["--lsbsysinit", "--regex=[[:upper:]_]"], ["--regex="], ["--regex=^.{2}$"]),
        *(["--rev", "--deb", "--std"], ["--random-sleep=5"], ["--re"], ["--nosuch"], ["-x"], ["-d"], ["--report=x"]),
        *(
            ["--regex=["],
            ["-u", "9"],
            ["-u", "0x1"],
            ["--umask="],
            ["other"],
            ["--", "other"],
            ["-v", "-"],
            ["--regex"],
        ),
        *(["--help"], ["-V"], ["--list"], ["-vV"], ["-vu", "7"], ["-vau"], ["-au"]),
    ],
    "busybox": [
        *([], ["--reverse"], ["-a", "x"], ["-ax"], ["--arg=x", "-u", "022"], ["--exit-on-error"], ["--rev"], ["--"]),
        *(["--report"], ["--lsbsysinit"], ["--regex=a"], ["-t"], ["-u", "9"], ["-u", "x"], ["other"], ["--a"]),
    ],
}


def _fill(folder: Path, choices: random.Random, log: Path, *, top: str) -> None:
    """Fill a folder with odd entries; a good script leaves its name in the log. `top` leads to this folder's parent."""
    folder.mkdir()
    leave = f"printf '%s\\n' \"${{0##*/}}\" >> {shlex.quote(str(log))}\n"
    contents = [f"#!/bin/sh\n{leave}"] * 6 + [f"#! /usr/bin/env sh\n{leave}", leave, f"\n{leave}"]
    contents += ["", f"#!/bin/sh\r\n{leave}", f"#!/no/such\n{leave}", f"#!\n{leave}", f"# a\n{leave}"]
    for name in choices.sample(NAMES, 22):
        path = folder / name
        kind = choices.randrange(16)
        if kind == 0:
            path.mkdir()
        elif kind == 1:
            os.mkfifo(path, 0o777)
        elif kind == 2:
            os.mknod(path, stat.S_IFCHR | 0o777, os.makedev(1, 3))
        elif kind == 3:
            path.symlink_to(choices.choice(["nowhere", "/nowhere", name, "job/x"]))
        elif kind == 4:
            path.symlink_to(choices.choice(["..", f"{top}/target", f"{top}/other", "../target", "job"]))
        else:
            path.write_text(choices.choice(contents))
            path.chmod(choices.choice([0o755] * 8 + [0o644, 0o100, 0o010, 0o001, 0o4755, 0, 0o444]))
    target = folder.parent / "target"
    target.write_text(f"#!/bin/sh\n{leave}")
    target.chmod(0o755)


def _run(words: Sequence[str], folder: str) -> list[str]:
    ended = subprocess.run(
        [*words, folder], capture_output=True, stdin=subprocess.DEVNULL, timeout=LIMIT_S, check=False, cwd="/"
    )
    rows = os.fsdecode(ended.stdout).split("\n")
    return [row.removeprefix(f"{folder}/") for row in rows if row.startswith(f"{folder}/")]


def _clean(name: str) -> str:
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


@pytest.mark.parametrize("flavour", PROGRAMS)
def test_run_parts_lists_what_we_say_links_of_that_machine_included(
    tmp_path: Path, random_choices: random.Random, flavour: str
) -> None:
    (tmp_path / "srv").mkdir()
    listed = 0
    for number in range(10):
        folder = tmp_path / f"srv/{number}"
        _fill(folder, random_choices, tmp_path / "log", top="/srv")
        for options in OPTIONS[flavour]:
            if "--exit-on-error" in options:
                continue  # what a listing ends at is not what a run ends at
            # The folder is /srv/… for both: for run-parts in a namespace, for us under the root folder.
            bind = f"mount --make-rprivate / && mount --bind {shlex.quote(str(tmp_path))}/srv /srv && exec "
            words = " ".join(map(shlex.quote, ["--test", *options]))
            theirs = _run(
                ["unshare", "--mount", "sh", "-c", f'{bind}{PROGRAMS[flavour]} {words} "$1"', "sh"], f"/srv/{number}"
            )
            if options[:1] in (["--help"], ["-V"], ["-vV"], ["--list"]):
                theirs = []  # these list something else
            parsed = read_folder(str(tmp_path), f"/srv/{number}", flavour=flavour, options=options)
            assert parsed.unreadable == []
            lines = [os.path.basename(line.file) for line in parsed.lines]
            refused = {*IN_VAIN, *(["not-regular"] if flavour == "busybox" else [])}
            in_vain = {os.path.basename(line.file) for line in parsed.dropped if line.code in refused}
            assert [name for name in map(_clean, theirs) if name not in in_vain] == lines, options
            assert {_clean(name) for name in theirs} - set(lines) <= in_vain, options
            listed += len(lines)
    assert listed > 300


@pytest.mark.parametrize("flavour", PROGRAMS)
def test_run_parts_runs_what_we_say_in_that_order(tmp_path: Path, random_choices: random.Random, flavour: str) -> None:
    ran = 0
    for number in range(15):
        place = tmp_path / str(number)
        place.mkdir()
        log, folder = place / "log", place / "folder"
        _fill(folder, random_choices, log, top=str(place))
        for options in OPTIONS[flavour]:
            if options == ["--list"]:
                continue  # with it busybox's larger builds list, too
            log.write_text("")
            program = PROGRAMS[flavour].split()
            _run([*program, *options], str(folder))
            parsed = read_folder("/", str(folder), flavour=flavour, options=options)
            said = [os.path.basename(line.file) for line in parsed.lines]
            if flavour == "busybox":
                # To a shell an empty file is a script that does nothing.
                said = [name for name in said if (folder / name).stat().st_size]
            seen = [_clean(name) for name in os.fsdecode(log.read_bytes()).split("\n")[:-1]]
            assert seen == said, options
            ran += len(said)
    assert ran > 300


def test_a_socket_is_run_by_neither(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        # A path of a socket has at most 107 bytes.
        os.chdir(folder)
        server.bind("sock")
        os.chmod("sock", 0o777)
    for flavour, program in PROGRAMS.items():
        assert shutil.which(program.split()[0])
        subprocess.run([*program.split(), str(folder)], capture_output=True, timeout=LIMIT_S, check=False)
        assert [line.code for line in read_folder("/", str(folder), flavour=flavour).dropped] == ["not-regular"]
