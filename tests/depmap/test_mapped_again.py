"""Does a build that reads only what changed know what a build of everything would know?"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.depmap.building import build
from agentkit.depmap.mapping import Reader
from agentkit.depmap.opening import open_map
from agentkit.depmap.roots import find_documents
from agentkit.depmap.stored import read_edges
from tests.depmap.machines import lay_out

MACHINE: dict[str, str | bytes] = {
    "etc/crontab": "PATH=/usr/local/bin:/usr/bin\n"
    "* * * * * root run-parts /etc/cron.hourly\n* * * * * root check\n* * * * * root /opt/later\n",
    "etc/cron.hourly/one": "#!/bin/sh\ncurl http://one/\n",
    "usr/local/bin/check": "#!/bin/sh\ncurl http://check/\n$(readlink -f /opt/current)\n",
    "usr/bin/check": "#!/bin/sh\ncurl http://other/\n",
    "opt/first": "#!/bin/sh\ncurl http://first/\n",
    "opt/second": "#!/bin/sh\ncurl http://second/\n",
}


def _map(root: Path, environ: dict[str, str], home: Path) -> set[object]:
    environ = {**environ, "AGENTKIT_HOME": str(home)}
    build(environ, find_documents([]), Reader(str(root)), stamp="1", root=str(root), warn=print)
    with open_map(environ) as chart:
        return {one.edge for one in read_edges(chart)}


def _link(root: Path, target: str) -> None:
    (root / "usr/local/bin/check").unlink()
    (root / "usr/local/bin/check").symlink_to(target)


def _add(root: Path) -> None:
    (root / "opt/later").write_text("#!/bin/sh\ncurl http://later/\n")


def _switch(root: Path) -> None:
    (root / "opt/current").unlink()
    (root / "opt/current").symlink_to("/opt/second")


CHANGES: dict[str, Callable[[Path], object]] = {
    "run-parts no longer runs a file": lambda root: (root / "etc/cron.hourly/one").chmod(0o644),
    "a program is no longer one": lambda root: (root / "usr/local/bin/check").chmod(0o644),
    "a program becomes a link": lambda root: _link(root, "/opt/first"),
    "what was named and missing is there": _add,
    "a link that a script asks for leads elsewhere": _switch,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen(tmp_path: Path, own_environ: dict[str, str], change: str) -> None:
    root = lay_out(tmp_path / "root", MACHINE)
    for name in ("etc/cron.hourly/one", "opt/first", "opt/second"):
        (root / name).chmod(0o755)
    (root / "opt/current").symlink_to("/opt/first")
    # What changed in the instant before it was read is read again anyway.
    for path in (root, *root.rglob("*")):
        os.utime(path, (1, 1), follow_symlinks=False)
    before = _map(root, own_environ, tmp_path / "home")
    CHANGES[change](root)
    after = _map(root, own_environ, tmp_path / "home")
    assert after != before
    assert after == _map(root, own_environ, tmp_path / "fresh")


def test_a_link_that_leads_elsewhere_is_seen(tmp_path: Path, own_environ: dict[str, str]) -> None:
    root = lay_out(tmp_path / "root", MACHINE)
    for name in ("opt/first", "opt/second"):
        (root / name).chmod(0o755)
        os.utime(root / name, (1, 1))
    _link(root, "/opt/first")
    os.utime(root / "usr/local/bin", (1, 1))
    before = _map(root, own_environ, tmp_path / "home")
    _link(root, "/opt/second")
    os.utime(root / "usr/local/bin", (1, 1))
    after = _map(root, own_environ, tmp_path / "home")
    assert after != before
    assert after == _map(root, own_environ, tmp_path / "fresh")
