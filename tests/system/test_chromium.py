import os
import tempfile
from pathlib import Path

import pytest

from agentkit.core.tree import list_pids
from tests.processes import wait_until
from tests.system.chromium import start_chromium


def test_the_browser_and_its_profile_are_gone_afterwards() -> None:
    with start_chromium() as browser:
        pid, profile = browser.process.pid, browser.profile
        assert os.path.isdir(profile)
        assert browser.run("1 + 1") == 2
    assert not os.path.exists(profile)
    assert profile.startswith(tempfile.gettempdir())
    wait_until(lambda: not [one for one in list_pids() if _is_of(one, pid)])


def _is_of(pid: int, session: int) -> bool:
    try:
        return os.getsid(pid) == session
    except ProcessLookupError:
        return False


def test_a_browser_that_does_not_answer_is_told_and_ended() -> None:
    with pytest.raises(AssertionError, match=r"no answer within 0\.5 s"), start_chromium() as browser:
        browser.ask("Runtime.evaluate", limit=0.5, expression="while (true) {}")
    assert browser.process.returncode is not None
    assert not os.path.exists(browser.profile)


def test_a_browser_that_does_not_start_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(tmp_path, "chromium").write_text("#!/bin/sh\nexit 1\n")
    Path(tmp_path, "chromium").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(AssertionError, match="the browser has gone"), start_chromium():
        pass
    assert os.listdir(tmp_path) == ["chromium"]
