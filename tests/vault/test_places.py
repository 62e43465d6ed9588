"""Do names stay inside the vault, and is its place found whatever the environment says?"""

import os
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.places import LONGEST_NAME, SUFFIXES, demand_name, find_places
from tests.vault.ownvault import OwnVault

LETTERS = string.ascii_lowercase + string.digits + "._-"
NAMES = st.lists(
    st.text(LETTERS, min_size=1, max_size=12).filter(lambda part: part[0] not in "._-" and ".." not in part),
    min_size=1, max_size=4,
).map("/".join)  # fmt: skip


@given(NAMES)
def test_a_name_of_the_allowed_letters_is_one_unless_a_folder_looks_like_a_file(name: str) -> None:
    if any(folder.endswith(SUFFIXES) for folder in name.split("/")[:-1]):
        with pytest.raises(AgentkitError):
            demand_name(name)
    else:
        assert demand_name(name) == name


def find_refusal(name: str) -> AgentkitError | None:
    try:
        demand_name(name)
    except AgentkitError as error:
        return error
    return None


@given(st.one_of(st.text(max_size=300), st.text(LETTERS + "/", max_size=250), st.text("./a\n\0", max_size=20)))
def test_what_is_taken_for_a_name_leads_to_no_other_place(name: str) -> None:
    error = find_refusal(name)
    if error is not None:
        # It may be a value.
        assert error.status == Exit.USAGE
        assert len(name) < 8 or name not in f"{error.message}{error.hint}"
        return
    places = find_places({"AGENTKIT_HOME": "/state", "HOME": "/home/x"})
    for path, folder in ((places.row(name), places.manifest), (places.current(name), places.secrets)):
        assert os.path.normpath(path) == path
        assert path.startswith(f"{folder}/")
        assert max(map(len, path.split("/"))) <= 255
    assert name.isascii()
    assert 0 < len(name) <= LONGEST_NAME


@given(NAMES, NAMES)
def test_no_two_names_get_into_each_others_way(one: str, other: str) -> None:
    """The file of a secret is never a folder on the way to another's."""
    if any(folder.endswith(SUFFIXES) for name in (one, other) for folder in name.split("/")[:-1]):
        return
    places = find_places({"AGENTKIT_HOME": "/state", "HOME": "/home/x"})
    for find in (places.row, places.current, places.newest):
        assert (find(one) == find(other)) == (one == other)
        assert not find(other).startswith(f"{find(one)}/")


def test_the_longest_name_is_kept_and_given(tmp_path: Path) -> None:
    own = OwnVault(tmp_path / "own")
    for name in (
        "n" * LONGEST_NAME,
        "/".join("n" * (LONGEST_NAME // 2)),
        "a",
        "a/b",
        "a.json",
        "0/.".replace("/.", "-."),
    ):
        own.set(name, name.encode())
    for name in ("n" * LONGEST_NAME, "a", "a/b", "a.json"):
        assert own.get(name) == name.encode()


def test_the_identity_lies_apart_from_the_vault() -> None:
    cases: list[tuple[dict[str, str], str, str]] = [
        ({"HOME": "/h"}, "/h/.local/state/agentkit/vault", "/h/.config/agentkit/identity"),
        ({"HOME": "/h", "AGENTKIT_HOME": "/s"}, "/s/vault", "/h/.config/agentkit/identity"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "/c"}, "/h/.local/state/agentkit/vault", "/c/agentkit/identity"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "c"}, "/h/.local/state/agentkit/vault", "/h/.config/agentkit/identity"),
        ({"HOME": "/h", "AGENTKIT_IDENTITY": "/k"}, "/h/.local/state/agentkit/vault", "/k"),
        ({"HOME": "/h", "AGENTKIT_IDENTITY": ""}, "/h/.local/state/agentkit/vault", "/h/.config/agentkit/identity"),
    ]
    for environ, vault, identity in cases:
        places = find_places(environ)
        assert (places.vault, places.identity) == (vault, identity)


def in_removed_folder(own: OwnVault, *words: str, **more: str) -> "subprocess.CompletedProcess[bytes]":
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    command = ["sh", "-c", script, "sh", sys.executable, "-m", "agentkit", "vault", *words]
    return subprocess.run(
        command, cwd=own.folder, env={**own.environ, **more}, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip


def test_a_relative_home_and_a_link_to_one_are_followed(tmp_path: Path) -> None:
    own = OwnVault(tmp_path / "own")
    own.set("token", b"value")
    (own.folder / "link").symlink_to("home")
    for home in ("home", "./home/", "link", "../own/link", f"{own.folder}/link"):
        done = own.run("get", "token", "--reason", "x", more={"AGENTKIT_HOME": home}, cwd=own.folder)
        assert (done.returncode, done.stdout) == (0, b"value"), done.stderr
    more = {"AGENTKIT_IDENTITY": ".config/agentkit/identity"}
    assert own.run("get", "token", "--reason", "x", more=more, cwd=own.folder).stdout == b"value"


def test_a_working_folder_that_was_removed_stops_nothing_that_needs_none(tmp_path: Path) -> None:
    own = OwnVault(tmp_path / "own")
    own.set("token", b"value")
    done = in_removed_folder(own, "get", "token", "--reason", "x")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"value", b"")
    for more in ({"AGENTKIT_HOME": "home"}, {"AGENTKIT_IDENTITY": "identity"}):
        done = in_removed_folder(own, "get", "token", "--reason", "x", **more)
        assert (done.returncode, done.stdout) == (Exit.UNAVAILABLE, b"")
        assert done.stderr.count(b"agentkit: error:") == 1
    done = in_removed_folder(own, "init", "--new-recovery", "recovery.key", AGENTKIT_HOME=str(own.folder / "second"))
    assert (done.returncode, done.stdout) == (Exit.CANNOT_WRITE, b"")
