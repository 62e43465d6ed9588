import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.locks import hold_lock
from agentkit.depmap.building import build
from agentkit.depmap.document import Document, Mapped
from agentkit.depmap.falling import find_fallen
from agentkit.depmap.names import find_node
from agentkit.depmap.opening import find_map, open_map
from agentkit.depmap.pen import KEPT_S
from agentkit.depmap.stored import read_edges, read_edges_at
from tests.depmap.maps import LONG_AGO, Files, edge, make_map

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def files(tmp_path: Path, own_environ: dict[str, str]) -> Files:
    return Files(tmp_path / "scripts", own_environ)


def pairs(environ: dict[str, str]) -> set[tuple[str, str]]:
    """Return (from, to) of every edge, of scripts their names only."""
    with open_map(environ) as chart:
        return {(os.path.basename(one.edge.source), one.edge.target) for one in read_edges(chart)}


def test_a_build_follows_what_the_documents_reach(files: Files) -> None:
    files.write("a", "reaches b\nneeds unit:x.service\n")
    files.write("b", "reaches a\nreaches c\nneeds unit:y.service\n")
    files.write("c", "needs unit:z.service\n")
    files.write("never", "needs unit:never.service\n")
    built = files.build("a")
    assert (built.documents, built.read, built.added) == (3, 3, 3)
    assert pairs(files.environ) == {("a", "unit:x.service"), ("b", "unit:y.service"), ("c", "unit:z.service")}


def test_nothing_is_read_again_when_nothing_changed(files: Files) -> None:
    files.write("a", "reaches b\n")
    files.write("b", "needs unit:y.service\n")
    files.build("a")
    path = find_map(files.environ)
    os.utime(path, (LONG_AGO, LONG_AGO))
    inode = os.stat(path).st_ino
    built = files.build("a")
    assert (files.read, built.documents, built.read) == ([], 2, 0)
    # The file is the old one, and says by its time of change that somebody looked.
    assert os.stat(path).st_ino == inode
    assert os.stat(path).st_mtime > LONG_AGO


def test_what_changed_is_read_again_and_nothing_else(files: Files) -> None:
    files.write("a", "reaches b\nneeds unit:x.service\n")
    files.write("b", "needs unit:y.service\n")
    files.build("a")
    files.write("b", "needs unit:new.service\n", at=LONG_AGO + 1)
    built = files.build("a")
    assert (files.read, built.added, built.removed) == (["b"], 1, 1)
    assert pairs(files.environ) == {("a", "unit:x.service"), ("b", "unit:new.service")}


def test_the_same_content_with_a_new_time_is_no_change(files: Files) -> None:
    files.write("a", "needs unit:x.service\n")
    files.build("a")
    for later in (5, 9):
        files.write("a", "needs unit:x.service\n", at=LONG_AGO + later)
        files.build("a")
        assert files.read == []


def test_content_that_changed_behind_the_same_time_and_size_shows_by_the_inode(files: Files) -> None:
    files.write("a", "needs unit:x.service\n")
    files.build("a")
    (files.folder / "new").write_text("needs unit:y.service\n")
    os.utime(files.folder / "new", (LONG_AGO, LONG_AGO))
    os.replace(files.folder / "new", files.folder / "a")
    files.build("a")
    assert files.read == ["a"]


def test_a_file_written_while_it_is_read_is_read_again_the_next_time(files: Files) -> None:
    path = files.write("a", "needs unit:x.service\n")

    def read(document: Document) -> Mapped:
        found = files(document)
        path.write_text("needs unit:y.service\n")
        return found

    build(files.environ, [Document("script", str(path))], read, stamp="1", warn=print)
    os.utime(path, (time.time() - 60, time.time() - 60))
    files.build("a")
    assert files.read == ["a"]
    assert pairs(files.environ) == {("a", "unit:y.service")}


def test_a_file_that_comes_and_one_that_goes_is_a_change(files: Files, tmp_path: Path) -> None:
    looked_at = tmp_path / "maybe"
    files.write("a", f"looks {looked_at}\nneeds unit:x.service\n")
    files.build("a")
    looked_at.write_text("here")
    files.build("a")
    assert files.read == ["a"]
    looked_at.unlink()
    files.build("a")
    assert files.read == ["a"]
    files.build("a")
    assert files.read == []


def test_of_a_folder_its_names_count(files: Files, tmp_path: Path) -> None:
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "one").write_text("")
    os.utime(folder, (LONG_AGO, LONG_AGO))
    files.write("a", f"looks {folder}\n")
    files.build("a")
    (folder / "one").write_text("another content")
    os.utime(folder, (LONG_AGO + 1, LONG_AGO + 1))
    files.build("a")
    assert files.read == []
    (folder / "two").write_text("")
    os.utime(folder, (LONG_AGO + 2, LONG_AGO + 2))
    files.build("a")
    assert files.read == ["a"]


def test_an_input_that_is_no_file_holds_nobody_up(files: Files, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    files.write("a", f"looks {tmp_path}/pipe\nlooks /dev/zero\nlooks {tmp_path}/closed\nneeds unit:x.service\n")
    files.build("a")
    files.build("a")
    assert files.read == []


def test_what_is_not_reached_any_more_goes_with_its_edges(files: Files) -> None:
    files.write("a", "reaches b\nneeds unit:x.service\n")
    files.write("b", "reaches c\nneeds unit:y.service\n")
    files.write("c", "needs unit:z.service\n")
    files.build("a")
    files.write("a", "needs unit:x.service\n", at=LONG_AGO + 1)
    built = files.build("a")
    assert (files.read, built.documents, built.removed) == (["a"], 1, 2)
    assert pairs(files.environ) == {("a", "unit:x.service")}
    with open_map(files.environ) as chart, pytest.raises(AgentkitError, match="not in the map"):
        find_node(chart, "unit:z.service")


def test_a_file_that_went_is_read_as_what_it_is_now(files: Files) -> None:
    files.write("a", "reaches b\n")
    (files.folder / "b").write_text("needs unit:y.service\n")
    files.build("a")
    (files.folder / "b").unlink()
    files.build("a")
    assert files.read == ["b"]
    assert pairs(files.environ) == set()


def test_another_reader_or_another_root_reads_everything_again(files: Files) -> None:
    files.write("a", "reaches b\n")
    files.write("b", "needs unit:y.service\n")
    files.build("a")
    for more in ({"stamp": "2"}, {"stamp": "2", "root": "/mnt"}, {"stamp": "2", "root": "/mnt", "reads_all": True}):
        built = files.build("a", **more)
        assert (sorted(files.read), built.added, built.removed) == (["a", "b"], 0, 0)


def test_an_edge_that_only_moved_to_another_line_is_the_same_edge(files: Files) -> None:
    files.write("a", "needs unit:x.service\nneeds unit:y.service\n")
    files.build("a")
    with open_map(files.environ) as chart:
        since = {one.edge.target: one.since for one in read_edges(chart)}
    files.write("a", "\nneeds unit:x.service\n\nneeds unit:y.service\nneeds unit:z.service\n", at=LONG_AGO + 1)
    built = files.build("a")
    assert (built.added, built.removed) == (1, 0)
    with open_map(files.environ) as chart:
        found = {one.edge.target: (one.edge.line, one.since) for one in read_edges(chart)}
    assert found["unit:x.service"] == (2, since["unit:x.service"])
    assert found["unit:y.service"] == (4, since["unit:y.service"])
    assert found["unit:z.service"][1] > since["unit:x.service"]


def test_any_instant_of_the_last_month_can_be_looked_at(files: Files) -> None:
    texts = ["needs unit:a.service\n", "needs unit:b.service\n", "needs unit:a.service\nneeds unit:c.service\n"]
    instants = []
    for number, text in enumerate(texts):
        files.write("a", text, at=LONG_AGO + number)
        files.build("a")
        instants.append(time.time())
    with open_map(files.environ) as chart:
        seen = [sorted(one.edge.target[5] for one in read_edges_at(chart, instant)) for instant in instants]
    assert seen == [["a"], ["b"], ["a", "c"]]


def test_what_went_more_than_a_month_ago_is_forgotten(files: Files, own_environ: dict[str, str]) -> None:
    files.write("a", "needs unit:a.service\n")
    files.build("a")
    files.write("a", "needs unit:b.service\n", at=LONG_AGO + 1)
    files.build("a")
    with sqlite3.connect(find_map(own_environ)) as connection:
        connection.execute("UPDATE gone SET until = until - ?", (KEPT_S + 1,))
    connection.close()
    files.write("a", "needs unit:c.service\n", at=LONG_AGO + 2)
    files.build("a")
    with open_map(own_environ) as chart:
        gone = [row[0] for row in chart.connection.execute("SELECT target FROM gone")]
    assert gone == ["unit:b.service"]


def test_many_builds_leave_the_map_that_one_build_makes(
    files: Files, own_environ: dict[str, str], random_choices: random.Random, tmp_path: Path
) -> None:
    names = [f"s{number}" for number in range(12)]
    for turn in range(25):
        for name in random_choices.sample(names, random_choices.randrange(0, 4) if turn else len(names)):
            rows = [f"reaches {random_choices.choice(names)}" for _ in range(random_choices.randrange(3))]
            rows += [f"needs unit:u{random_choices.randrange(9)}.service" for _ in range(random_choices.randrange(4))]
            rows += [f"cmd c{random_choices.randrange(3)} /bin/p{random_choices.randrange(3)}"]
            random_choices.shuffle(rows)
            files.write(name, "\n".join(rows), at=LONG_AGO + turn)
        files.build("s0", "s1")
        with open_map(own_environ) as chart:
            grown = describe(chart)
        fresh = {**own_environ, "AGENTKIT_HOME": str(tmp_path / f"fresh{turn}")}
        other = Files(files.folder, fresh)
        other.build("s0", "s1")
        with open_map(fresh) as chart:
            assert describe(chart) == grown


def describe(chart: object) -> object:
    """Return all that a map says, without its numbers and times."""
    select = chart.connection.execute  # type: ignore[attr-defined]
    shown = dict(select("SELECT id, shown FROM nodes WHERE id = identity"))
    nodes = sorted(
        (label, path, shown[identity]) for label, path, identity in select("SELECT label, path, identity FROM nodes")
    )
    edges = sorted((str(one.edge), shown[one.source], shown[one.target]) for one in read_edges(chart))  # type: ignore[arg-type,index]
    documents = sorted(select("SELECT kind, path FROM documents WHERE kind <> 'declared'"))
    inputs = sorted(path for (path,) in select("SELECT path FROM inputs"))
    return nodes, edges, documents, inputs


def test_a_second_build_at_once_is_sent_away_with_the_name_of_the_first(files: Files) -> None:
    files.write("a", "needs unit:x.service\n")
    with (
        hold_lock(f"{find_map(files.environ)}.lock", what="map", limit=timedelta(seconds=1)),
        pytest.raises(AgentkitError, match=f"map: lock held by pid {os.getpid()}") as caught,
    ):
        files.build("a", wait=timedelta(0))
    assert caught.value.status == Exit.TRY_LATER


def test_the_map_is_closed_to_others(files: Files) -> None:
    files.write("a", "")
    files.build("a")
    path = find_map(files.environ)
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert sorted(os.listdir(os.path.dirname(path))) == ["map.db", "map.db.lock"]


def test_a_disk_that_takes_nothing_leaves_the_old_map(files: Files, own_environ: dict[str, str]) -> None:
    files.write("a", "needs unit:x.service\n")
    files.build("a")
    files.write("a", "needs unit:y.service\n" * 20000, at=LONG_AGO + 1)
    rows = "".join(f"needs unit:u{number}.service\n" for number in range(20000))
    files.write("a", rows, at=LONG_AGO + 1)
    script = "import resource, signal, sys\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    script += "resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))\n"
    script += "from pathlib import Path\nfrom tests.depmap.maps import Files\nimport os\n"
    script += f"Files(Path({str(files.folder)!r}), dict(os.environ)).build('a')\n"
    ended = subprocess.run(
        [sys.executable, "-c", script], env=own_environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert "AgentkitError: map" in ended.stderr
    assert pairs(own_environ) == {("a", "unit:x.service")}
    assert sorted(os.listdir(own_environ["AGENTKIT_HOME"])) == ["map.db", "map.db.lock"]


def test_a_build_that_is_killed_at_any_moment_leaves_the_old_map_or_the_new_one(
    files: Files, own_environ: dict[str, str], random_choices: random.Random
) -> None:
    rows = "".join(f"needs unit:u{number}.service\n" for number in range(3000))
    files.write("a", rows)
    files.build("a")
    script = "from pathlib import Path\nfrom tests.depmap.maps import Files\nimport os\n"
    script += (
        f"files = Files(Path({str(files.folder)!r}), dict(os.environ))\nprint('go', flush=True)\nfiles.build('a')\n"
    )
    seen = set()
    for turn in range(12):
        files.write("a", rows.replace("unit:u", f"unit:t{turn}u"), at=LONG_AGO + turn + 1)
        before = pairs(own_environ)
        process = subprocess.Popen([sys.executable, "-c", script], env=own_environ, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(random_choices.uniform(0, 0.12))
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        process.stdout.close()
        after = pairs(own_environ)
        is_new = any(target.startswith(f"unit:t{turn}u") for _, target in after)
        assert len(after) == 3000
        assert is_new or after == before
        seen.add(is_new)
        with open_map(own_environ) as chart:
            assert chart.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    files.build("a")
    assert "map.db.new" not in os.listdir(own_environ["AGENTKIT_HOME"])


def test_a_question_asked_during_a_build_is_answered_from_the_old_map(
    files: Files, own_environ: dict[str, str]
) -> None:
    files.write("a", "needs unit:x.service\n")
    files.build("a")
    files.write("a", "needs unit:y.service\n", at=LONG_AGO + 1)
    with open_map(own_environ) as chart:
        files.build("a")
        node = find_node(chart, "unit:x.service")
        assert [one.name for level in find_fallen(chart, [node]) for one in level] == [f"file:{files.folder}/a"]


def test_a_bug_in_a_reader_leaves_the_old_map(files: Files, own_environ: dict[str, str]) -> None:
    make_map(own_environ, [edge("job:a", "cmd:b")])

    def read(document: Document) -> Mapped:
        raise KeyError(document.path)

    with pytest.raises(KeyError):
        build(own_environ, [Document("script", "/x")], read, stamp="2", warn=print)
    assert pairs(own_environ) == {("job:a", "cmd:b")}


class _Late(tuple[str, ...]):
    """Paths of which the first is written to once more, when it was read and is about to be looked at."""

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        Path(self[0]).write_text("needs unit:new.service\n")
        return super().__iter__()


def test_what_changes_between_the_reading_and_the_look_is_read_again(files: Files) -> None:
    files.write("a", "needs unit:old.service\n")

    def read_late(documents: Sequence[Document]) -> Iterator[Mapped]:
        for document in documents:
            mapped = files(document)
            yield replace(mapped, inputs=_Late(mapped.inputs))

    files.build("a", read_all=read_late)
    files.build("a")
    assert pairs(files.environ) == {("a", "unit:new.service")}
