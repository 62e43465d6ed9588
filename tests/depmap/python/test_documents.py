"""Is a package that many programs use read once, and does what falls with it still name each of them?"""

from pathlib import Path

import pytest

from agentkit.depmap.namedfiles import read_edges
from tests.conftest import Run
from tests.depmap.machines import lay_out
from tests.heartbeat.answers import read_records

APP = {
    "etc/crontab": "1 * * * * root /opt/app/bin/one.py\n"
    "2 * * * * root /opt/app/two.py\n"
    "3 * * * * root cd /opt/app && python3 -m app.report\n",
    "opt/app/bin/one.py": "#!/usr/bin/env python3\nimport sys\nsys.path.insert(0, '/opt/app')\n"
    "from app import dump\ndump.run(lambda: None)\n",
    "opt/app/two.py": "#!/usr/bin/env python3\nfrom app.dump import run\nimport beside\n\n\ndef done():\n"
    "    beside.tell()\n\n\nrun(done)\n",
    "opt/app/beside.py": "import os\n\n\ndef tell():\n    os.system('logger done')\n",
    "opt/app/app/__init__.py": "",
    "opt/app/app/dump.py": "import subprocess\nfrom app.deep import store\n\n\ndef run(after):\n"
    "    subprocess.run(['pg_dump', 'db'], timeout=5)\n    store.keep()\n    after()\n",
    "opt/app/app/deep/__init__.py": "",
    "opt/app/app/deep/store.py": "import subprocess\n\n\ndef keep():\n    subprocess.run(['rclone', 'sync'])\n",
    "opt/app/app/report.py": "from app.deep import store\nstore.keep()\n",
}


@pytest.fixture
def built(tmp_path: Path, agentkit: Run) -> None:
    root = lay_out(tmp_path / "machine", APP)
    for name in ("bin/one.py", "two.py"):
        (root / "opt/app" / name).chmod(0o755)
    ended = agentkit("depmap", "build", "--root", str(root))
    assert (ended.returncode, ended.stderr) == (0, "")


def blast(agentkit: Run, node: str) -> set[str]:
    return {str(each["node"]) for each in read_records(agentkit("depmap", "blast", "--json", node).stdout, "blast")}


@pytest.mark.usefixtures("built")
def test_every_edge_of_a_package_is_in_the_map_once(agentkit: Run) -> None:
    edges = read_records(agentkit("depmap", "edges", "--json").stdout, "edge")
    keys = [(one["from"], one["to"], one["edge"], one["file"], one["line"]) for one in edges]
    inside = [key for key in keys if str(key[3]).startswith("/opt/app/app/")]
    assert ("py:app.deep.store:keep", "cmd:rclone", "exec", "/opt/app/app/deep/store.py", 5) in inside
    assert len(inside) == len(set(inside))


@pytest.mark.usefixtures("built")
def test_each_program_that_uses_it_falls_with_what_is_deep_inside(agentkit: Run) -> None:
    jobs = {f"job:/etc/crontab#{line}" for line in (1, 2, 3)}
    assert jobs <= blast(agentkit, "cmd:rclone")
    assert {one for one in blast(agentkit, "cmd:pg_dump") if one.startswith("job:")} == jobs - {"job:/etc/crontab#3"}


@pytest.mark.usefixtures("built")
def test_what_a_package_is_handed_to_call_is_known_from_who_hands_it(agentkit: Run) -> None:
    fallen = blast(agentkit, "cmd:logger")
    assert {"py:beside:tell", "py:two:done", "py:app.dump:run", "job:/etc/crontab#2"} <= fallen


def test_a_file_that_is_named_has_the_whole_of_the_packages_that_it_uses(tmp_path: Path) -> None:
    for name, text in {
        "main.py": "from p.a import f\nf()\n",
        "p/__init__.py": "",
        "p/a.py": "from .b import g\ndef f(): g()\n",
        "p/b.py": "from .c import h\ndef g(): h()\n",
        "p/c.py": "def h(): pass\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    edges = read_edges([str(tmp_path / "main.py")], pytest.fail)
    called = {(edge.source, edge.target) for edge in edges if edge.kind == "call" and edge.rule == "call"}
    assert called == {("py:main", "py:p.a:f"), ("py:p.a:f", "py:p.b:g"), ("py:p.b:g", "py:p.c:h")}


def test_a_module_that_is_imported_by_a_relative_name_is_found_in_the_package_that_is_named(tmp_path: Path) -> None:
    script = tmp_path / "main.py"
    script.write_text("import importlib\nimportlib.import_module('..b', 'p.q')\nimportlib.import_module('.b', 'p')\n")
    edges = read_edges([str(script)], pytest.fail)
    assert [edge.target for edge in edges if edge.rule == "import_module"] == ["py:p.b", "py:p.b"]
