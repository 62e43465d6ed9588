"""Is every unit told that is waited for without a limit, with the words that set one?"""

import re
from pathlib import Path

import pytest

from agentkit.depmap.lintunits import lint_units
from agentkit.depmap.unitmap import map_units
from agentkit.depmap.wait import Wait
from tests.machines import build_machine


def _lint(root: Path, files: dict[str, str]) -> list[Wait]:
    return list(lint_units(map_units(str(build_machine(root, files)))))


@pytest.mark.parametrize(
    ("text", "line", "fix"),
    [
        ("Type=oneshot\nExecStart=/x\n", 2, "TimeoutStartSec=15min"),
        ("ExecStart=/x\nType=oneshot\nRuntimeMaxSec=5\n", 3, "TimeoutStartSec=15min"),
        ("Type=oneshot\nExecStart=/x\nTimeoutStartSec=5\nTimeoutStartSec=infinity\n", 5, "TimeoutStartSec=15min"),
        ("Type=oneshot\nExecStart=/x\nTimeoutStartSec=nonsense\nTimeoutStopSec=5\n", 2, "TimeoutStartSec=15min"),
        ("Type=oneshot\nExecStart=/x\nTimeoutSec=0\n", 4, "TimeoutSec=15min"),
        ("Type=oneshot\nExecStart=/bin/true\nExecStartPre=/x\n", 2, "TimeoutStartSec=15min"),
        ("RemainAfterExit=yes\nExecStop=/x\nExecStartPre=/y\n", 4, "TimeoutStartSec=15min"),
        ("Type=forking\nExecStart=/x\nTimeoutStartSec=0\n", 4, "TimeoutStartSec=15min"),
        ("Type=notify\nExecStart=/x\nTimeoutStartSec=infinity\n", 4, "TimeoutStartSec=15min"),
        ("ExecStart=/x\nExecReload=/y\nTimeoutStartSec=infinity\n", 4, "TimeoutStartSec=15min"),
        ("ExecStart=/x\nTimeoutStopSec=infinity\n", 3, "TimeoutStopSec=90s"),
        ("ExecStart=/x\nTimeoutSec=infinity\n", 3, "TimeoutSec=90s"),
    ],
)
def test_a_wait_without_a_limit_is_told_with_the_words_that_set_one(
    tmp_path: Path, text: str, line: int, fix: str
) -> None:
    (wait,) = _lint(tmp_path, {"a.service": f"[Service]\n{text}"})
    assert (wait.type, wait.subject) == ("unbounded", "unit:a.service")
    assert (wait.file, wait.line, wait.fix) == ("/lib/systemd/system/a.service", line, fix)
    # Said in a drop-in, those words are the end of it.
    assert _lint(tmp_path, {"a.service.d/fix.conf": f"[Service]\n{fix}\n"}) == []


@pytest.mark.parametrize(
    "text",
    [
        "ExecStart=/x\n",
        "ExecStart=/x\nExecStop=/y\n",
        "ExecStart=/x\nTimeoutStartSec=infinity\n",
        "Type=oneshot\nExecStart=/x\nTimeoutStartSec=1h\n",
        "Type=oneshot\nExecStart=/x\nTimeoutSec=5\n",
        "Type=oneshot\nExecStart=/x\nTimeoutStartSec=infinity\nTimeoutStartSec=5\n",
        "Type=oneshot\nExecStart=/x\nTimeoutStartSec=5\nTimeoutStartSec=\n",
        "Type=oneshot\nExecStart=/bin/true\nExecStartPre=-/bin/echo x\n",
        "Type=notify\nExecStart=/x\n",
        "Type=dbus\nExecStart=/x\n",
    ],
)
def test_a_wait_with_a_limit_and_a_unit_that_is_refused_are_not_told(tmp_path: Path, text: str) -> None:
    assert _lint(tmp_path, {"a.service": f"[Service]\n{text}"}) == []


def test_a_template_is_told_once_and_an_instance_only_for_what_is_its_own(tmp_path: Path) -> None:
    waits = _lint(
        tmp_path,
        {
            "t@.service": "[Service]\nType=oneshot\nExecStart=/x %i\n",
            "x.target": "[Unit]\nWants=t@a.service t@b.service\n",
            "t@b.service.d/1.conf": "[Service]\nTimeoutStopSec=infinity\n",
        },
    )
    assert [(wait.subject, wait.key, Path(wait.file).name) for wait in waits] == [
        ("unit:t@.service", "TimeoutStartSec", "t@.service"),
        ("unit:t@b.service", "TimeoutStopSec", "1.conf"),
    ]


def test_a_mount_without_a_limit_is_told(tmp_path: Path) -> None:
    (wait,) = _lint(tmp_path, {"srv.mount": "[Mount]\nWhat=host:/x\nType=nfs\nTimeoutSec=infinity\n"})
    assert (wait.subject, wait.line, wait.fix) == ("unit:srv.mount", 4, "TimeoutSec=90s")


def test_the_words_to_add_are_a_setting() -> None:
    from agentkit.depmap import lintunits

    for fix in (lintunits.START_FIX, lintunits.STOP_FIX):
        assert re.fullmatch(r"Timeout(Start|Stop)Sec=\d+(min|s)", fix)
