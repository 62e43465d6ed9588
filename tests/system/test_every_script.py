"""Is every shell script of this machine mapped and linted without a crash, and read whole exactly when a shell can?"""

import shutil
import subprocess
from pathlib import Path

import pytest

from agentkit.depmap.calls import Script
from agentkit.depmap.disk import Disk
from agentkit.depmap.lint import lint
from agentkit.depmap.mapping import Reader
from agentkit.depmap.shelledges import map_script
from agentkit.depmap.shellscript import read_script

LEAST_SCRIPTS = 300
LIMIT_S = 20
# In one of a thousand `shopt -s extglob` changes what the shell takes, and `bash -n` does not run it.
MOST_ODD = 3


@pytest.fixture(scope="module")
def scripts() -> dict[str, tuple[bytes, Script]]:
    disk = Disk("/")
    found = {}
    for path in Reader("/").find_scripts("/", is_machine=True):
        content = disk.read(path)
        assert content is not None, path
        found[path] = content, read_script(path, content, disk)
    assert len(found) >= LEAST_SCRIPTS
    return found


def test_every_script_of_this_machine_is_mapped_and_linted(scripts: dict[str, tuple[bytes, Script]]) -> None:
    disk = Disk("/")
    for path, (content, script) in scripts.items():
        last = content.count(b"\n") + 1
        edges = map_script(script, disk)
        assert all(edge.line is not None and 1 <= edge.line <= last for edge in edges if edge.file == path), path
        assert all("\0" not in edge.target + (edge.path or "") for edge in edges), path
        assert all(wait.fix and wait.why for wait in lint(script, disk)), path


def _takes(shell: str, path: str) -> bool:
    """Tell whether a shell can read a script, without running it."""
    words = [shutil.which(shell) or f"/bin/{shell}", "-n", path]
    return subprocess.run(words, capture_output=True, timeout=LIMIT_S, check=False).returncode == 0


def test_a_script_is_read_whole_exactly_when_its_shell_can_read_it(scripts: dict[str, tuple[bytes, Script]]) -> None:
    odd = []
    for path, (content, script) in scripts.items():
        first = content.split(b"\n", 1)[0]
        if first.startswith(b"#!") and (first.endswith(b"/sh") or b"dash" in first or b"bash" in first):
            is_taken = _takes("bash", path) or (b"bash" not in first and _takes("dash", path))
            if is_taken != script.is_whole:
                odd.append(path)
    assert len(odd) <= MOST_ODD, odd


def test_what_no_shell_can_read_is_never_called_whole(tmp_path: Path) -> None:
    texts = (
        b"if true; then\n",
        b"echo 'a\n",
        b"f() {\n",
        b"a && || b\n",
        b"case x in\n",
        b"for\n",
        b"$(a\n",
        b"done\n",
    )
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.sh"
        path.write_bytes(b"#!/bin/bash\n" + text)
        assert not _takes("bash", str(path)), text
        assert not read_script(str(path), path.read_bytes(), Disk("/")).is_whole, text
