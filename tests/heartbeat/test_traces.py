"""What does a run leave behind that prints nothing and is over in milliseconds?"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Agentkit = Callable[..., "subprocess.CompletedProcess[str]"]


def _run(agentkit: Agentkit, home: Path, tmp_path: Path, script: str, *options: str) -> dict[str, object]:
    assert agentkit("heartbeat", "run", "x", *options, "--", "sh", "-c", script, cwd=tmp_path).returncode == 0
    (spool,) = (home / "spool").glob("*.jsonl")
    closing: dict[str, object] = json.loads(spool.read_text().splitlines()[-1])
    return closing


@pytest.mark.parametrize("options", [(), ("--tee",)])
def test_bytes_into_files_and_pipes_and_output_are_counted(
    agentkit: Agentkit, home: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    closing = _run(agentkit, home, tmp_path, "seq 10000 19999 | cat > file; echo done; echo oh >&2", *options)
    assert closing["written_bytes"] == 60000 + 60000 + 5 + 3


def test_what_an_earlier_attempt_wrote_is_not_counted_again(agentkit: Agentkit, home: Path, tmp_path: Path) -> None:
    script = "seq 10000 10999 > file; [ -e again ] || { : > again; exit 1; }"
    assert _run(agentkit, home, tmp_path, script, "--retries", "1")["written_bytes"] == 6000


def test_a_shell_that_starts_nothing_makes_less_than_half_of_the_faults(
    agentkit: Agentkit, home: Path, tmp_path: Path
) -> None:
    little = _run(agentkit, home, tmp_path, "exit 0")["page_faults"]
    much = _run(agentkit, home, tmp_path, "sort /dev/null; exit 0")["page_faults"]
    assert isinstance(little, int)
    assert isinstance(much, int)
    assert 0 < 2 * little < much


def test_work_in_the_background_counts(agentkit: Agentkit, home: Path, tmp_path: Path) -> None:
    script = "(sleep 0.1; seq 10000 19999 > file; sort file > /dev/null) > /dev/null 2>&1 & exit 0"
    closing = _run(agentkit, home, tmp_path, script)
    alone = _run(agentkit, home, tmp_path, "exit 0")
    assert closing["written_bytes"] == 120000
    assert closing["page_faults"] > 2 * alone["page_faults"]  # type: ignore[operator]
    assert closing["background_s"] > closing["duration_s"]  # type: ignore[operator]
    assert "background_s" not in alone
