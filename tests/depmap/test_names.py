import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.depmap.building import build
from agentkit.depmap.document import Document, Mapped
from agentkit.depmap.names import find_node, read_names
from agentkit.depmap.opening import open_map
from tests.depmap.maps import edge, make_map

Run = Callable[..., "subprocess.CompletedProcess[str]"]
CURL = "/usr/bin/curl"
EDGES = [
    edge("job:/etc/crontab#3", "cmd:curl", "exec", path=CURL),
    edge("func:/usr/local/bin/backup.sh#prune", "cmd:/usr/bin/curl", "exec", path=CURL),
    edge("file:/usr/local/bin/backup.sh", "func:/usr/local/bin/backup.sh#prune", "call"),
    edge("job:night", "cmd:backup.sh", "exec", path="/usr/local/bin/backup.sh"),
    edge("unit:fail2ban.service", "cmd:fail2ban-server", "exec", path="/usr/bin/fail2ban-server"),
    edge("file:/opt/a/tool", "cmd:helper", "exec", path="/opt/a/helper"),
    edge("file:/opt/b/tool", "cmd:helper", "exec", path="/opt/b/helper"),
    edge("job:lost", "cmd:nowhere", "exec"),
    edge("job:declared", "cmd:curl"),
    edge("job:odd", "port:tcp/5432", "connect"),
    edge("job:odd", "file:/usr/bin/curl", "check"),
]


def meant(environ: dict[str, str], name: str) -> str:
    """Return the name that is shown of what is meant by another."""
    with open_map(environ) as chart:
        node = find_node(chart, name)
        return read_names(chart, [node])[node]


@pytest.fixture
def known(own_environ: dict[str, str]) -> dict[str, str]:
    build(
        own_environ,
        [Document("crontab", "/etc/crontab"), Document("script", "/usr/local/bin/backup.sh")],
        lambda document: Mapped(edges=tuple(EDGES) if document.kind == "crontab" else ()),
        stamp="1",
        warn=print,
    )
    return own_environ


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("cmd:curl", "cmd:curl"),
        ("cmd:/usr/bin/curl", "cmd:curl"),
        ("/usr/bin/curl", "cmd:curl"),
        ("file:/usr/bin/curl", "cmd:curl"),
        ("curl", "cmd:curl"),
        ("cmd:backup.sh", "file:/usr/local/bin/backup.sh"),
        ("backup.sh", "file:/usr/local/bin/backup.sh"),
        ("file:backup.sh", "file:/usr/local/bin/backup.sh"),
        ("/usr/local/bin/backup.sh", "file:/usr/local/bin/backup.sh"),
        ("func:backup.sh#prune", "func:/usr/local/bin/backup.sh#prune"),
        ("backup.sh#prune", "func:/usr/local/bin/backup.sh#prune"),
        ("/usr/local/bin/backup.sh#prune", "func:/usr/local/bin/backup.sh#prune"),
        ("fail2ban.service", "unit:fail2ban.service"),
        ("unit:fail2ban", "unit:fail2ban.service"),
        ("fail2ban", "unit:fail2ban.service"),
        ("fail2ban-server", "cmd:fail2ban-server"),
        ("night", "job:night"),
        ("crontab#3", "job:/etc/crontab#3"),
        ("tcp/5432", "port:tcp/5432"),
        ("cmd:nowhere", "cmd:nowhere"),
        ("cmd:/opt/a/helper", "cmd:/opt/a/helper"),
        ("/opt/b/helper", "cmd:/opt/b/helper"),
    ],
)
def test_every_name_of_a_thing_is_accepted(known: dict[str, str], name: str, shown: str) -> None:
    assert meant(known, name) == shown


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("cmd:helper", "cmd:/opt/a/helper, cmd:/opt/b/helper"),
        ("helper", "cmd:/opt/a/helper, cmd:/opt/b/helper"),
        ("tool", "file:/opt/a/tool, file:/opt/b/tool"),
        ("file:tool", "file:/opt/a/tool, file:/opt/b/tool"),
    ],
)
def test_what_may_be_several_is_told_with_all_of_them(known: dict[str, str], name: str, candidates: str) -> None:
    with pytest.raises(AgentkitError) as caught:
        meant(known, name)
    assert (caught.value.status, caught.value.message) == (Exit.UNAVAILABLE, f"{name!r} may be any of {candidates}")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("cmd:crul", "cmd:curl"),
        ("unit:fail2bann.service", "unit:fail2ban.service"),
        ("backup.sh#prnue", "func:/usr/local/bin/backup.sh#prune"),
        ("fail2ban-client", "cmd:fail2ban-server"),
    ],
)
def test_what_is_not_there_is_told_with_the_nearest_names(known: dict[str, str], name: str, near: str) -> None:
    with pytest.raises(AgentkitError) as caught:
        meant(known, name)
    assert caught.value.status == Exit.UNAVAILABLE
    assert caught.value.message == f"{name!r} is not in the map"
    assert near in (caught.value.hint or "")


@pytest.mark.parametrize(
    "name", ["", "%", "_", "'", '"', "\0", "a" * 100_000, ":", "cmd:", "/", "#", "!%", "*", "file:/"]
)
def test_any_words_are_a_node_or_one_clear_answer(known: dict[str, str], name: str) -> None:
    with pytest.raises(AgentkitError, match="is not in the map") as caught:
        meant(known, name)
    assert caught.value.status == Exit.UNAVAILABLE


def test_a_link_to_a_program_is_followed(own_environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "real").write_text("")
    (tmp_path / "link").symlink_to("real")
    make_map(own_environ, [edge("job:a", "cmd:tool", "exec", path=str(tmp_path / "real"))])
    assert meant(own_environ, str(tmp_path / "link")) == "cmd:tool"
    assert meant(own_environ, f"cmd:{tmp_path}/link") == "cmd:tool"


def test_inside_a_root_links_are_those_of_the_root(own_environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "disk/opt").mkdir(parents=True)
    (tmp_path / "disk/opt/link").symlink_to("/opt/real")
    (tmp_path / "disk/opt/real").write_text("")
    mapped = Mapped(edges=(edge("job:a", "cmd:tool", "exec", path="/opt/real"),))
    build(own_environ, [Document("x", "x")], lambda _: mapped, stamp="1", warn=print, root=str(tmp_path / "disk"))
    assert meant(own_environ, "/opt/link") == "cmd:tool"


def test_a_program_of_which_no_path_is_known_is_the_only_one_of_its_name(own_environ: dict[str, str]) -> None:
    edges = [edge("job:a", "cmd:restic", "exec", path="/usr/bin/restic"), edge("job:b", "cmd:restic")]
    make_map(own_environ, edges)
    with open_map(own_environ) as chart:
        assert (
            len(chart.connection.execute("SELECT DISTINCT identity FROM nodes WHERE label = 'cmd:restic'").fetchall())
            == 1
        )
    # Where there are two of the name, nobody knows which one is meant.
    make_map(own_environ, [*edges, edge("job:c", "cmd:restic", "exec", path="/opt/restic")])
    with open_map(own_environ) as chart:
        assert (
            len(chart.connection.execute("SELECT DISTINCT identity FROM nodes WHERE label = 'cmd:restic'").fetchall())
            == 3
        )
    assert meant(own_environ, "cmd:restic") == "cmd:restic"
    assert meant(own_environ, "/opt/restic") == "cmd:/opt/restic"


def test_each_name_that_is_shown_leads_back_to_its_node(known: dict[str, str]) -> None:
    with open_map(known) as chart:
        shown = dict(chart.connection.execute("SELECT id, shown FROM nodes WHERE id = identity"))
        assert len(set(shown.values())) == len(shown)
        assert {node: find_node(chart, name) for node, name in shown.items()} == {node: node for node in shown}


def test_the_shell_is_told_of_a_wrong_name_in_two_lines(known: dict[str, str], agentkit: Run) -> None:
    ended = agentkit("depmap", "blast", "cmd:crul")
    assert (ended.returncode, ended.stdout) == (Exit.UNAVAILABLE, "")
    assert ended.stderr.startswith("agentkit: error: 'cmd:crul' is not in the map\nagentkit: hint: nearest: cmd:curl")
    assert os.linesep not in ended.stderr.splitlines()[1]
