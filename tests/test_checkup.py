import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from subprocess import CompletedProcess

import jsonschema
import pytest

from agentkit import checkup
from agentkit.core import ourselves
from agentkit.core.schemas import read_schema

SUMMARY = {
    "v": 1,
    "kind": "summary",
    "at": "2026-11-22T03:00:00.000Z",
    "host": "web-1",
    "title": "heartbeat: 2 jobs",
    "lines": [{"text": "backup is late", "severity": "critical"}, {"text": "report is well", "severity": "info"}],
    "next": "agentkit heartbeat check",
}


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch, own_environ: dict[str, str]) -> Callable[[str], dict[str, object]]:
    """Return a function that asks commands which a piece of Python stands in for."""

    def ask(script: str) -> dict[str, object]:
        monkeypatch.setattr(ourselves, "START", script)
        [found] = checkup.ask_for_summaries(["heartbeat"], own_environ, limit=timedelta(seconds=20)).values()
        jsonschema.validate(found, read_schema("summary"))
        return found

    return ask


def text_of(summary: dict[str, object]) -> str:
    lines = summary["lines"]
    assert isinstance(lines, list)
    return "\n".join(line["text"] for line in lines)


def test_the_summary_of_a_command_is_passed_on_as_it_is(answer: Callable[[str], dict[str, object]]) -> None:
    assert answer(f"import json; print(json.dumps({SUMMARY!r}))") == SUMMARY


def test_findings_are_no_fault_of_the_command_that_tells_them(answer: Callable[[str], dict[str, object]]) -> None:
    assert answer(f"import json; print(json.dumps({SUMMARY!r})); raise SystemExit(1)") == SUMMARY


def test_a_command_that_fails_is_a_critical_line_with_its_first_word(
    answer: Callable[[str], dict[str, object]],
) -> None:
    found = answer("import sys; print('agentkit: error: no room', file=sys.stderr); sys.exit(73)")
    assert text_of(found) == "no answer, it ended with status 73: no room"
    assert found["next"] == "agentkit heartbeat summary"


@pytest.mark.parametrize("words", ["", "[]", "{", "[" * 100_000, '{"kind": "summary"}'])
def test_an_answer_that_is_no_summary_is_a_critical_line(
    answer: Callable[[str], dict[str, object]], words: str
) -> None:
    assert text_of(answer(f"print({words!r})")) == "its answer is no summary"


def test_a_command_that_hangs_is_ended_and_told(monkeypatch: pytest.MonkeyPatch, own_environ: dict[str, str]) -> None:
    monkeypatch.setattr(ourselves, "START", "import time; time.sleep(600)")
    [found] = checkup.ask_for_summaries(["heartbeat"], own_environ, limit=timedelta(seconds=1)).values()
    assert text_of(found) == "no answer within 1s"


def test_the_page_names_the_severity_and_the_next_step(
    monkeypatch: pytest.MonkeyPatch, own_environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ourselves, "START", f"import json; print(json.dumps({SUMMARY!r}))")
    checkup.print_checkup(["heartbeat"], own_environ, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "heartbeat: 2 jobs",
        "  critical backup is late",
        "           report is well",
        "  next:    agentkit heartbeat check",
    ]


def test_a_new_machine_gets_a_page_and_keeps_its_empty_home(
    agentkit: Callable[..., "CompletedProcess[str]"], home: Path
) -> None:
    page = agentkit("checkup")
    assert (page.returncode, page.stderr) == (0, "")
    assert "heartbeat" in page.stdout
    assert not os.path.exists(home)


def test_json_is_one_summary_a_line(agentkit: Callable[..., "CompletedProcess[str]"]) -> None:
    ended = agentkit("checkup", "--json")
    assert ended.returncode == 0
    for line in ended.stdout.splitlines():
        jsonschema.validate(json.loads(line), read_schema("summary"))


def test_a_stray_module_in_the_current_folder_is_not_ours(
    agentkit: Callable[..., "CompletedProcess[str]"], tmp_path: Path, environ: dict[str, str]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "zlib.py").write_text("raise SystemExit('stray')")
    found = checkup.ask_for_summaries(["heartbeat"], environ)
    os.chdir(elsewhere)
    try:
        assert text_of(checkup.ask_for_summaries(["heartbeat"], environ)["heartbeat"]) == text_of(found["heartbeat"])
    finally:
        os.chdir(Path(__file__).parent)
