"""Python in the map of a machine: reached from crontabs, units and scripts, down to the function that asks."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Run
from tests.depmap.machines import lay_out
from tests.heartbeat.answers import read_records

RUN = """\
from lib import report
import subprocess

def dump():
    subprocess.run(["sudo", "-u", "db", "pg_dump", "main"], check=True)

def main():
    dump()
    report.make()

main()
"""
REPORT = """\
import subprocess

class Report:
    def send(self):
        subprocess.run("curl -s http://mail.local/", shell=True)

def make():
    Report().send()

if __name__ == "__main__":
    make()
"""
MACHINE = {
    "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
    "etc/cron.d/app": "0 3 * * * root python3 -u /opt/app/run.py\n"
    "5 3 * * * root cd /opt/app && python3 -m lib.report\n",
    "etc/systemd/system/app.service": "[Service]\nExecStart=/opt/app/venv/bin/python /opt/app/serve.py\n",
    "opt/app/run.py": RUN,
    "opt/app/lib/__init__.py": "",
    "opt/app/lib/report.py": REPORT,
    "opt/app/serve.py": "import socket\nsocket.create_server(('', 8080))\n",
    "usr/local/bin/tool": "#!/usr/bin/env -S python3 -u\nimport os\ndef go():\n    os.system('rsync /a/ /b/')\ngo()\n",
    "usr/local/bin/wrap": "#!/bin/sh\n/usr/local/bin/tool\n",
    "etc/cron.d/wrap": "* * * * * root /usr/local/bin/wrap\n",
    "usr/lib/python3/dist-packages/other.py": "import os\nos.system('never')\n",
    "opt/app/unused.py": "import os\nos.system('rm -r /x')\n",
}


def _build(tmp_path: Path, agentkit: Run, *words: str) -> Path:
    root = tmp_path / "node"
    if not root.exists():
        lay_out(root, MACHINE)
        for path in (root / "usr/local/bin").iterdir():
            path.chmod(0o755)
    ended = agentkit("depmap", "build", "--root", str(root), "--quiet", *words)
    assert (ended.returncode, ended.stderr) == (0, "")
    return root


def _blast(agentkit: Run, node: str) -> set[str]:
    ended = agentkit("depmap", "blast", "--json", node)
    assert ended.returncode == 0, ended.stderr
    return {str(record["node"]) for record in read_records(ended.stdout, "blast")}


def test_what_falls_with_a_program_is_told_through_functions_of_python(tmp_path: Path, agentkit: Run) -> None:
    _build(tmp_path, agentkit)
    job = "job:/etc/cron.d/app#1"
    assert _blast(agentkit, "cmd:pg_dump") == {"py:run:dump", "py:run:main", "py:run", "file:/opt/app/run.py", job}
    ended = agentkit("depmap", "why", "--json", job, "cmd:pg_dump")
    [way] = read_records(ended.stdout, "why")
    steps = way["steps"]
    assert isinstance(steps, list)
    assert [(step["from"], step["file"], step["line"]) for step in steps][-2:] == [
        ("py:run:main", "/opt/app/run.py", 8),
        ("py:run:dump", "/opt/app/run.py", 5),
    ]


def test_a_module_that_two_programs_share_falls_with_both(tmp_path: Path, agentkit: Run) -> None:
    _build(tmp_path, agentkit)
    jobs = {node for node in _blast(agentkit, "port:tcp/mail.local:80") if node.startswith("job:")}
    assert jobs == {"job:/etc/cron.d/app#1", "job:/etc/cron.d/app#2"}


def test_python_is_reached_through_units_and_scripts(tmp_path: Path, agentkit: Run) -> None:
    _build(tmp_path, agentkit)
    assert {"job:/etc/cron.d/wrap#1", "file:/usr/local/bin/wrap", "py:tool:go"} <= _blast(agentkit, "cmd:rsync")
    assert {"unit:app.service", "py:serve"} <= _blast(agentkit, "port:tcp/8080")


def test_what_is_installed_and_what_nobody_starts_is_not_read(tmp_path: Path, agentkit: Run) -> None:
    root = _build(tmp_path, agentkit)
    edges = agentkit("depmap", "edges", "--json").stdout
    assert "cmd:never" not in edges
    assert "unused" not in edges
    assert "cmd:rm" in agentkit("depmap", "edges", "--json", str(root / "opt/app")).stdout


def test_only_what_changed_is_read_again(tmp_path: Path, agentkit: Run) -> None:
    root = _build(tmp_path, agentkit)
    told = agentkit("depmap", "build", "--root", str(root)).stdout
    assert told.startswith("nothing changed")
    module = root / "opt/app/lib/report.py"
    module.write_text(REPORT.replace("curl -s", "wget -q"))
    # Both programs that import it, and the crontab whose `-m` was looked up there.
    assert agentkit("depmap", "build", "--root", str(root)).stdout.startswith("3 of ")
    assert {"py:lib.report:Report.send"} <= _blast(agentkit, "cmd:wget")
    (root / "opt/app/lib/other.py").write_text("")
    agentkit("depmap", "build", "--root", str(root))
    (root / "opt/app/run.py").write_text("import socketserver\n")
    agentkit("depmap", "build", "--root", str(root))
    assert "py:run:dump" not in agentkit("depmap", "edges", "--json").stdout


def test_a_module_that_appears_beside_a_program_is_read(tmp_path: Path, agentkit: Run) -> None:
    root = _build(tmp_path, agentkit)
    (root / "opt/app/serve.py").write_text("import helper\nhelper.go()\n")
    agentkit("depmap", "build", "--root", str(root), "--quiet")
    (root / "opt/app/helper.py").write_text("import os\ndef go(): os.system('ls')\n")
    agentkit("depmap", "build", "--root", str(root), "--quiet")
    assert {"py:helper:go", "unit:app.service"} <= _blast(agentkit, "cmd:ls")


def test_every_program_of_a_machine_is_found_by_its_first_line(tmp_path: Path, agentkit: Run) -> None:
    root = _build(tmp_path, agentkit)
    lay_out(root, {"opt/alone": "#!/usr/bin/python3\nimport os\nos.system('df')\n", "opt/lib.py": "x = 1\n"})
    (root / "opt/alone").chmod(0o755)
    _build(tmp_path, agentkit, "--all")
    assert _blast(agentkit, "cmd:df") == {"py:alone", "file:/opt/alone"}


def test_a_file_of_python_2_is_told_with_its_line(tmp_path: Path, agentkit: Run) -> None:
    path = tmp_path / "old.py"
    path.write_text("import os\nos.system('ls')\nprint 'x'\n")
    ended = agentkit("depmap", "edges", "--json", str(path))
    assert ended.returncode == 65
    assert ended.stderr.startswith(f"agentkit: warning: {path}: not Python 3: line 3: ")
    found = {(edge["edge"], edge["to"]) for edge in read_records(ended.stdout, "edge")}
    assert ("exec", "cmd:ls") in found
    assert any(kind == "unknown" for kind, _ in found)


def test_an_edge_tells_file_line_and_function(tmp_path: Path, agentkit: Run) -> None:
    path = tmp_path / "x.py"
    path.write_text("class C:\n    def m(self):\n        def inner():\n            open('/a')\n        inner()\n")
    ended = agentkit("depmap", "edges", "--json", str(path))
    [edge] = [edge for edge in read_records(ended.stdout, "edge") if edge["edge"] == "read"]
    assert edge["from"] == "py:x:C.m.<locals>.inner"
    assert (edge["file"], edge["line"], edge["function"]) == (str(path), 4, "C.m.<locals>.inner")
