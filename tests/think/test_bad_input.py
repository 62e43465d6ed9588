"""Bad input, a full disk, a malformed inbox: clear words, the right status, and nothing lost?"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError
from agentkit.think import store
from agentkit.think.wake import wake
from tests.conftest import ROOT, Run
from tests.think.conftest import Wake, finding
from tests.think.scriptedmodel import ScriptedModel

LINE = json.dumps(finding())
LIMIT_S = 120


def waits(agentkit: Run) -> list[str]:
    """Return the subjects of the findings that wait."""
    ended = agentkit("think", "inbox", "--json")
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line)["subject"] for line in ended.stdout.splitlines()]


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("what?\n", "line 2 is no JSON object"),
        ("[1]\n", "line 2 is no JSON object"),
        ('{"kind": "finding", "source": "s"', "line 2 is no JSON object"),
        ('{"kind": "finding", "source": "s", "value": NaN}\n', "line 2 is no JSON object"),
        ("[" * 100_000 + "\n", "line 2 is no JSON object"),
        ("\0\0\0\n", "line 2 is no JSON object"),
        (json.dumps({**finding(), "severity": "high"}) + "\n", "line 2 is no finding: severity is 'high'; expected"),
        (json.dumps({**finding(), "subject": 7}) + "\n", "line 2 is no finding: subject is 7; expected text"),
        (json.dumps({**finding(), "at": "yesterday"}) + "\n", "line 2 is no finding: first_seen is 'yesterday'"),
        (json.dumps({"kind": "finding"}) + "\n", "line 2 is no finding: source is missing"),
    ],
    ids=lambda text: text[:20],
)
def test_a_line_of_no_use_is_told_and_the_others_are_taken(agentkit: Run, bad: str, told: str) -> None:
    ended = agentkit("think", "wake", input=f"{LINE}\n{bad}")
    assert ended.returncode == 65
    assert f"stdin: {told}" in ended.stderr
    assert waits(agentkit) == ["job:backup"]


def test_half_a_line_at_the_end_is_told(agentkit: Run) -> None:
    ended = agentkit("think", "wake", input=f"{LINE}\n{LINE[:50]}")
    assert (ended.returncode, "line 2 is no JSON object" in ended.stderr) == (65, True)
    assert waits(agentkit) == ["job:backup"]


def test_a_line_of_200_mb_is_no_memory_and_no_end(environ: dict[str, str], agentkit: Run, tmp_path: Path) -> None:
    path = tmp_path / "long"
    with path.open("w") as file:
        for _ in range(200):
            file.write("x" * 1024 * 1024)
        file.write(f"\n{LINE}\n")

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (100 * 1024 * 1024,) * 2)

    ended = subprocess.run(
        [sys.executable, "-m", "agentkit", "think", "wake", str(path)], env=environ, cwd=ROOT, preexec_fn=bound,
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert (ended.returncode, "line 1 is longer than" in ended.stderr) == (65, True), ended.stderr
    assert waits(agentkit) == ["job:backup"]


@pytest.mark.parametrize("indent", [None, 2])
def test_the_body_of_an_alertmanager_webhook_is_taken(agentkit: Run, indent: int | None) -> None:
    def alert(instance: str, status: str = "firing") -> dict[str, object]:
        labels = {"alertname": "DiskFull", "instance": instance, "severity": "page"}
        annotations = {"summary": "no room"}
        return {"status": status, "labels": labels, "annotations": annotations, "startsAt": "2026-11-22T03:00:00.5Z"}

    body = {"version": "4", "status": "firing", "alerts": [alert("db-1:9100"), alert("db-2:9100")]}
    for _ in range(2):
        assert agentkit("think", "wake", input=json.dumps(body, indent=indent)).returncode == 75
    records = [json.loads(line) for line in agentkit("think", "inbox", "--json").stdout.splitlines()]
    assert sorted((record["subject"], record["severity"], record["title"]) for record in records) == [
        ("host:db-1", "critical", "no room"),
        ("host:db-2", "critical", "no room"),
    ]
    gone = {**body, "alerts": [alert("db-1:9100", "resolved"), alert("db-2:9100", "resolved")]}
    assert agentkit("think", "wake", input=json.dumps(gone, indent=indent)).returncode == 0
    assert waits(agentkit) == []


def test_a_file_that_is_not_there_is_told(agentkit: Run) -> None:
    ended = agentkit("think", "wake", "no-such-file")
    assert (ended.returncode, "no-such-file: cannot be read" in ended.stderr) == (65, True)


def test_a_closed_stdout_loses_no_decision(
    environ: dict[str, str], configure: Callable[..., None], wake: Wake, model: ScriptedModel
) -> None:
    configure()
    ended = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m agentkit think wake --json >&-"], input=LINE, env=environ, cwd=ROOT,
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert ended.returncode == 73, ended.stderr
    status, (record, *_), _ = wake()
    assert (status, record["status"], len(model.asked)) == (0, "thought", 1)


def test_on_a_full_disk_the_findings_are_told(environ: dict[str, str], home: Path, tmp_path: Path) -> None:
    home.mkdir()
    script = f"""mount --make-rprivate /
        mount -t tmpfs -o size=800k,mode=700 tmpfs {home}
        A="{sys.executable} -m agentkit think"
        $A wake <{tmp_path}/one || test $? -eq 75
        dd if=/dev/zero of={home}/filler bs=4096 count=300 2>/dev/null || true
        status=0; $A wake <{tmp_path}/many 2>{tmp_path}/err || status=$?
        echo "full $status $(grep -c 'not stored: ' {tmp_path}/err)"
        rm {home}/filler
        status=0; $A wake <{tmp_path}/many 2>/dev/null || status=$?
        echo "then $status $($A inbox --json | wc -l)"
        """
    (tmp_path / "one").write_text(LINE)
    (tmp_path / "many").write_text("".join(json.dumps(finding(f"job:{number}")) + "\n" for number in range(50)))
    ended = subprocess.run(
        ["unshare", "-m", "sh", "-euc", script], env=environ, cwd=ROOT, capture_output=True, text=True,
        timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert ended.stdout.splitlines() == ["full 73 50", "then 75 51"], ended.stderr


@pytest.mark.parametrize("content", [b"no database at all" * 300, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_malformed_inbox_is_told_left_alone_and_the_findings_named(agentkit: Run, home: Path, content: bytes) -> None:
    home.mkdir()
    (home / "think.db").write_bytes(content)
    ended = agentkit("think", "wake", input=LINE)
    assert ended.returncode == 65
    assert "think.db is malformed" in ended.stderr
    assert "not stored: " in ended.stderr
    assert "Traceback" not in ended.stderr
    assert (home / "think.db").read_bytes() == content


def test_an_inbox_with_torn_pages_is_told(agentkit: Run, home: Path, random_choices: object) -> None:
    many = "".join(json.dumps(finding(f"job:{number}")) + "\n" for number in range(200))
    agentkit("think", "wake", input=many)
    path = home / "think.db"
    raw = bytearray(path.read_bytes())
    raw[4096 : len(raw) // 2] = bytes(len(raw) // 2 - 4096)
    path.write_bytes(raw)
    ended = agentkit("think", "wake", input=LINE)
    assert ended.returncode == 65, ended.stderr
    assert "malformed" in ended.stderr


def test_a_configuration_that_others_can_write_is_refused(
    agentkit: Run, home: Path, configure: Callable[..., None], model: ScriptedModel
) -> None:
    configure()
    (home / "agentkit.toml").chmod(0o666)
    ended = agentkit("think", "wake", input=LINE)
    assert (ended.returncode, "others could write it" in ended.stderr) == (77, True)
    assert model.asked == []
    (home / "agentkit.toml").chmod(0o600)
    assert agentkit("think", "wake").returncode == 0
    assert len(model.asked) == 1


def test_a_wrong_configuration_is_told_and_the_finding_waits(agentkit: Run, home: Path) -> None:
    home.mkdir()
    (home / "agentkit.toml").write_text('[think]\ndeadlin = "5s"\n')
    ended = agentkit("think", "wake", input=LINE)
    assert (ended.returncode, "deadlin" in ended.stderr) == (78, True)
    (home / "agentkit.toml").unlink()
    assert agentkit("think", "wake").returncode == 75


def test_an_inbox_that_others_hold_is_no_inbox_in_which_a_finding_waits(
    agentkit: Run, home: Path, own_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    agentkit("think", "wake", input=LINE)
    monkeypatch.setattr(store, "BUSY_LIMIT_S", 0.1)
    other = home.parent / "other"
    other.write_text(json.dumps(finding("job:other")))
    with store.open_store(own_environ) as held, held.transaction(), pytest.raises(AgentkitError) as told:
        wake(own_environ, str(other), as_json=False, is_quiet=False)
    assert told.value.status == 73
    assert waits(agentkit) == ["job:backup"]
