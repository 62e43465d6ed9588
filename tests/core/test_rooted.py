"""Does a path of another machine lead where it leads there, and never onto this one?"""

import errno
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.core.rooted import resolve

# The kernel is the judge: it changes its root folder and looks at every name.
CHROOTED = """
import json, os, sys
os.chroot(sys.argv[1])
os.chdir("/")
answers = []
for name in json.load(sys.stdin):
    row = []
    for look in (os.stat, os.lstat):
        try:
            row.append(look(name).st_ino)
        except OSError as error:
            row.append(-error.errno)
    answers.append(row)
print(json.dumps(answers))
"""
PARTS = ("a", "b", "c", "d", "..", ".", "")


def _look(root: str, name: str, *, follow_last: bool) -> int:
    try:
        path = resolve(root, name, follow_last=follow_last)
        assert path == root or path.startswith(root + "/"), path
        return (os.stat if follow_last else os.lstat)(path).st_ino
    except OSError as error:
        return -(error.errno or 0)


def _grow(folder: Path, choices: random.Random, depth: int) -> None:
    for name in "abcd":
        kind = choices.randrange(5)
        if kind == 0 and depth:
            (folder / name).mkdir()
            _grow(folder / name, choices, depth - 1)
        elif kind == 1:
            (folder / name).touch()
        elif kind > 1:
            target = "/".join(choices.choices(PARTS, k=choices.randrange(1, 5)))
            (folder / name).symlink_to(choices.choice(["", "/"]) + target or ".")


def test_every_name_leads_where_the_kernel_takes_it_in_that_root(tmp_path: Path, random_choices: random.Random) -> None:
    found = missing = loops = 0
    for number in range(20):
        root = tmp_path / str(number)
        root.mkdir()
        _grow(root, random_choices, 3)
        names = ["/" + "/".join(random_choices.choices(PARTS, k=random_choices.randrange(1, 6))) for _ in range(200)]
        ended = subprocess.run(
            [sys.executable, "-c", CHROOTED, str(root)],
            input=json.dumps(names),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        for name, (seen, seen_itself) in zip(names, json.loads(ended.stdout), strict=True):
            assert _look(str(root), name, follow_last=True) == seen, name
            assert _look(str(root), name, follow_last=False) == seen_itself, name
            found, missing, loops = found + (seen > 0), missing + (seen < 0), loops + (seen == -errno.ELOOP)
    assert min(found, missing, loops) > 0


def test_forty_links_are_followed_and_the_next_is_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "0").touch()
    for number in range(1, 42):
        (tmp_path / str(number)).symlink_to(f"/{number - 1}")
    assert resolve(str(tmp_path), "40") == str(tmp_path / "0")
    with pytest.raises(OSError, match=str(tmp_path / "41")) as raised:
        resolve(str(tmp_path), "/41")
    assert raised.value.errno == errno.ELOOP


def test_on_this_machine_the_name_is_only_joined() -> None:
    assert resolve("/", "etc/../no/such") == "/etc/../no/such"
    assert resolve("/", "/etc/crontab") == "/etc/crontab"
