"""Is everything where the environment says, and somewhere sensible where it says nothing?"""

import os
from pathlib import Path

import pytest

from agentkit.core import paths


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"AGENTKIT_HOME": "/srv/a", "XDG_STATE_HOME": "/x", "HOME": "/h"}, "/srv/a"),
        ({"AGENTKIT_HOME": "/srv/a/../b/", "HOME": "/h"}, "/srv/b"),
        ({"AGENTKIT_HOME": "", "XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/agentkit"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/agentkit"),
        ({"HOME": "/h"}, "/h/.local/state/agentkit"),
    ],
)
def test_the_state_folder(environ: dict[str, str], folder: str) -> None:
    assert paths.state_folder(environ) == folder


@pytest.mark.parametrize(
    ("environ", "file"),
    [
        ({"AGENTKIT_CONFIG": "/c.toml", "AGENTKIT_HOME": "/srv/a"}, "/c.toml"),
        ({"AGENTKIT_HOME": "/srv/a", "XDG_CONFIG_HOME": "/x"}, "/srv/a/agentkit.toml"),
        ({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/agentkit/agentkit.toml"),
        ({"HOME": "/h"}, "/h/.config/agentkit/agentkit.toml"),
    ],
)
def test_the_configuration_file(environ: dict[str, str], file: str) -> None:
    assert paths.configuration_file(environ) == file


@pytest.mark.parametrize("home", [None, "", "relative"])
def test_without_a_home_the_password_database_is_asked(home: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        pw_dir = "/tmp"

    monkeypatch.setattr("pwd.getpwuid", lambda _: Entry)
    environ = {} if home is None else {"HOME": home}
    assert paths.state_folder(environ) == "/tmp/.local/state/agentkit"


@pytest.mark.parametrize("home", ["/", "/nonexistent", ""])
def test_an_account_without_a_home_uses_the_fallback(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        pw_dir = home

    monkeypatch.setattr("pwd.getpwuid", lambda _: Entry)
    assert paths.state_folder({}) == f"/var/lib/agentkit/{os.getuid()}"
    assert paths.configuration_file({}) == f"/var/lib/agentkit/{os.getuid()}/agentkit.toml"


def test_an_unknown_user_uses_the_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert paths.state_folder({}) == f"/var/lib/agentkit/{os.getuid()}"


def test_a_relative_folder_of_a_folder_that_is_gone_is_the_fallback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert paths.state_folder({"AGENTKIT_HOME": "relative"}) == f"/var/lib/agentkit/{os.getuid()}"


def test_private_is_a_real_folder_of_ours_that_is_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "file").touch(0o600)
    assert paths.is_private(str(folder))
    assert not paths.is_private(str(tmp_path / "link"))
    assert not paths.is_private(str(tmp_path / "file"))
    assert not paths.is_private(str(tmp_path / "nowhere"))
    for mode in (0o701, 0o710, 0o720, 0o777):
        folder.chmod(mode)
        assert not paths.is_private(str(folder))
