"""What the tests of think share: a model that says what it is told, a configuration, and findings in a pipe."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.think.scriptedmodel import ScriptedModel, say, scripted_model

Wake = Callable[..., tuple[int, list[dict[str, object]], str]]


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    """Serve a model that wants a person to look."""
    with scripted_model(lambda _: (200, say(), {})) as served:
        yield served


@pytest.fixture
def configure(home: Path, model: ScriptedModel) -> Callable[[str], None]:
    """Return a function that writes the configuration: the model for nothing, and more text."""

    def write(more: str = "", provider: str = "price = 0") -> None:
        home.mkdir(exist_ok=True)
        mine = f'[[think.provider]]\nname = "mine"\nkind = "openai"\nurl = "{model.url}"\nmodel = "m"'
        text = f"{more}\n{mine}\n{provider}\n"
        (home / "agentkit.toml").write_text(text)
        (home / "agentkit.toml").chmod(0o600)

    return write


@pytest.fixture
def wake(agentkit: Run) -> Wake:
    """Return a function that pipes findings into `think wake --json`: (status, records, stderr)."""

    def call(*findings: dict[str, object], words: tuple[str, ...] = ("--json",), **more: object) -> object:
        text = "".join(json.dumps(finding) + "\n" for finding in findings)
        ended: subprocess.CompletedProcess[str] = agentkit("think", "wake", *words, input=text, **more)
        return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()], ended.stderr

    return call  # type: ignore[return-value]


def finding(subject: str = "job:backup", severity: str = "warning", **more: object) -> dict[str, object]:
    """Return a finding as a check prints it."""
    return {
        "v": 1, "kind": "finding", "at": "2026-11-22T03:00:00.000Z", "host": "web-1", "source": "heartbeat.check",
        "type": "missing", "subject": subject, "severity": severity, "state": "firing",
        "title": f"{subject} has left no evidence", **more,
    }  # fmt: skip
