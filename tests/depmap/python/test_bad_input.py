"""Whatever a file holds, it is read as far as that goes, in bounded time, and said what of it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentkit.depmap.disk import Disk
from agentkit.depmap.edge import Edge
from agentkit.depmap.python.edges import map_program
from agentkit.depmap.python.program import read_program

LS = "import os\nos.system('ls')\n"
PYTHON_2 = "line 3: Missing parentheses in call to 'print'. Did you mean print(...)?"
# Name: (the bytes of the file, what is said of it, what is still found).
READ = {
    "crlf": (b"import os\r\nif 1:\r\n\tos.system('ls')\r\n", None, "cmd:ls"),
    "old Mac": (b"import os\ros.system('ls')\r", None, "cmd:ls"),
    "a byte order mark": (b"\xef\xbb\xbf" + LS.encode(), None, "cmd:ls"),
    "a cookie": ("# coding: latin-1\nopen('/é')\n".encode("latin-1"), None, "file:/é"),
    "a cookie of none": (b"# coding: nonesuch\nopen('/a')\n", "not in the encoding that it says", "file:/a"),
    "bytes of another encoding": (b"open('/a')\nx = '\xe9'\n", "not in the encoding that it says", "file:/a"),
    "Python 2": (f"{LS}print 'x'\n".encode(), f"not Python 3: {PYTHON_2}", "cmd:ls"),
    "Python 2 in a function": (f"{LS}def f():\n    print 'x'\n".encode(), "not Python 3: line 4", "cmd:ls"),
    "tabs and spaces": (f"{LS}if 1:\n\tf()\n        g()\n".encode(), "not Python 3: line 5", "cmd:ls"),
    "a null byte": (b"x = 1\n\0\n", "not Python 3: source code string cannot contain null bytes", None),
    "no text": (bytes(range(256)) * 50, "not Python 3", None),
    "nothing": (b"", None, None),
    "only a comment": (b"# nothing", None, None),
    "parentheses": (f"{LS}x = {'(' * 5000}{')' * 5000}".encode(), "not Python 3: line 3: too many nested", "cmd:ls"),
    "brackets": (f"x = {'[' * 90}{']' * 90}\n{LS}".encode(), None, "cmd:ls"),
    "a long sum": (f"{LS}x = {'+'.join(['a'] * 2000)}\n".encode(), None, "cmd:ls"),
    "a long chain": (f"{LS}x = a{'.b()' * 1000}\n".encode(), None, "cmd:ls"),
    "a long elif": ((LS + "if a: pass\n" + "elif a: f()\n" * 1000).encode(), None, "cmd:ls"),
    "a sum that nobody ends": (f"{LS}x = {'+'.join(['a'] * 90000)}\n".encode(), "nested too deep", None),
    "too long": (b"x = 1\n" * 400_000, "longer than 2 MiB: not read", None),
    "classes in a circle": (f"class A(B): pass\nclass B(A): pass\nA().x()\n{LS}".encode(), None, "cmd:ls"),
    "a function of itself": (f"def f(x): return f(f)(f(x))\nf(f)\n{LS}".encode(), None, "cmd:ls"),
    "a path that grows": (f"p = '/a'\nwhile p:\n    p = p + '/b'\n    open(p)\n{LS}".encode(), None, "cmd:ls"),
    "words that grow": (f"w = ['a']\nwhile w:\n    w = [*w, *w]\n    os.execv('/x', w)\n{LS}".encode(), None, "cmd:ls"),
    "letters of all kinds": (f"def é(): pass\né()\nopen('/\U0001f600')\n{LS}".encode(), None, "cmd:ls"),
    "half a letter": (f"open('/\\ud800')\n{LS}".encode(), None, "cmd:ls"),
}


def _map(path: Path | str) -> tuple[list[Edge], list[str]]:
    disk, said = Disk("/"), []
    return map_program(read_program([str(path)], disk, said.append), disk), said


@pytest.mark.parametrize("name", READ)
def test_a_file_is_read_as_far_as_that_goes(name: str, tmp_path: Path) -> None:
    content, told, wanted = READ[name]
    path = tmp_path / "x.py"
    path.write_bytes(content)
    edges, said = _map(path)
    assert len(said) == (told is not None)
    assert told is None or said[0].startswith(f"{path}: ")
    assert told is None or told in said[0]
    assert wanted is None or wanted in {edge.target for edge in edges}


def test_ten_thousand_functions_are_all_there(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    rows = [f"def f{n}(x=1):\n    os.system('df {n}')\n    return f{n * 7 % 10000}(x)\n" for n in range(10_000)]
    path.write_text("import os\n" + "".join(rows))
    edges, said = _map(path)
    assert not said
    assert sum(edge.rule == "call" for edge in edges) == 10_000
    assert sum(edge.target == "cmd:df" for edge in edges) == 10_000


def test_modules_that_import_each_other_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import b, a\ndef f(): b.g()\n")
    (tmp_path / "b.py").write_text("from a import *\nfrom a import f\ndef g(): f()\n")
    edges, said = _map(tmp_path / "a.py")
    assert not said
    calls = {(edge.source, edge.target) for edge in edges if edge.rule == "call"}
    assert calls == {("py:a:f", "py:b:g"), ("py:b:g", "py:a:f")}


def test_links_that_lead_nowhere_or_in_a_circle_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "around").symlink_to(".")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "real.py").write_text(f"import gone, loop, pipe\n{LS}")
    edges, said = _map(tmp_path)
    assert not said
    assert "cmd:ls" in {edge.target for edge in edges}


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    edges, said = _map(tmp_path / "none.py")
    assert said == [f"{tmp_path}/none.py: No such file or directory"]
    assert {edge.rule for edge in edges} <= {"module"}
