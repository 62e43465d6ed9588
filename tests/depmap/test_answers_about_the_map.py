import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from agentkit.core.errors import Exit
from agentkit.depmap.building import build
from agentkit.depmap.document import Defined, Document, Mapped
from agentkit.depmap.opening import find_map
from tests.depmap.maps import edge, make_map, records, values

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SCRIPT = "/opt/run.sh"
EDGES = [
    edge("job:night", "cmd:run.sh", "exec", path=SCRIPT, file="/etc/crontab", line=3),
    edge(f"file:{SCRIPT}", f"func:{SCRIPT}#used", "call", file=SCRIPT, line=9),
    edge(f"func:{SCRIPT}#again", f"func:{SCRIPT}#again", "call", file=SCRIPT, line=5),
    edge("unit:b.service", "unit:ordered.service", "after"),
    edge("unit:multi-user.target", "unit:b.service", "wants"),
    edge("unit:multi-user.target", "unit:made@one.service", "wants"),
    edge("unit:b.timer", "unit:timed.service", "triggers"),
    edge(f"func:{SCRIPT}#used", "unknown:$x", "unknown", file=SCRIPT, line=2),
]
UNITS = ("b.service", "ordered.service", "timed.service", "x.target", "made@.service", "unmade@.service")
DEFINED = [
    *(Defined(f"func:{SCRIPT}#{name}", SCRIPT, line) for name, line in (("used", 1), ("again", 4), ("never", 7))),
    *(Defined(f"file:{path}", path) for path in (SCRIPT, "/opt/lonely.sh")),
    *(Defined(f"unit:{name}", f"/lib/{name}") for name in UNITS),
]
# JSON Graph Format, version 2: https://jsongraphformat.info/v2.0/json-graph-schema.json, the part for one graph.
GRAPH_SCHEMA = {
    "type": "object",
    "required": ["graph"],
    "additionalProperties": False,
    "properties": {
        "graph": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "id": {"type": "string"},
                "label": {"type": "string"},
                "directed": {"type": ["boolean"]},
                "type": {"type": "string"},
                "metadata": {"type": ["object"]},
                "nodes": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {"label": {"type": "string"}, "metadata": {"type": "object"}},
                    },
                },
                "edges": {
                    "type": ["array"],
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["source", "target"],
                        "properties": {
                            "id": {"type": "string"},
                            "source": {"type": "string"},
                            "target": {"type": "string"},
                            "relation": {"type": "string"},
                            "directed": {"type": ["boolean"]},
                            "label": {"type": "string"},
                            "metadata": {"type": ["object"]},
                        },
                    },
                },
            },
        }
    },
}
NASTY = [
    'a"b',
    "a\\",
    'a\\"b',
    "a\\nb",
    "a]b[c",
    "x|y>z<",
    "end",
    "a#35;b",
    "ä€😀",
    "a;b--%%c",
    "tab\there",
    "{a}(b)",
    "&amp;",
    "`x`",
]


@pytest.fixture
def whole(own_environ: dict[str, str]) -> dict[str, str]:
    make_map(own_environ, EDGES, DEFINED)
    return own_environ


def test_orphans_are_what_is_defined_and_nothing_uses(whole: dict[str, str], agentkit: Run) -> None:
    found = records(agentkit("depmap", "orphans", "--json"))
    assert values(found, "node", "file", "line") == [
        ("unit:ordered.service", "/lib/ordered.service", None),
        ("unit:unmade@.service", "/lib/unmade@.service", None),
        ("file:/opt/lonely.sh", "/opt/lonely.sh", None),
        (f"func:{SCRIPT}#again", SCRIPT, 4),
        (f"func:{SCRIPT}#never", SCRIPT, 7),
    ]
    assert values(records(agentkit("depmap", "orphans", "--json", "--kind", "unit")), "node") == [
        "unit:ordered.service",
        "unit:unmade@.service",
    ]
    assert f"func:{SCRIPT}#never" in agentkit("depmap", "orphans").stdout


def test_unknown_lists_each_with_its_reason_and_counts_them(whole: dict[str, str], agentkit: Run) -> None:
    [found] = records(agentkit("depmap", "unknown", "--json"))
    assert values([found], "to", "reason", "line") == [("unknown:$x", "eval", 2)]
    shown = agentkit("depmap", "unknown").stdout.splitlines()
    assert shown[1].split() == [f"{SCRIPT}:2", "used()", "$x", "eval"]
    assert shown[-1] == "1 not resolved: 1 eval"


def test_show_tells_names_places_and_both_directions(whole: dict[str, str], agentkit: Run) -> None:
    found = records(agentkit("depmap", "show", "--json", "run.sh"))
    assert values(found, "from", "to", "path") == [
        ("job:night", "cmd:run.sh", SCRIPT),
        (f"file:{SCRIPT}", f"func:{SCRIPT}#used", None),
    ]
    shown = agentkit("depmap", "show", "run.sh").stdout
    assert f"file:{SCRIPT}\n  names    cmd:run.sh, file:{SCRIPT}\n  path     {SCRIPT}\n  defined  {SCRIPT}\n" in shown
    assert re.search(rf"^leads to$.*func:{SCRIPT}#used.*^is led to$.*job:night", shown, re.DOTALL | re.MULTILINE)
    assert agentkit("depmap", "show", "x.target").stdout.endswith("leads to: nothing\n\nis led to: nothing\n")


def test_edges_are_printed_as_they_were_written(whole: dict[str, str], agentkit: Run) -> None:
    found = records(agentkit("depmap", "edges", "--json"))
    assert len(found) == len(EDGES)
    assert {(one["from"], one["to"]) for one in found} == {(one.source, one.target) for one in EDGES}
    assert len(agentkit("depmap", "edges").stdout.splitlines()) == len(EDGES) + 1


def test_a_script_whose_function_reads_the_script_itself_is_no_cycle(
    agentkit: Run, own_environ: dict[str, str]
) -> None:
    make_map(
        own_environ,
        [
            edge("file:/bin/x", "func:/bin/x#usage", "call", file="/bin/x"),
            edge("func:/bin/x#usage", "file:/bin/x", "read", file="/bin/x"),
            edge("func:/bin/x#usage", "cmd:x", "check", path="/bin/x", file="/bin/x"),
        ],
    )
    assert agentkit("depmap", "cycles").stdout == "no cycle\n"
    assert "func:/bin/x#usage" not in agentkit("depmap", "blast", "file:/bin/x").stdout


def test_a_cycle_is_told_with_a_shortest_loop_and_one_that_calls_itself_is_none(
    own_environ: dict[str, str], agentkit: Run
) -> None:
    ring = [edge("unit:a", "unit:b"), edge("unit:b", "unit:c"), edge("unit:c", "unit:a"), edge("unit:c", "unit:b")]
    make_map(own_environ, [*ring, edge("func:x#f", "func:x#f", "call"), edge("unit:d", "unit:a")])
    [found] = records(agentkit("depmap", "cycles", "--json"))
    assert found["nodes"] == ["unit:a", "unit:b", "unit:c"]
    assert values(found["steps"], "from", "to") == [("unit:a", "unit:b"), ("unit:b", "unit:c"), ("unit:c", "unit:a")]  # type: ignore[arg-type]
    shown = agentkit("depmap", "cycles").stdout
    assert shown.endswith("\n1 cycle, 3 things in it; the largest has 3, and shown of each is a shortest loop\n")


def test_spof_names_what_all_ways_go_through(own_environ: dict[str, str], agentkit: Run) -> None:
    diamond = [edge("job:a", "cmd:b"), edge("job:a", "cmd:c"), edge("cmd:b", "cmd:d"), edge("cmd:c", "cmd:d")]
    make_map(own_environ, [*diamond, edge("cmd:d", "cmd:e"), edge("cmd:d", "cmd:f"), edge("job:z", "cmd:f")])
    found = records(agentkit("depmap", "spof", "--json"))
    assert values(found, "node", "count", "behind") == [("cmd:d", 1, ["cmd:e"])]
    found = records(agentkit("depmap", "spof", "--json", "--entry", "job:a"))
    assert values(found, "node", "count", "behind") == [("cmd:d", 2, ["cmd:e", "cmd:f"])]
    assert agentkit("depmap", "spof").stdout.splitlines()[1].split() == ["1", "cmd:d", "cmd:e"]
    make_map(own_environ, [edge("job:a", "cmd:b")])
    assert agentkit("depmap", "spof").stderr == "agentkit: nothing is on every way from an entry to something else\n"


def test_diff_names_what_came_and_what_went_between_two_instants(
    own_environ: dict[str, str], agentkit: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    for hours, name, line in ((3, "old", 1), (1, "new", 9)):
        with monkeypatch.context() as past:
            past.setattr("time.time", lambda at=now - hours * 3600: at)
            make_map(own_environ, [edge("job:a", f"cmd:{name}"), edge("job:a", "cmd:same", line=line)])
    found = records(agentkit("depmap", "diff", "--json", "2h"), Exit.FINDINGS)
    assert values(found, "change", "from", "to") == [("added", "job:a", "cmd:new"), ("removed", "job:a", "cmd:old")]
    shown = agentkit("depmap", "diff", "2h")
    assert [line.split()[0] for line in shown.stdout.splitlines()] == ["change", "added", "removed"]
    ended = agentkit("depmap", "diff", "1m")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "agentkit: no dependency came and none went\n")


def test_diff_compares_files_and_the_map(own_environ: dict[str, str], agentkit: Run, tmp_path: Path) -> None:
    make_map(own_environ, [edge("job:a", "cmd:b", "exec", path="/bin/b")])
    (tmp_path / "export").write_text(agentkit("depmap", "export").stdout)
    (tmp_path / "lines").write_text(agentkit("depmap", "edges", "--json").stdout + '{"kind": "finding"}\n')
    for old in ("export", "lines"):
        assert agentkit("depmap", "diff", str(tmp_path / old)).returncode == Exit.OK
        for new in ("export", "lines"):
            assert agentkit("depmap", "diff", str(tmp_path / old), str(tmp_path / new)).returncode == Exit.OK
        # What comes by a pipe comes once.
        piped = (tmp_path / old).read_text()
        assert agentkit("depmap", "diff", "/dev/stdin", input=piped).returncode == Exit.OK
    # The same word, and another program behind it.
    make_map(own_environ, [edge("job:a", "cmd:b", "exec", path="/opt/b")])
    found = records(agentkit("depmap", "diff", "--json", str(tmp_path / "export")), Exit.FINDINGS)
    assert values(found, "change", "path") == [("removed", "/bin/b"), ("added", "/opt/b")]


@pytest.mark.parametrize(
    ("old", "status", "told"),
    [
        ("nowhere", Exit.USAGE, "nowhere: neither a file, nor an age such as 1d, nor an instant"),
        ("30d", Exit.UNAVAILABLE, "30d: the map remembers nothing from before"),
        ("2020-01-01T00:00:00Z", Exit.UNAVAILABLE, "the map remembers nothing from before"),
        ("/", Exit.BAD_DATA, "/: cannot be read: Is a directory"),
    ],
)
def test_diff_says_what_it_cannot_compare(
    whole: dict[str, str], agentkit: Run, old: str, status: int, told: str
) -> None:
    ended = agentkit("depmap", "diff", old)
    assert (ended.returncode, ended.stdout) == (status, "")
    assert told in ended.stderr


def test_the_export_is_json_graph_format(whole: dict[str, str], agentkit: Run) -> None:
    document = json.loads(agentkit("depmap", "export").stdout)
    jsonschema.validate(document, GRAPH_SCHEMA)
    graph = document["graph"]
    assert len(graph["edges"]) == len(EDGES)
    assert all(one["source"] in graph["nodes"] and one["target"] in graph["nodes"] for one in graph["edges"])


def test_nasty_names_survive_graphviz_and_mermaid(own_environ: dict[str, str], agentkit: Run) -> None:
    make_map(own_environ, [edge("job:root", f"unknown:{name}") for name in NASTY])
    dot = agentkit("depmap", "export", "--format", "dot").stdout
    drawn = subprocess.run(
        ["dot", "-Tjson0"], input=dot, capture_output=True, text=True, timeout=60, check=True, encoding="utf-8"
    )
    assert drawn.stderr == ""
    plain = subprocess.run(
        ["dot", "-Tplain"], input=dot, capture_output=True, text=True, timeout=60, check=True, encoding="utf-8"
    )
    assert len([line for line in plain.stdout.splitlines() if line.startswith("edge ")]) == len(NASTY)
    objects = json.loads(drawn.stdout)["objects"]
    labels = {one["name"].replace("\\\\", "\\") for one in objects}
    assert labels == {"job:root", *(f"unknown:{name}".replace("\t", "\\t") for name in NASTY)}
    mermaid = agentkit("depmap", "export", "--format", "mermaid").stdout.splitlines()
    assert mermaid[0] == "flowchart LR"
    text = r"(?:[\w ./:@+=,-]|#\d+;)+"
    row = re.compile(rf'  (?:n\d+\["({text})"\]|n\d+ -->\|"[a-z]+"\| n\d+)', re.ASCII)
    assert [line for line in mermaid[1:] if not row.fullmatch(line)] == []
    labels = {
        re.sub(r"#(\d+);", lambda code: chr(int(code[1])), found[1])
        for line in mermaid
        if (found := row.match(line)) and found[1]
    }
    assert labels == {"job:root", *(f"unknown:{name}".replace("\t", "\\t") for name in NASTY)}


def test_an_unknown_form_is_named_with_the_known_ones(agentkit: Run) -> None:
    ended = agentkit("depmap", "export", "--format", "svg")
    assert (ended.returncode, "'svg' is none of json, dot, mermaid" in ended.stderr) == (Exit.USAGE, True)


def test_the_summary_says_how_large_and_how_old_the_map_is(own_environ: dict[str, str], agentkit: Run) -> None:
    [before] = records(agentkit("depmap", "summary", "--json"))
    assert values([before], "title", "next") == [("depmap: no map yet", "agentkit depmap build")]
    mapped = Mapped(edges=tuple(EDGES), remark="partly parsed")
    build(own_environ, [Document("script", SCRIPT)], lambda _: mapped, stamp="1", warn=print)
    [now] = records(agentkit("depmap", "summary", "--json"))
    lines = [line["text"] for line in now["lines"]]  # type: ignore[attr-defined]
    assert lines[:3] == [
        "11 things, 8 edges",
        "1 could not be resolved: agentkit depmap unknown",
        "1 file was read only partly",
    ]
    assert (now["title"], now["next"]) == ("depmap: 11 things mapped", None)
    long_ago = time.time() - 3 * 86400
    os.utime(find_map(own_environ), (long_ago, long_ago))
    [old] = records(agentkit("depmap", "summary", "--json"))
    assert (old["title"], old["next"]) == ("depmap: the map is old", "agentkit depmap build")
    assert old["lines"][-1] == {"text": "brought up to date 3d ago", "severity": "warning"}  # type: ignore[index]


def test_checkup_asks_depmap_too(own_environ: dict[str, str], agentkit: Run) -> None:
    assert "depmap: no map yet" in agentkit("checkup").stdout


@pytest.mark.parametrize(("verb", "more"), [("orphans", []), ("blast", ["unit:b"])])
def test_a_kind_that_there_is_not_is_told_and_never_answered_with_nothing(
    verb: str, more: list[str], agentkit: Run, own_environ: dict[str, str]
) -> None:
    make_map(own_environ, [edge("unit:a", "unit:b")])
    ended = agentkit("depmap", verb, "--kind", "units", *more)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "--kind: 'units' is none of" in ended.stderr


def test_a_name_that_holds_what_was_asked_for_is_the_nearest(agentkit: Run, own_environ: dict[str, str]) -> None:
    make_map(own_environ, [edge("cmd:psql", "port:tcp/db.example.com:5432", "connect"), edge("cmd:df", "cmd:du")])
    ended = agentkit("depmap", "blast", "host:db.example.com")
    assert "nearest: port:tcp/db.example.com:5432" in ended.stderr


def test_the_map_of_another_root_is_never_taken_for_that_of_this_machine(
    agentkit: Run, own_environ: dict[str, str], tmp_path: Path
) -> None:
    root = tmp_path / "other"
    (root / "etc").mkdir(parents=True)
    assert agentkit("depmap", "build", "--root", str(root)).returncode == 0
    assert f"{root}, not of this one" in agentkit("depmap", "summary").stdout
