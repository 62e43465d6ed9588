"""Is the level told that is in force, and is whoever could get around it named?"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.vault.age import make_identity
from agentkit.vault.places import Places
from agentkit.vault.separate.hookuser import hand_over
from agentkit.vault.separate.levelsetup import write_setup
from agentkit.vault.separate.rootowned import find_stranger, find_stranger_below
from agentkit.vault.separate.separation import find_level
from agentkit.vault.separate.separationrules import find_surplus
from agentkit.vault.separate.starting import HOOK_RUNNER, VERBS
from tests.conftest import ROOT

STRANGER = 4242
STARTER = "/opt/agentkit-vault/bin/agentkit-vault"
RECIPIENT = make_identity()[1]


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    """Return a folder with a program of root's in it."""
    assert os.geteuid() == 0, "files of other users are made by root, and so are these tests"
    (tmp_path / "lib/package").mkdir(parents=True)
    (tmp_path / "lib/package/module.py").write_text("")
    (tmp_path / "lib/link").symlink_to("package")
    return tmp_path / "lib"


def read_rules(text: str, folder: Path) -> object:
    """Return rules of sudo as sudo itself reads them."""
    (folder / "rules").write_text(text)
    ended = subprocess.run(
        ["cvtsudoers", "-e", "-f", "json", folder / "rules"], capture_output=True, timeout=60, check=True
    )
    return json.loads(ended.stdout)


def test_a_vault_of_ones_own_is_at_level_0_and_one_look_says_so(places: Places, environ: dict[str, str]) -> None:
    level = find_level(places, {**environ, "SUDO_UID": "12345"})
    assert (level.level, [demand.held for demand in level.demands]) == ("L0", [False])
    assert f"uid {os.getuid()}" in level.demands[0].why


def test_what_only_root_can_change_has_no_stranger(roots: Path) -> None:
    assert find_stranger(str(roots / "package/module.py")) is None
    assert find_stranger_below(str(roots)) is None


@pytest.mark.parametrize("place", ["package/module.py", "package", "link", "."])
def test_another_owner_is_named(roots: Path, place: str) -> None:
    os.chown(roots / place, STRANGER, STRANGER, follow_symlinks=False)
    told = find_stranger_below(str(roots))
    assert told == f"{os.path.normpath(roots / place)} belongs to uid {STRANGER}"


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
@pytest.mark.parametrize("place", ["package/module.py", "package", "."])
def test_what_others_may_write_is_named(roots: Path, place: str, mode: int) -> None:
    (roots / place).chmod(mode)
    assert str(os.path.normpath(roots / place)) in (find_stranger_below(str(roots)) or "")


def test_a_folder_above_is_named_and_a_sticky_one_is_not(roots: Path) -> None:
    roots.parent.chmod(0o1777)
    assert find_stranger_below(str(roots)) is None
    roots.parent.chmod(0o777)
    assert find_stranger_below(str(roots)) == f"{roots.parent} may be written by everybody"


def test_in_a_sticky_folder_anybody_may_make_what_is_not_there(roots: Path) -> None:
    roots.parent.chmod(0o1777)
    assert find_stranger(str(roots.parent / "absent")) == f"{roots.parent} may be written by everybody"


def test_where_a_link_leads_counts_and_a_circle_comes_to_an_end(roots: Path) -> None:
    elsewhere = roots.parent / "elsewhere"
    elsewhere.mkdir()
    os.chown(elsewhere, STRANGER, STRANGER)
    (roots / "away").symlink_to("../elsewhere/module.py")
    assert find_stranger_below(str(roots)) == f"{elsewhere} belongs to uid {STRANGER}"
    (roots / "away").unlink()
    (roots / "one").symlink_to("two")
    (roots / "two").symlink_to("one")
    assert find_stranger_below(str(roots)) is None


RULES_THAT_ASK = f"alice ALL = (vault) NOPASSWD: NOSETENV: {STARTER} get *, {STARTER} list, {STARTER} audit *\n"


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (RULES_THAT_ASK, ""),
        ("%sudo ALL = (ALL : ALL) ALL\nroot ALL = (ALL) ALL\nbob ALL = /bin/ls\n", ""),
        ("bob ALL = (ALL, !vault, !root) /bin/sh\nbob ALL = (postgres) /bin/sh\nbob ALL = (vault) !/bin/sh\n", ""),
        ("vault ALL = (vault-hook) NOPASSWD: /opt/agentkit-vault/bin/agentkit-vault-hook\n", ""),
        ("bob ALL = (vault) /bin/sh\n", "sudo lets bob run /bin/sh as vault"),
        ("bob ALL = (#977) /bin/sh\n", "/bin/sh"),
        ("bob ALL = (ALL, !root) /bin/sh\n", "/bin/sh"),
        ("bob ALL = (%backup) /bin/sh\n", "/bin/sh"),
        (f"bob ALL = (vault) {STARTER}\n", f"run {STARTER} as"),
        (f"bob ALL = (vault) {STARTER} *\n", f"{STARTER} *"),
        (f"bob ALL = (vault) {STARTER} set *\n", "set"),
        (f"bob ALL = (vault) {STARTER}-admin get *\n", "-admin"),
        (f"bob ALL = (vault) SETENV: {STARTER} get *\n", "SETENV"),
        (
            "User_Alias OPS = carol\nRunas_Alias V = vault\nCmnd_Alias C = /bin/cat\nOPS ALL = (V) C\n",
            "carol run /bin/",
        ),
        (f"{RULES_THAT_ASK}bob ALL = (vault) sudoedit /x\n", "sudoedit"),
    ],
)
def test_a_rule_of_sudo_that_lets_more_than_ask_is_named(rules: str, told: str, tmp_path: Path) -> None:
    surplus = find_surplus(read_rules(rules, tmp_path), "vault", 977, STARTER)
    assert told in surplus
    assert bool(surplus) == bool(told)


@pytest.mark.parametrize("name", ["", "a b", "a;id", "-x", "A", "a,b", "a\nb", "$(id)", "%wheel", "ALL", "a" * 32])
def test_a_name_that_means_something_to_sudo_or_a_shell_is_refused(name: str) -> None:
    for user, caller in ((name, "alice"), ("vault", name)):
        if (user, caller) != ("vault", ""):
            with pytest.raises(AgentkitError) as raised:
                write_setup(user, caller, RECIPIENT)
            assert raised.value.status == Exit.USAGE


@pytest.mark.parametrize(
    ("user", "caller"), [("vault", "vault"), ("vault", "root"), ("root", "alice"), ("v", "v-hook")]
)
def test_users_that_cannot_be_kept_apart_are_refused(user: str, caller: str) -> None:
    with pytest.raises(AgentkitError) as raised:
        write_setup(user, caller, RECIPIENT)
    assert raised.value.status == Exit.USAGE


@pytest.mark.parametrize(
    "words",
    [
        ["--uid", "vault"],
        ["--caller", "x"],
        ["--uid", "vault", "--new-recovery", "f"],
        ["--uid", "v", "--recovery", "x"],
    ],
)
def test_without_a_recovery_recipient_nothing_is_printed_or_made(
    words: list[str], environ: dict[str, str], home: Path, tmp_path: Path
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "agentkit", "vault", "init", *words], env=environ, cwd=tmp_path, capture_output=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr.count(b"error:")) == (2, b"", 1)
    assert not home.exists()


def test_the_secret_half_of_a_recovery_key_is_not_repeated() -> None:
    secret = make_identity()[0]
    with pytest.raises(AgentkitError) as raised:
        write_setup("vault", "alice", secret)
    assert secret not in raised.value.lines()


def test_what_is_printed_is_a_script_and_printing_makes_nothing(environ: dict[str, str], home: Path) -> None:
    words = ["vault", "init", "--uid", "vault", "--caller", "alice", "--recovery", RECIPIENT]
    ended = subprocess.run(
        [sys.executable, "-m", "agentkit", *words], env=environ, capture_output=True, timeout=120, check=True
    )
    subprocess.run(["sh", "-n"], input=ended.stdout, timeout=60, check=True)
    assert not home.exists()
    for verb in VERBS:
        assert f"$starter {verb}".encode() in ended.stdout


@pytest.mark.parametrize("verb", ["exec", "set", "rotate", "init", "redact", "scan", "guard", "", "-c", "get x"])
def test_the_starter_runs_five_verbs_whatever_sudo_allows(verb: str, tmp_path: Path) -> None:
    ended = start("-I", verb, "x", folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (77, b"")
    assert b"get, list, show, check, audit alone" in ended.stderr


def test_the_starter_wants_sudo_before_it_an_isolated_python_and_no_preloaded_library(tmp_path: Path) -> None:
    for flags, more, told in (
        ("-I", {}, b"sudo"),
        ("-P", {}, b"-I"),
        ("-I", {"LD_BIND_NOW": "1"}, b"LD_BIND_NOW"),
        ("-I", {"PYTHONSTARTUP": "x"}, b"PYTHONSTARTUP"),
    ):
        ended = start(flags, "get", folder=tmp_path, more={"SUDO_UID": "1000", **more})
        assert (ended.returncode, ended.stdout) == (77, b"")
        assert told in ended.stderr


def start(
    flags: str, *words: str, folder: Path, more: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """Run what the callers' script runs."""
    script = folder / "starter.py"
    script.write_text(
        f"import sys\nsys.path.append({str(ROOT)!r})\nfrom agentkit.vault.separate.starting import start_for_caller\n"
        f"start_for_caller(home={str(folder)!r}, identity={str(folder / 'identity')!r})\nprint('started')\n"
    )
    return subprocess.run(
        [sys.executable, flags, str(script), *words], env=more or {}, capture_output=True, timeout=120, check=False
    )


def test_a_hook_is_handed_to_its_own_user_only_where_there_is_one(roots: Path) -> None:
    hook = str(roots / "package/module.py")
    assert hand_over("token", ["python", "token"], {}) == ("python", "token")
    environ = {HOOK_RUNNER: "/usr/bin/sudo -n -u vault-hook -- /opt/hook"}
    assert hand_over("token", ["python", "token"], environ)[-2:] == ("/opt/hook", "token")
    assert hand_over(hook, [hook], environ)[-2:] == ("/opt/hook", hook)
    os.chown(hook, STRANGER, STRANGER)
    with pytest.raises(AgentkitError, match=str(STRANGER)) as raised:
        hand_over(hook, [hook], environ)
    assert raised.value.status == Exit.REFUSED
    assert hand_over(hook, [hook], {}) == (hook,)
