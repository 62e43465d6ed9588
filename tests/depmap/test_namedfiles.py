"""What is mapped of files and folders that a person names, good ones and bad ones?"""

import os
from pathlib import Path

import pytest

from agentkit.depmap.calls import Script
from agentkit.depmap.mapping import describe_gaps
from tests.conftest import Run
from tests.depmap.machines import lay_out
from tests.heartbeat.answers import read_records

SCRIPT = "#!/bin/sh\nstatus() { curl -s http://localhost:8080/; }\nstatus | grep ok\n"


def _triples(text: str) -> set[tuple[str, str, str]]:
    return {(str(edge["from"]), str(edge["edge"]), str(edge["to"])) for edge in read_records(text, "edge")}


def test_a_script_is_mapped_for_itself_with_line_and_function(tmp_path: Path, agentkit: Run) -> None:
    path = tmp_path / "check"
    path.write_text(SCRIPT)
    ended = agentkit("depmap", "edges", "--json", str(path))
    assert (ended.returncode, ended.stderr) == (0, "")
    top, status = f"file:{path}", f"func:{path}#status"
    assert _triples(ended.stdout) == {
        (top, "call", status),
        (top, "exec", "cmd:grep"),
        (status, "exec", "cmd:curl"),
        (status, "connect", "port:tcp/8080"),
    }
    [curl] = [edge for edge in read_records(ended.stdout, "edge") if edge["to"] == "cmd:curl"]
    assert (curl["file"], curl["line"], curl["function"]) == (str(path), 2, "status")


def test_a_folder_is_mapped_whole_and_what_is_sourced_as_a_part_of_who_sources_it(
    tmp_path: Path, agentkit: Run
) -> None:
    lay_out(
        tmp_path / "repo",
        {
            "bin/deploy": '#!/bin/bash\n. "$(dirname "$0")/../lib/log.sh"\nlog hello\n',
            "lib/log.sh": 'log() { logger "$1"; own_helper; }\nown_helper() { date; }\n',
            "lib/left.sh": "left() { uptime; }\n",
            "README.md": "curl\n",
            "app.py": "#!/usr/bin/env python3\n",
            "site.service": "[Service]\nExecStart=/bin/sh -c 'exec nginx -g x'\n",
            "cron.d/site": "* * * * * root bin/deploy\n",
        },
    )
    ended = agentkit("depmap", "edges", "--json", str(tmp_path / "repo"))
    repo = tmp_path / "repo"
    found = _triples(ended.stdout)
    assert {
        (f"file:{repo}/bin/deploy", "source", f"file:{repo}/lib/log.sh"),
        (f"file:{repo}/bin/deploy", "call", f"func:{repo}/lib/log.sh#log"),
        (f"func:{repo}/lib/log.sh#log", "exec", "cmd:logger"),
        (f"func:{repo}/lib/log.sh#own_helper", "exec", "cmd:date"),
        (f"func:{repo}/lib/left.sh#left", "exec", "cmd:uptime"),
        ("unit:site.service", "exec", "cmd:/bin/sh"),
        ("unit:site.service", "exec", "cmd:nginx"),
        (f"job:{repo}/cron.d/site#1", "exec", "cmd:bin/deploy"),
    } <= found
    assert not [edge for edge in found if "README" in edge[0] or edge[2] == "cmd:own_helper"]


def test_a_folder_with_etc_is_a_machine_and_paths_are_those_inside_it(tmp_path: Path, agentkit: Run) -> None:
    root = lay_out(
        tmp_path / "disk",
        {
            "etc/cron.d/a": "* * * * * root /usr/local/bin/check\n",
            "usr/local/bin/check": "#!/bin/sh\ntool\n",
            "usr/bin/tool.real": "\x7fELF",
        },
    )
    (root / "usr/bin/tool").symlink_to("/usr/bin/tool.real")
    (root / "usr/bin/tool.real").chmod(0o755)
    edges = read_records(agentkit("depmap", "edges", "--json", str(root)).stdout, "edge")
    assert {(edge["from"], edge["to"], edge["path"]) for edge in edges if edge["edge"] == "exec"} == {
        ("job:/etc/cron.d/a#1", "cmd:/usr/local/bin/check", "/usr/local/bin/check"),
        ("file:/usr/local/bin/check", "cmd:tool", "/usr/bin/tool.real"),
    }


def _make_big(path: Path) -> None:
    with path.open("w") as file:
        file.write("#!/bin/sh\ncurl one\n" + "# a long comment\n" * 200_000)


BAD = {
    "binary": (lambda path: path.write_bytes(b"#!/bin/sh\n" + bytes(range(256)) * 20), "not a script", 65),
    "another language": (lambda path: path.write_text("#!/usr/bin/perl\nuse strict;\n"), "not a script", 65),
    "missing": (lambda _: None, "No such file or directory", 65),
    "Python 2": (
        lambda path: path.write_text("#!/usr/bin/python\nimport os\nprint 'x'\n"),
        "not Python 3: line 3: Missing parentheses",
        65,
    ),
    "loop": (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links", 65),
    "fifo": (os.mkfifo, "not a plain file", 65),
    "broken": (lambda path: path.write_text("#!/bin/sh\necho $(curl\n"), "partly parsed", 0),
    "too long": (_make_big, "only the first 2 MiB are read", 0),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told_in_one_line_and_the_others_are_mapped(name: str, tmp_path: Path, agentkit: Run) -> None:
    make, said, status = BAD[name]
    bad, good = tmp_path / "bad", tmp_path / "good"
    make(bad)
    good.write_text(SCRIPT)
    ended = agentkit("depmap", "edges", "--json", str(bad), str(good))
    assert ended.returncode == status
    assert ended.stderr.startswith(f"agentkit: warning: {bad}: {said}")
    assert ended.stderr.count("\n") == 1
    assert (f"func:{good}#status", "exec", "cmd:curl") in _triples(ended.stdout)


def test_a_loop_of_links_and_of_sources_ends(tmp_path: Path, agentkit: Run) -> None:
    folder = tmp_path / "round"
    lay_out(folder, {"a.sh": "#!/bin/sh\n. ./b.sh\none\n", "b.sh": "#!/bin/sh\n. ./a.sh\ntwo\n"})
    (folder / "self").symlink_to(".")
    found = _triples(agentkit("depmap", "edges", "--json", str(folder)).stdout)
    assert {("exec", "cmd:one"), ("exec", "cmd:two")} <= {edge[1:] for edge in found}


def test_a_crontab_in_latin_1_and_a_unit_of_nonsense_are_told_with_their_line(tmp_path: Path, agentkit: Run) -> None:
    lay_out(
        tmp_path / "odd",
        {
            "cron.d/latin": "* * * * * root /usr/bin/caf\udce9 x\n".encode(errors="surrogateescape"),
            "odd.service": b"[Service\nExecStart=\xff\n[[[\n",
            "cron.d/bad": "* 99 * * * root x\n",
        },
    )
    ended = agentkit("depmap", "edges", "--json", str(tmp_path / "odd"))
    assert (f"job:{tmp_path}/odd/cron.d/latin#1", "exec") in {edge[:2] for edge in _triples(ended.stdout)}
    assert f"{tmp_path}/odd/cron.d/bad:1: cron does not run this line" in ended.stderr
    assert f"{tmp_path}/odd/odd.service: line 1" in ended.stderr


def test_a_line_that_could_not_be_read_is_named_once() -> None:
    script = Script("/x", gaps=((7, 7), (8, 8), (8, 8), (9, 11)), is_whole=False)
    assert describe_gaps(script, b"") == "partly parsed: line 7, line 8, lines 9 to 11"


def test_a_module_that_is_called_like_a_crontab_is_python(tmp_path: Path, agentkit: Run) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "crontab.py").write_text('"""What?"""\nimport os\n')
    ended = agentkit("depmap", "edges", "--json", str(tmp_path / "pkg"))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert '"py:os"' in ended.stdout


def test_a_compiled_module_that_is_called_like_a_crontab_is_none(tmp_path: Path, agentkit: Run) -> None:
    cache = tmp_path / "pkg" / "__pycache__"
    cache.mkdir(parents=True)
    (cache / "crontab.cpython-311.pyc").write_bytes(b"\xa7\r\r\n\0\0\0\0")
    (tmp_path / "pkg" / "crontab.bin").write_bytes(b"\xa7\r\r\n\0\0\0\0")
    ended = agentkit("depmap", "edges", "--json", str(tmp_path / "pkg"))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
