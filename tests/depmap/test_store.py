import os
import random
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.depmap.opening import find_map, open_map
from agentkit.depmap.store import VERSION, CorruptMapError, Map, open_store, pack, unpack
from agentkit.depmap.stored import read_edges
from tests.depmap.maps import edge, make_map

Run = Callable[..., "subprocess.CompletedProcess[str]"]
EDGES = [edge(f"job:j{number}", f"cmd:c{number}", "exec", path=f"/bin/c{number}") for number in range(200)]


@pytest.fixture
def path(own_environ: dict[str, str]) -> str:
    make_map(own_environ, EDGES)
    return find_map(own_environ)


def test_without_a_map_the_next_step_is_named(agentkit: Run) -> None:
    for words in (["blast", "x"], ["why", "x", "y"], ["cycles"], ["edges"], ["show", "x"], ["diff", "1d"], ["export"]):
        ended = agentkit("depmap", *words)
        assert (ended.returncode, ended.stdout) == (Exit.UNAVAILABLE, "")
        assert ended.stderr == "agentkit: error: there is no map yet\nagentkit: hint: agentkit depmap build\n"


def test_a_map_of_a_newer_version_is_refused_and_not_touched(
    path: str, agentkit: Run, own_environ: dict[str, str]
) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    before = Path(path).read_bytes()
    ended = agentkit("depmap", "blast", "cmd:c1")
    assert ended.returncode == Exit.CONFIGURATION
    assert f"has version {VERSION + 1}; this agentkit knows up to {VERSION}" in ended.stderr
    with pytest.raises(AgentkitError) as caught:
        make_map(own_environ, EDGES)
    assert caught.value.status == Exit.CONFIGURATION
    assert Path(path).read_bytes() == before


def test_a_map_of_an_older_version_is_made_anew_by_the_next_build(
    path: str, agentkit: Run, own_environ: dict[str, str]
) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 0")
    connection.close()
    ended = agentkit("depmap", "blast", "cmd:c1")
    assert (ended.returncode, "was made by an older agentkit" in ended.stderr) == (Exit.UNAVAILABLE, True)
    built = make_map(own_environ, EDGES)
    assert built.notices == (f"map {path} was made by an older agentkit; a new one is made",)
    assert agentkit("depmap", "blast", "cmd:c1").returncode == 0


@pytest.mark.parametrize("content", [b"", b"nonsense", b"SQLite format 3\0" + bytes(200)])
def test_what_is_no_map_is_told_and_made_anew(
    path: str, agentkit: Run, own_environ: dict[str, str], content: bytes
) -> None:
    Path(path).write_bytes(content)
    ended = agentkit("depmap", "blast", "cmd:c1")
    assert ended.returncode == Exit.UNAVAILABLE
    assert f"map {path} is malformed: " in ended.stderr
    assert "agentkit: hint: agentkit depmap build (it makes a new one)" in ended.stderr
    [notice] = make_map(own_environ, EDGES).notices
    assert "is malformed" in notice
    assert "job:j1 " in agentkit("depmap", "blast", "cmd:c1").stdout


def test_another_database_in_its_place_is_no_map(path: str, agentkit: Run) -> None:
    Path(path).unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    assert "it is no map" in agentkit("depmap", "blast", "cmd:c1").stderr


def test_a_named_pipe_in_its_place_holds_nobody_up(path: str, agentkit: Run) -> None:
    Path(path).unlink()
    os.mkfifo(path)
    assert agentkit("depmap", "blast", "cmd:c1", limit=20).returncode == Exit.UNAVAILABLE


def test_a_folder_in_its_place_is_told_with_what_helps_by_question_and_by_build(
    path: str, agentkit: Run, own_environ: dict[str, str]
) -> None:
    Path(path).unlink()
    Path(path).mkdir()
    for words in (["blast", "cmd:c1"], ["build", "--root", own_environ["HOME"]]):
        ended = agentkit("depmap", *words)
        assert (ended.returncode, ended.stderr) == (
            Exit.UNAVAILABLE,
            f"agentkit: error: map {path} is a folder\nagentkit: hint: move it away; then agentkit depmap build\n",
        )


def test_a_damaged_map_is_never_a_bug_and_the_next_build_makes_it_whole(
    path: str, agentkit: Run, own_environ: dict[str, str], random_choices: random.Random
) -> None:
    whole = Path(path).read_bytes()
    for _ in range(12):
        damaged = bytearray(whole)
        if random_choices.random() < 0.3:
            del damaged[random_choices.randrange(len(damaged)) :]
        else:
            start = random_choices.randrange(len(damaged) - 4096)
            damaged[start : start + 4096] = random_choices.randbytes(4096)
        Path(path).write_bytes(damaged)
        words = random_choices.choice(
            [["blast", "cmd:c7"], ["why", "job:j7", "cmd:c7"], ["cycles"], ["edges"], ["export"], ["summary"]]
        )
        ended = agentkit("depmap", *words)
        assert ended.returncode in (Exit.OK, Exit.UNAVAILABLE), (words, ended.stderr)
        make_map(own_environ, [*EDGES, edge("job:new", "cmd:new")])
        with open_map(own_environ) as chart:
            assert len(list(read_edges(chart))) == len(EDGES) + 1
            assert chart.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_map_that_may_not_be_read_is_told(path: str, agentkit: Run) -> None:
    Path(path).unlink()
    os.symlink(path, path)
    ended = agentkit("depmap", "blast", "cmd:c1")
    assert (ended.returncode, "cannot be read" in ended.stderr) == (Exit.UNAVAILABLE, True)


def test_a_map_on_a_disk_that_is_read_only_answers(path: str, agentkit: Run, tmp_path: Path) -> None:
    folder = Path(path).parent
    folder.chmod(0o500)
    Path(path).chmod(0o400)
    try:
        assert "job:j1 " in agentkit("depmap", "blast", "cmd:c1").stdout
        assert sorted(os.listdir(folder)) == ["map.db", "map.db.lock"]
    finally:
        folder.chmod(0o700)


@pytest.mark.parametrize("text", ["plain", "ä€😀", "\udcff\udc80", "a\ud800b", "\0", ""])
def test_every_text_that_python_holds_comes_back(text: str) -> None:
    assert unpack(pack(text)) == text


def test_names_that_are_no_utf_8_can_be_asked_for(own_environ: dict[str, str], agentkit: Run) -> None:
    odd = os.fsdecode(b"/srv/caf\xe9")
    make_map(own_environ, [edge(f"file:{odd}", "cmd:b", "exec", file=odd), edge("job:a", f"file:{odd}", "read")])
    for name in (f"file:{odd}", odd, os.path.basename(odd)):
        ended = agentkit("depmap", "blast", "--json", name)
        assert ended.returncode == 0
        assert r'"of": "file:/srv/caf\udce9"' in ended.stdout
    assert r'"file": "/srv/caf\udce9"' in agentkit("depmap", "blast", "--json", "cmd:b").stdout


def _open(path: str) -> Map:
    found = open_store(path)
    assert found is not None
    return found


def test_a_text_whose_length_cannot_be_is_damage(path: str) -> None:
    with pytest.raises(CorruptMapError), _open(path) as chart:
        chart.connection.execute("SELECT zeroblob(2000000000)").fetchone()


def test_a_failure_over_a_damaged_file_is_the_files_and_over_a_sound_one_is_a_bug(path: str) -> None:
    with pytest.raises(TypeError), _open(path):
        raise TypeError
    damaged = bytearray(Path(path).read_bytes())
    damaged[8192:12288] = bytes(4096)
    Path(path).write_bytes(damaged)
    with pytest.raises(CorruptMapError), _open(path):
        raise TypeError
