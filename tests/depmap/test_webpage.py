import json
import random
import re
import subprocess
from collections.abc import Callable

import pytest

from agentkit.core.visible import make_visible
from agentkit.depmap.document import Defined
from agentkit.depmap.edge import DECLARED, Edge
from agentkit.depmap.graph import load_graph
from agentkit.depmap.opening import open_map
from agentkit.depmap.store import Map
from agentkit.depmap.stored import read_edges
from agentkit.depmap.tracing.keeping import add_seen
from agentkit.depmap.webpage import mapdata
from agentkit.depmap.webpage.composing import FOLDER, compose, write_page
from tests.depmap.maps import edge, make_map
from tests.depmap.oracle import declare, make_graph
from tests.webpages import demand_closed, find_dangers, find_faint, find_left_out, read

Run = Callable[..., "subprocess.CompletedProcess[str]"]
HOSTILE = [
    "unit:</script><script>alert(1)</script>",
    "unit:<!--<script>",
    "unit:]]><img src=x onerror=alert(1)>",
    "file:/tmp/\"quoted\" 'twice' \\ & &lt;",
    "file:/tmp/\u202etxt.exe",
    "file:/tmp/line\u2028end\nand\x00\x1b[31m",
    "file:/tmp/not-utf-8-\udcff\udc80",
    "file:/tmp/שלום-😀-ä",
    "cmd:__proto__",
    "constructor:toString",
    "no kind at all",
    "unit:%zz",
    "cmd:",
]
LARGEST_BYTES = 62_000


def read_data(environ: dict[str, str]) -> dict[str, list[list[object]]]:
    with open_map(environ) as chart:
        page = "".join(write_page(chart))
    [text] = [text for tag, text in read(page).texts if text.startswith("{")]
    found: dict[str, list[list[object]]] = json.loads(text)
    return found


def show(name: str) -> str:
    return make_visible(name).encode("utf-8", "backslashreplace").decode()


def list_edges(data: dict[str, list[list[object]]]) -> list[tuple[object, ...]]:
    """Return the edges of the data, written out."""
    found = []
    for file, functions, numbers in data["edges"]:
        rows = [numbers[start : start + 5] for start in range(0, len(numbers), 5)]  # type: ignore[index,arg-type]
        for source, target, line, function, detail in rows:
            inside = functions[function - 1] if function else None  # type: ignore[index]
            kind, falls, *more = data["details"][detail]
            found.append((data["nodes"][source], data["nodes"][target], kind, falls, file, line or None, inside, *more))
    return found


def list_stored(chart: Map) -> list[tuple[object, ...]]:
    graph = load_graph(chart)
    names = dict(zip(graph.nodes, graph.names, strict=True))
    found = []
    for stored in read_edges(chart):
        one = stored.edge
        assert stored.source is not None
        assert stored.target is not None
        ends = (show(names[stored.source]), show(names[stored.target]))
        place = (show(one.file), one.line, one.function and show(one.function))
        found.append((*ends, one.kind, *place, one.rule, one.how, one.confidence, one.via, one.reason))
    return found


def test_the_page_is_whole_html_that_leads_nowhere_else() -> None:
    before, after = compose()
    reader = read(f"{before}{{}}{after}")
    assert (before + after).startswith("<!DOCTYPE html>\n")
    places = [value for _, attrs in reader.seen for name, value in attrs.items() if name in ("src", "href", "action")]
    assert set(places) == {"#", "data:,"}
    # Only the name of SVG looks like an address; nothing is ever loaded by it.
    rest = (before + after).replace('"http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", rest)
    assert [tag for tag, attrs in reader.seen if any(name.startswith("on") or name == "style" for name in attrs)] == []
    assert len((before + after).encode()) < LARGEST_BYTES


def test_the_policy_allows_by_digest_what_is_in_the_page_and_nothing_else() -> None:
    demand_closed("{}".join(compose()), "{}")


def test_every_script_of_the_folder_is_in_the_page_without_its_comments() -> None:
    before, after = compose()
    assert find_left_out(FOLDER, before + after) == {}
    assert not re.search(r"^//|/\*", before + after, re.MULTILINE)


def test_no_text_of_the_page_is_ever_made_markup() -> None:
    assert find_dangers("".join(compose())) == []


def test_the_data_is_the_map_edge_by_edge(
    own_environ: dict[str, str], random_choices: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that a file with many edges comes in several pieces.
    monkeypatch.setattr(mapdata, "EDGES_A_PIECE", 3)
    for _ in range(10):
        edges = declare(make_graph(random_choices), random_choices)
        more = [edge("job:night", "cmd:run", "exec", path="/opt/run.sh", line=number % 4 + 1) for number in range(8)]
        more += [edge("func:/opt/run.sh#f", "unknown:$x", "unknown", file="/opt/run.sh", line=2)]
        more += [
            Edge("unit:x.timer", "unit:x.service", "triggers", "/lib/x.timer", None, "Unit", confidence=0.7, via="v")
        ]
        make_map(own_environ, [*edges, *more], [Defined("func:/opt/run.sh#f", "/opt/run.sh", 1)])
        data = read_data(own_environ)
        with open_map(own_environ) as chart:
            assert data["nodes"] == load_graph(chart).names
            told = list_edges(data)
            assert sorted(map(repr, (one[:3] + one[4:] for one in told))) == sorted(map(repr, list_stored(chart)))
        assert {one[3] for one in told if one[2] == "triggers" and one[8] != DECLARED} == {-1}
        # Within a file by line: the first edge between two nodes is the one that `blast` names.
        assert [(one[4], one[5] or 0) for one in told] == sorted((str(one[4]), one[5] or 0) for one in told)
        assert [len(numbers) for _, _, numbers in data["edges"] if len(numbers) > 15] == []  # type: ignore[arg-type]


def test_names_that_would_end_the_script_or_fool_the_eye_are_only_names(own_environ: dict[str, str]) -> None:
    make_map(own_environ, [edge("job:root", name, file=name.partition(":")[2] or "/etc/x") for name in HOSTILE])
    data = read_data(own_environ)
    assert sorted(data["nodes"]) == sorted(["job:root", *map(show, HOSTILE)])
    with open_map(own_environ) as chart:
        page = "".join(write_page(chart))
    assert not re.search("[\u0080-\u009f\u202a-\u202e\u2028\u2066-\u2069\ud800-\udfff]", page)
    before, after = compose()
    assert [tag for tag, _ in read(page).seen] == [tag for tag, _ in read(before + after).seen]


def test_a_node_has_its_other_names_its_path_and_its_places(own_environ: dict[str, str]) -> None:
    script = "/opt/run.sh"
    edges = [edge("job:night", "cmd:run.sh", "exec", path=script), edge(f"file:{script}", "cmd:curl", path="/bin/curl")]
    make_map(own_environ, edges, [Defined(f"file:{script}", script, 3)])
    data = read_data(own_environ)
    spot = {name: number for number, name in enumerate(data["nodes"])}  # type: ignore[misc]
    names = {number: more for number, *more in data["names"]}
    assert names == {spot[f"file:{script}"]: ["cmd:run.sh"], spot["cmd:curl"]: ["/bin/curl"]}  # type: ignore[index]
    assert data["defined"] == [[spot[f"file:{script}"], script, 3]]  # type: ignore[index]


def test_the_verb_prints_the_page_and_an_empty_map_makes_one_too(own_environ: dict[str, str], agentkit: Run) -> None:
    make_map(own_environ, [])
    ended = agentkit("depmap", "export", "--format", "html")
    assert (ended.returncode, ended.stderr) == (0, "")
    data = read_data(own_environ)
    assert (data["nodes"], data["edges"], data["details"]) == ([], [], [])
    read(ended.stdout)


def test_what_is_read_has_the_contrast_that_makes_it_readable() -> None:
    kinds = {"unit", "job", "cmd", "file", "func", "place", "secret", "person", "unknown"}
    assert find_faint(FOLDER, {"text", "dim", "link", "accent", *kinds}) == {}


def test_of_a_map_that_was_never_built_no_time_of_a_build_is_told(own_environ: dict[str, str]) -> None:
    add_seen(own_environ, [edge("file:/opt/x", "cmd:date", "exec")], print)
    assert read_data(own_environ)["built"] is None
