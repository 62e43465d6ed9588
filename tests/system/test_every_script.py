"""Is every shell script of this machine read, mapped and linted without a crash, and the half-read ones told?"""

import shutil
import subprocess
from pathlib import Path

from agentkit.depmap.disk import Disk
from agentkit.depmap.lint import lint
from agentkit.depmap.mapping import Reader
from agentkit.depmap.shelledges import map_script
from agentkit.depmap.shellscript import is_shell_script, read_script

LEAST_SCRIPTS = 300
LIMIT_S = 20


def test_every_script_of_this_machine_is_mapped_and_linted() -> None:
    reader = Reader("/")
    disk = Disk("/")
    count, unread = 0, []
    for path in reader.find_scripts("/", is_machine=True):
        content = disk.read(path)
        assert content is not None, path
        script = read_script(path, content, disk)
        edges = map_script(script, disk)
        assert all(
            edge.line is not None and 1 <= edge.line <= content.count(b"\n") + 1 for edge in edges if edge.file == path
        ), path
        assert all("\0" not in edge.target + (edge.path or "") for edge in edges), path
        assert all(wait.fix and wait.why for wait in lint(script, disk)), path
        count += 1
        if not script.is_whole:
            unread.append(path)
    assert count >= LEAST_SCRIPTS
    assert len(unread) < count / 5


def test_what_no_shell_can_read_is_never_called_whole(tmp_path: Path) -> None:
    """The other way round is no fault: the grammar is lost where a shell is not."""
    broken = (
        b"if true; then\n",
        b"echo 'a\n",
        b"f() {\n",
        b"a && || b\n",
        b"case x in\n",
        b"for\n",
        b"echo $(a\n",
        b"done\n",
    )
    for number, text in enumerate(broken):
        path = tmp_path / f"{number}.sh"
        path.write_bytes(b"#!/bin/bash\n" + text)
        shell = shutil.which("bash") or "/bin/bash"
        judged = subprocess.run([shell, "-n", str(path)], capture_output=True, timeout=LIMIT_S, check=False)
        assert judged.returncode != 0, text
        assert is_shell_script(path.read_bytes(), str(path))
        assert not read_script(str(path), path.read_bytes(), Disk("/")).is_whole, text
