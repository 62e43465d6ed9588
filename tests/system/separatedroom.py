"""A vault at level L1 for the length of a test: real users, an installation of root's, the script that root ran.

What is printed is what is tested: `vault init --uid` writes the script, and it runs here as it stands. Its own
variables move it to a folder of the test. Users, rules of sudo and files are gone afterwards, also when a test failed.
"""

import fcntl
import importlib.metadata
import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from agentkit.vault.age import make_identity
from tests.otherusers import find_dependencies, find_python

ROOT = Path(__file__).parent.parent.parent
LIMIT_S = 120.0
# The other module of rooms takes a minute or two.
LONGEST_TURN_S = 600.0
NEEDED = ("sudo", "visudo", "chattr", "lsattr", "useradd", "userdel", "runuser")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Ended = subprocess.CompletedProcess[bytes]


class SeparatedRoom:
    """A set-up of level L1, and processes of its caller, of the vault's user and of root."""

    def __init__(self) -> None:
        """Name users and folders; nothing is made as yet."""
        mark = os.urandom(3).hex()
        self.user, self.caller = f"akv{mark}", f"akc{mark}"
        self.hook_user = f"{self.user}-hook"
        # Others have to get in, which the folders that pytest makes refuse; a shebang has to stay short.
        self.base = Path(tempfile.mkdtemp(prefix="akl1-"))
        self.prefix, self.home, self.keys = self.base / "opt", self.base / "var", self.base / "etc"
        self.outside = self.base / "caller"
        self.rules = Path("/etc/sudoers.d")
        self.starter = self.prefix / "bin/agentkit-vault"
        self.admin = self.prefix / "bin/agentkit-vault-admin"
        self.audit = self.home / "vault/audit"
        self.identity = self.keys / "identity"
        self.recovery = make_identity()[1]
        self.script, self.needle = "", b""

    def __enter__(self) -> Self:
        missing = [name for name in NEEDED if shutil.which(name, path=SYSTEM_PATH) is None]
        assert os.geteuid() == 0, "a vault behind sudo is set up by root, and so are its tests"
        assert not missing, f"these programs are missing: {missing}"
        # One room at a time: every sudo reads the rules of all of them, and complains of one that goes meanwhile.
        self.turn = os.open(self.rules, os.O_RDONLY)
        try:
            self._take_turn()
            self._make()
        except BaseException:
            self._remove()
            raise
        return self

    def _take_turn(self) -> None:
        due = time.monotonic() + LONGEST_TURN_S
        while True:
            try:
                fcntl.flock(self.turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                assert time.monotonic() < due, "another room has been there for ten minutes"
                time.sleep(0.2)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def _make(self) -> None:
        self.base.chmod(0o755)
        self.outside.mkdir()
        self.do("useradd", "--create-home", "--home-dir", str(self.outside / "home"), "--shell", "/bin/sh", self.caller)
        self.work = self.outside / "work"
        self.work.mkdir()
        os.chown(self.work, self.uid(self.caller), self.uid(self.caller))
        words = ["vault", "init", "--uid", self.user, "--caller", self.caller, "--recovery", self.recovery]
        printed = subprocess.run(
            [sys.executable, "-m", "agentkit", *words],
            cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=True,
        )  # fmt: skip
        self.script = printed.stdout
        self.wheels = self.base / "wheels"
        self.wheels.mkdir()
        self.wheel = build_wheels(self.wheels)
        ended = self.set_up()
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def set_up(self, script: str | None = None, **more: str) -> Ended:
        """Run the printed script as root does, or a changed one."""
        path = self.base / "level1.sh"
        path.write_text(script or self.script)
        environ = {
            "PATH": SYSTEM_PATH,
            "AGENTKIT_SETUP_PREFIX": str(self.prefix),
            "AGENTKIT_SETUP_HOME": str(self.home),
            "AGENTKIT_SETUP_KEYS": str(self.keys),
            "AGENTKIT_SETUP_CRONTAB": str(self.base),
            "AGENTKIT_SETUP_PYTHON": find_python(),
            "AGENTKIT_SETUP_SOURCE": str(self.wheel),
            # What pip looks for lies in a folder.
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_NO_CACHE_DIR": "1",
        }
        return self.do("sh", str(path), environ=environ | more, limit=300.0, check=False)

    def _remove(self) -> None:
        for user in (self.caller, self.hook_user, self.user):
            if user in (entry.pw_name for entry in pwd.getpwall()):
                self.do("pkill", "-KILL", "-u", user, check=False)
                # Where the report of a bug goes when the state folder is root's.
                shutil.rmtree(f"/tmp/agentkit-{self.uid(user)}", ignore_errors=True)
                self.do("userdel", "--force", user, check=False)
        for name in (self.user, f"{self.user}-{self.caller}"):
            (self.rules / f"agentkit-{name}").unlink(missing_ok=True)
        self.do("chattr", "-R", "-f", "-a", str(self.base), check=False)
        shutil.rmtree(self.base)
        os.close(self.turn)

    # Who does something.

    def do(
        self,
        *words: str,
        user: str = "root",
        stdin: bytes = b"",
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        limit: float = LIMIT_S,
        check: bool = True,
    ) -> Ended:
        """Run a program as a user and return how it ended."""
        others = {} if user == "root" else {"user": self.uid(user), "group": self.uid(user), "extra_groups": []}
        ended = subprocess.run(
            words, input=stdin, env={"PATH": SYSTEM_PATH, **(environ or {})}, cwd=cwd or "/", capture_output=True,
            timeout=limit, check=False, **others,
        )  # fmt: skip
        assert not check or ended.returncode == 0, ended.stdout + ended.stderr
        return ended

    def ask(self, *words: str, **more: object) -> Ended:
        """Run a verb as the caller does, through sudo."""
        return self.do(*self.sudo(*words), user=self.caller, check=False, **more)  # type: ignore[arg-type]

    def sudo(self, *words: str) -> list[str]:
        """Return the words by which the caller asks."""
        return ["sudo", "-n", "-u", self.user, "--", str(self.starter), *words]

    def sh(self, script: str, *, user: str | None = None, **more: object) -> Ended:
        """Run a shell script as the caller, or as another user; $1 is the starter, $2 the vault's user."""
        words = ["sh", "-c", script, "sh", str(self.starter), self.user]
        return self.do(*words, user=user or self.caller, check=False, **more)  # type: ignore[arg-type]

    def set(self, name: str, value: bytes, *words: str) -> None:
        """Put a secret in, as root does."""
        self.do(str(self.admin), "set", name, "--purpose", "a test", *words, stdin=value)

    def records(self) -> list[dict[str, object]]:
        """Return what the log holds."""
        lines: list[str] = []
        for path in sorted(self.audit.glob("*.jsonl")):
            # A line that is being written at this moment has no end, and is no record yet.
            lines += path.read_text(encoding="ascii").rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in lines]

    @staticmethod
    def uid(user: str) -> int:
        """Return a user's number, which is its group's as well."""
        return pwd.getpwnam(user).pw_uid


def build_wheels(folder: Path) -> Path:
    """Put the wheel of this tree and wheels of what it depends on into a folder, and return the first."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, capture_output=True, timeout=LIMIT_S, check=True,
    )  # fmt: skip
    [own] = folder.glob("agentkit-*.whl")
    for installed in find_dependencies():
        _pack(installed, folder)
    for path in folder.iterdir():
        path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o044)
    return own


def _pack(installed: importlib.metadata.Distribution, folder: Path) -> None:
    """Make a wheel again of what is installed."""
    wheel = installed.read_text("WHEEL") or ""
    # An old one may be for Python 2 as well, by a tag of its own.
    [tag, *_] = [line[5:] for line in wheel.splitlines() if line.startswith(("Tag: py3", "Tag: cp"))]
    stem = f"{installed.name.replace('-', '_')}-{installed.version}"
    [metadata] = [file for file in installed.files or [] if file.name == "METADATA"]
    with zipfile.ZipFile(folder / f"{stem}-{tag}.whl", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        names = [
            str(file) for file in installed.files or []
            if not str(file).startswith("..") and file.suffix != ".pyc" and file.name not in ("RECORD", "INSTALLER")
        ]  # fmt: skip
        for name in names:
            packed.write(str(installed.locate_file(name)), name)
        record = str(metadata.parent / "RECORD")
        packed.writestr(record, "".join(f"{name},,\n" for name in [*names, record]))
