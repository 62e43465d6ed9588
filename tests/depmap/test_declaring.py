import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.core.errors import Exit
from agentkit.depmap.opening import find_map
from tests.depmap.maps import edge, make_map, records, values

Run = Callable[..., "subprocess.CompletedProcess[str]"]
ONE = '[[depmap.declare]]\nfrom = "job:report"\nto = "cmd:restic"\n'


def configure(home: Path, text: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "agentkit.toml").write_text(text)
    (home / "agentkit.toml").chmod(0o600)


def test_what_is_declared_is_answered_without_any_build(agentkit: Run, home: Path) -> None:
    configure(home, f"# mine\n\n{ONE}")
    [found] = records(agentkit("depmap", "blast", "--json", "cmd:restic"))
    assert values([found], "node", "edge", "file", "line") == [("job:report", "requires", f"{home}/agentkit.toml", 3)]
    assert not Path(f"{home}/map.db").exists()
    [edge_found] = records(agentkit("depmap", "edges", "--json"))
    assert values([edge_found], "how", "rule", "confidence") == [("declared", "declare", 1.0)]


def test_what_is_declared_counts_from_the_next_question_on(
    agentkit: Run, home: Path, own_environ: dict[str, str]
) -> None:
    make_map(own_environ, [edge("job:a", "cmd:restic", "exec", path="/usr/bin/restic")])
    before = Path(find_map(own_environ)).read_bytes()
    assert values(records(agentkit("depmap", "blast", "--json", "restic")), "node") == ["job:a"]
    configure(home, ONE)
    # The program is named by its word: it is the one of the map.
    assert values(records(agentkit("depmap", "blast", "--json", "/usr/bin/restic")), "node") == ["job:a", "job:report"]
    configure(home, ONE.replace("report", "other"))
    assert values(records(agentkit("depmap", "blast", "--json", "restic")), "node") == ["job:a", "job:other"]
    (home / "agentkit.toml").unlink()
    assert values(records(agentkit("depmap", "blast", "--json", "restic")), "node") == ["job:a"]
    assert Path(find_map(own_environ)).read_bytes() == before


def test_a_build_takes_in_what_is_declared(agentkit: Run, home: Path, own_environ: dict[str, str]) -> None:
    configure(home, f'host = "web-1"\n{ONE}')
    edges = [edge("job:a", "cmd:restic", "exec", path="/usr/bin/restic")]
    assert make_map(own_environ, edges).added == 2
    assert make_map(own_environ, edges).read == 0
    found = records(agentkit("depmap", "blast", "--json", "restic"))
    assert values(found, "node", "host") == [("job:a", "web-1"), ("job:report", "web-1")]
    configure(home, "")
    built = make_map(own_environ, edges)
    assert (built.read, built.removed) == (0, 1)
    assert values(records(agentkit("depmap", "blast", "--json", "restic")), "node") == ["job:a"]


def test_a_declared_edge_is_a_dependency_whatever_its_kind(agentkit: Run, home: Path) -> None:
    configure(
        home, f'{ONE}edge = "after"\n[[depmap.declare]]\nfrom = "unit:a.target"\nto = "job:report"\nedge = "wants"\n'
    )
    found = records(agentkit("depmap", "blast", "--json", "cmd:restic"))
    assert values(found, "node", "edge") == [("job:report", "after"), ("unit:a.target", "wants")]


@pytest.mark.parametrize(
    ("text", "told", "hint"),
    [
        (f'{ONE}form = "x"', "unknown key depmap.declare #1.form", "did you mean depmap.declare #1.from?"),
        ('[[depmap.declare]]\nfrom = "job:a"', "depmap.declare #1: to is missing", 'from = "job:report"'),
        (f"{ONE}{ONE.replace('job:report', 'report')}", "depmap.declare #2.from: expected a node such as", ""),
        (f'{ONE}edge = "exce"', "depmap.declare #1.edge: there is no kind of edge 'exce'; nearest: exec", ""),
        (f"{ONE}edge = 3", "depmap.declare #1.edge: expected text, found 3", ""),
        ('[depmap.declare]\nfrom = "job:a"', "depmap.declare: expected tables [[depmap.declare]]", ""),
        ("[depmap]\ndeclar = []", "unknown key depmap.declar", "did you mean depmap.declare?"),
        ("depmap = 3", "depmap: expected a table [depmap], found 3", ""),
    ],
)
def test_a_fault_is_named_with_file_key_and_the_nearest_key(
    agentkit: Run, home: Path, text: str, told: str, hint: str
) -> None:
    configure(home, text)
    for words in (["blast", "x"], ["summary"]):
        ended = agentkit("depmap", *words)
        assert (ended.returncode, ended.stdout) == (Exit.CONFIGURATION, "")
        assert f"agentkit: error: {home}/agentkit.toml: {told}" in ended.stderr
        assert hint in ended.stderr
    # To another command it is a warning, and its own tables count.
    assert agentkit("heartbeat", "status").returncode == Exit.OK


def test_tables_written_in_another_way_have_no_line(agentkit: Run, home: Path) -> None:
    configure(home, 'depmap.declare = [{from = "job:a", to = "cmd:b"}]')
    [found] = records(agentkit("depmap", "blast", "--json", "cmd:b"))
    assert found["line"] is None
