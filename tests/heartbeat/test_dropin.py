"""Does the drop-in that wraps a timer's service hand the same words to the same program?"""

import shlex
import subprocess
from pathlib import Path

import pytest

from agentkit.core.timers import read_timer
from agentkit.heartbeat.dropin import write_drop_in
from tests.heartbeat.disk import NOW, Disk

LIMIT_S = 30
STUB = """#!/bin/sh
[ "$1" = --version ] && exit {version}
while [ "$1" != -- ]; do shift; done
shift
echo wrapped
exec "$@"
"""
SHOW = '#!/bin/sh\nprintf "%s\\n" "$@"\n'


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("PROGRAM a 'b c' \"d e\"", ["a", "b c", "d e"]),
        ("PROGRAM $$HOME 100%%", ["$HOME", "100%"]),
        (":PROGRAM $HOME $$x", ["$HOME", "$$x"]),
        ("-PROGRAM 'é ☃' \"it's\" 'say \"x\"'", ["é ☃", "it's", 'say "x"']),
        ("@PROGRAM other a", ["a"]),
        ('"PROGRAM" "a;b" \'|| true\'', ["a;b", "|| true"]),
    ],
)
def test_the_wrapped_service_gets_the_same_words_with_agentkit_and_without(
    written: str, words: list[str], version: int, tmp_path: Path
) -> None:
    disk = Disk(tmp_path / "disk")
    stub = disk.write("agentkit", STUB.format(version=version), 0o755)
    program = disk.write("show", SHOW, 0o755)
    disk.unit("job.timer", "[Timer]", "OnCalendar=daily")
    start = f"ExecStart={written.replace('PROGRAM', str(program))}"
    disk.unit("job.service", "[Service]", "Type=oneshot", start)
    text = write_drop_in(read_timer(str(disk.root), "job.timer", now=NOW), str(stub), is_notify=False)
    [line] = [row for row in text.splitlines() if row.startswith("ExecStart=") and "agentkit" in row]
    ended = subprocess.run(
        _split_as_systemd(line.partition("=")[2]), capture_output=True, text=True, timeout=LIMIT_S, check=True
    )
    assert ended.stdout.splitlines() == (["wrapped"] if version == 0 else []) + words
    assert ("does not work" in ended.stderr) == (version == 1)


def _split_as_systemd(written: str) -> list[str]:
    """Return the words of an ExecStart=; what a : stands before is not expanded (systemd.service(5))."""
    bare = written.lstrip("@-+:!|")
    words = [word.replace("%%", "%") for word in shlex.split(bare)]
    is_literal = ":" in written[: len(written) - len(bare)]
    return words if is_literal else [word.replace("$$", "$") for word in words]
