import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import jsonschema
import pytest

from agentkit.core.schemas import read_schema
from agentkit.depmap.edge import SEEN, Edge
from agentkit.depmap.tracing.comparing import Known
from agentkit.depmap.tracing.missing import find_needed
from agentkit.depmap.tracing.verifypage import Recall
from tests.depmap.tracing.traced import PATH, Run, read_seen, write_script

OWN_PATH = {"PATH": PATH}
TraceFunction = Callable[[FrameType, str, Any], Any]


def map_and_trace(agentkit: Run, folder: Path, text: str, *words: str) -> None:
    scripts = folder / "scripts"
    scripts.mkdir(exist_ok=True)
    write_script(scripts / "run", text)
    assert agentkit("depmap", "build", "--quiet", str(scripts), more=OWN_PATH).returncode == 0
    ended = agentkit("depmap", "trace", "--", str(scripts / "run"), *words, cwd=folder, more=OWN_PATH)
    assert ended.returncode == 0, ended.stderr


def read_misses(agentkit: Run, folder: Path, *words: str) -> dict[str, str]:
    """Return {`FROM KIND TO`: what would be needed} of each miss, and hold the records to their schemas."""
    ended = agentkit("depmap", "verify", "--json", *words, more=OWN_PATH, cwd=folder)
    *edges, recall = [json.loads(line) for line in ended.stdout.splitlines()]
    for record in (*edges, recall):
        jsonschema.validate(record, read_schema(record["kind"]))
    assert recall["kind"] == "recall"
    assert recall["seen"] - recall["found"] == len(edges)
    assert sum(one["seen"] for one in recall["kinds"].values()) == recall["seen"]
    assert ended.returncode == (1 if edges else 0)
    return {
        f"{one['from']} {one['edge']} {one['to']}".replace(f"{folder}/", ""): one["needed"].replace(f"{folder}/", "")
        for one in edges
    }


def test_a_script_that_says_what_it_does_is_known_whole(agentkit: Run, tmp_path: Path) -> None:
    (tmp_path / "lib.sh").write_text('copy() { cp /etc/hostname "$1"; }\n')
    text = f"#!/bin/bash\n. {tmp_path}/lib.sh\nmain() {{ copy {tmp_path}/copy; env LC_ALL=C wc -l </etc/hostname; }}\n"
    map_and_trace(agentkit, tmp_path, f"{text}main >{tmp_path}/count\nflock {tmp_path}/lock true\n")
    ended = agentkit("depmap", "verify", more=OWN_PATH)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert re.search(r"^all +\d+ +\d+ +100%$", ended.stdout, re.MULTILINE), ended.stdout
    assert "missed" not in ended.stdout


def test_an_eval_is_missed_and_named(agentkit: Run, tmp_path: Path) -> None:
    map_and_trace(agentkit, tmp_path, '#!/bin/sh\ndate\neval "$1"\n', "wc -l /etc/hostname")
    assert read_misses(agentkit, tmp_path) == {
        "file:scripts/run exec cmd:wc": "eval of a text that is not known (run:3)",
        "file:scripts/run read file:/etc/hostname": "eval of a text that is not known (run:3)",
    }
    shown = agentkit("depmap", "verify", more=OWN_PATH).stdout
    assert re.search(r"^exec +2 +1 +50.0%$", shown, re.MULTILINE), shown
    assert re.search(r"^2 missed$", shown, re.MULTILINE), shown


def test_a_name_that_a_program_prints_is_missed_and_named(agentkit: Run, tmp_path: Path) -> None:
    map_and_trace(agentkit, tmp_path, "#!/bin/sh\ntool=$(cat /etc/hostname >/dev/null; echo id)\n$tool -u\n")
    [(miss, needed)] = read_misses(agentkit, tmp_path).items()
    assert miss == "file:scripts/run exec cmd:id"
    assert needed == "the value of the variable is not known (run:3)"


def test_a_name_relative_to_who_knows_where_is_missed_and_named(agentkit: Run, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("1\n")
    map_and_trace(agentkit, tmp_path, "#!/bin/sh\n# data\ncat data >sub.txt\n")
    told = "a name relative to where it is started (run:3)"
    assert read_misses(agentkit, tmp_path) == {
        "file:scripts/run read file:data": told,
        "file:scripts/run write file:sub.txt": told,
    }


def test_what_a_program_does_by_itself_is_to_be_declared(agentkit: Run, tmp_path: Path) -> None:
    map_and_trace(agentkit, tmp_path, '#!/bin/sh\nperl -e \'open(F, "/etc/hostname"); system("id -u")\'\n')
    misses = read_misses(agentkit, tmp_path)
    assert misses.keys() == {"file:scripts/run exec cmd:id", "file:scripts/run read file:/etc/hostname"}
    map_and_trace(agentkit, tmp_path, f"#!/bin/sh\ngit init --quiet {tmp_path}/made\n")
    assert read_misses(agentkit, tmp_path)["file:scripts/run write file:made"] == (
        "what git does by itself is in no script: declare it"
    )


def test_what_a_program_does_by_itself_is_left_out_of_the_last_line_and_can_be_declared(
    agentkit: Run, home: Path, tmp_path: Path
) -> None:
    text = f"#!/bin/sh\nwc -l /etc/hostname\ngit init --quiet {tmp_path}/made\n"
    map_and_trace(agentkit, tmp_path, text)
    shown = agentkit("depmap", "verify", more=OWN_PATH).stdout
    assert re.search(r"^all that a text tells +(\d+) +\1 +100%$", shown, re.MULTILINE), shown
    assert set(read_misses(agentkit, tmp_path).values()) == {"what git does by itself is in no script: declare it"}
    declared = f'[[depmap.declare]]\nfrom = "cmd:git"\nto = "file:{tmp_path}/made"\nedge = "write"\n'
    (home / "agentkit.toml").write_text(declared)
    (home / "agentkit.toml").chmod(0o600)
    assert {miss for miss in read_misses(agentkit, tmp_path) if "made" in miss} == set()


def test_the_shell_of_a_wrapper_is_no_miss(agentkit: Run, tmp_path: Path) -> None:
    map_and_trace(agentkit, tmp_path, f"#!/bin/sh\nflock {tmp_path}/lock -c 'id -u'\n")
    assert "id -u" not in str(read_misses(agentkit, tmp_path))
    assert "file:scripts/run exec cmd:sh" not in read_misses(agentkit, tmp_path)


def test_functions_and_modules_of_python_are_looked_at_and_what_is_computed_is_named(
    agentkit: Run, tmp_path: Path
) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "part.py").write_text(
        f"import os\n\n\nclass Work:\n    def go(self):\n        os.system('wc -l /etc/hostname >{tmp_path}/count')\n"
    )
    text = f"#!{sys.executable}\nimport subprocess, sys\nfrom part import Work\n\nWork().go()\n"
    map_and_trace(agentkit, tmp_path, f"{text}subprocess.run(sys.argv[1:], check=True)\n", "id", "-u")
    [(miss, needed)] = read_misses(agentkit, tmp_path).items()
    assert miss == "file:scripts/run exec cmd:id"
    assert "(run:6)" in needed


def test_a_script_that_was_not_mapped_says_which_folder_to_build(agentkit: Run, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    write_script(tmp_path / "other" / "inner", "#!/bin/sh\nwc -l /etc/hostname\n")
    write_script(tmp_path / "other" / "inner.py", f"#!{sys.executable}\nopen('/etc/hostname')\n")
    write_script(tmp_path / "other" / "inner.pl", "#!/usr/bin/perl\nopen(F, '/etc/hostname');\n")
    map_and_trace(agentkit, tmp_path, '#!/bin/sh\nfor name in inner inner.py inner.pl; do "$1/$name"; done\n', "other")
    misses = read_misses(agentkit, tmp_path)
    assert misses["file:other/inner exec cmd:wc"] == "a script that is not mapped: agentkit depmap build other"
    assert misses["file:other/inner.pl read file:/etc/hostname"].startswith("a script that depmap does not read (perl)")
    assert "agentkit depmap build other" in misses["file:other/inner.py read file:/etc/hostname"]


def test_a_program_is_traced_now_and_nothing_of_it_is_kept(agentkit: Run, tmp_path: Path) -> None:
    map_and_trace(agentkit, tmp_path, "#!/bin/sh\ntrue\n")
    before = read_seen(agentkit, tmp_path)
    write_script(tmp_path / "scripts" / "run", "#!/bin/sh\necho its output\nid -u\nexit 3\n")
    ended = agentkit("depmap", "verify", "--json", "--", str(tmp_path / "scripts" / "run"), more=OWN_PATH)
    assert ended.returncode == 1
    assert [json.loads(line)["kind"] for line in ended.stdout.splitlines()] == ["edge", "recall"]
    assert "its output" in ended.stderr
    assert "ended with status 3" in ended.stderr
    assert read_seen(agentkit, tmp_path) == before


def test_without_a_build_or_a_trace_it_says_what_to_do(agentkit: Run, tmp_path: Path) -> None:
    ended = agentkit("depmap", "verify")
    assert (ended.returncode, "agentkit depmap build" in ended.stderr) == (69, True)
    agentkit("depmap", "trace", "--", "date", more=OWN_PATH)
    ended = agentkit("depmap", "verify")
    assert (ended.returncode, "agentkit depmap build" in ended.stderr) == (69, True)
    agentkit("depmap", "trace", "--forget", "all")
    agentkit("depmap", "build", "--quiet")
    ended = agentkit("depmap", "verify")
    assert (ended.returncode, "agentkit depmap trace" in ended.stderr) == (69, True)


def seen(source: str, kind: str, target: str, *, via: str | None = None, path: str | None = None) -> Edge:
    return Edge(source, target, kind, "/x", None, "trace", how=SEEN, via=via, path=path)


def static(source: str, kind: str, target: str, *, file: str = "/x", path: str | None = None) -> Edge:
    return Edge(source, target, kind, file, 1, "test", path=path)


MAP = [
    static("file:/x", "exec", "cmd:curl", path="/opt/curl"),
    static("file:/x", "exec", "cmd:lost"),
    static("file:/x", "source", "file:/lib.sh"),
    static("func:/lib.sh#log", "write", "file:/var/log/x", file="/lib.sh"),
    static("func:/x#ask", "connect", "port:tcp/db.example:5432"),
    static("func:/x#ask", "connect", "port:tcp/10.0.0.1:80"),
    static("func:/x#ask", "connect", "port:tcp/80"),
    static("file:/x", "call", "py:x"),
    static("py:x", "call", "py:y:C.run", file="/y.py"),
    static("py:y:C.run", "exec", "cmd:git", file="/y.py", path="/usr/bin/git"),
    static("py:z:f", "exec", "cmd:make", file="/z.py", path="/usr/bin/make"),
    static("file:/x", "check", "file:/etc/asked"),
    static("file:/x", "write", "file:/srv/backup/day"),
    static("cmd:psql", "connect", "file:/run/pg", file="/etc/pg"),
    static("job:a", "read", "file:/etc/a", file="/etc/crontab"),
]


FOUND = (
    "file:/x exec cmd:curl /opt/curl",
    "file:/x exec cmd:other-name /opt/curl",
    "file:/x exec cmd:lost /opt/lost",
    "file:/x write file:/var/log/x",
    "file:/x read file:/var/log/x",
    "file:/x connect port:tcp/10.1.1.1:5432",
    "file:/x connect port:tcp/10.0.0.1:80",
    "file:/x connect port:tcp/80",
    "file:/x exec cmd:git /usr/bin/git",
    "py:x exec cmd:git /usr/bin/git",
    "py:z exec cmd:make /usr/bin/make",
    "file:/z.py exec cmd:make /usr/bin/make",
    "file:/x write file:/srv/backup",
    "file:/x write file:/srv/backup/day/one",
    "job:a read file:/etc/a",
)
MISSED = (
    "file:/x exec cmd:curl /usr/bin/curl",
    "file:/x connect port:tcp/10.1.1.1:5433",
    "file:/x connect port:tcp/10.0.0.2:80",
    "file:/x read file:/etc/asked",
    "file:/x write file:/srv/backup/daylight",
    "file:/x connect file:/run/pg",
    "job:b read file:/etc/a",
    "file:/y.py read file:/etc/a",
)


@pytest.mark.parametrize("text", [*FOUND, *MISSED])
def test_what_was_seen_is_looked_for_in_all_that_belongs_to_its_source(text: str) -> None:
    source, kind, target, *path = text.split()
    edge = seen(source, kind, target, path=path[0] if path else None)
    assert (Known(MAP).judge(edge).found is not None) == (text in FOUND)


def test_what_a_program_does_is_looked_for_in_what_the_map_has_from_the_program() -> None:
    by_psql = seen("file:/x", "connect", "file:/run/pg", via="psql")
    assert Known(MAP).judge(by_psql).found == MAP[-2]


def test_a_link_and_what_it_leads_to_are_one(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to("real")
    known = Known([static(f"file:{tmp_path}/link", "read", f"file:{tmp_path}/link", file=f"{tmp_path}/link")])
    assert known.judge(seen(f"file:{tmp_path}/real", "read", f"file:{tmp_path}/real")).found is not None


def test_nearly_all_is_never_told_as_all() -> None:
    assert [Recall(1000, 1000).told(), Recall(10000, 9999).told(), Recall(3, 0).told()] == ["100%", "99.9%", "0.0%"]


def count_lines(count: int) -> int:
    """Return how many lines of Python are run to judge twice `count` edges, of which the map has every other one."""
    known = Known([static("file:/x", "read", f"file:/data{count}/{number}/told") for number in range(count)])
    wanted = [
        seen("file:/x", "read", f"file:/data{count}/{number}/{name}")
        for number in range(count)
        for name in ("told", "new")
    ]
    lines = 0

    def follow(_frame: FrameType, event: str, _argument: object) -> TraceFunction:
        nonlocal lines
        lines += event == "line"
        return follow

    before = sys.gettrace()
    sys.settrace(follow)
    try:
        judged = [known.judge(edge) for edge in wanted]
        needed = [find_needed(one).text for one in judged if one.found is None]
    finally:
        sys.settrace(before)
    assert all((one.found is None) == one.seen.target.endswith("new") for one in judged)
    assert len(needed) == count
    assert all(text.startswith("a rule") for text in needed)
    return lines


def test_of_many_things_each_is_looked_up_and_not_searched_for() -> None:
    # Four times as much to do, and not sixteen times.
    assert count_lines(800) < 6 * count_lines(200)
