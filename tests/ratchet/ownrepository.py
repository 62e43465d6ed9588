"""A repository of a person with a baseline, and with work in it that is nobody else's to touch."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from agentkit.core.repo.commits import take_patch
from agentkit.core.repo.repository import Repository, find_repository
from agentkit.ratchet.moving import accept_candidate, found_state
from agentkit.ratchet.outcomes import PASS
from agentkit.ratchet.state import State, read_state, write_state

LIMIT_S = 60
FILES = {"a.py": "a = 1\n", "b.py": "b = 1\n", "lib/c.py": "c = 1\n", "gone.py": "gone = 1\n", "run.sh": "echo\n"}


class OwnRepository:
    """A repository in a folder, with one commit on main."""

    def __init__(self, folder: Path, files: Mapping[str, str] = FILES) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "LC_ALL": "C.UTF-8"}
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "a person")
        self.git("config", "user.email", "person@example.org")
        self.write(files)
        self.write({".gitignore": "*.secret\n"})
        if "run.sh" in files:
            (folder / "run.sh").chmod(0o755)
        self.git("add", "-A")
        self.git("commit", "-qm", "begin")

    @property
    def repository(self) -> Repository:
        """The repository as the program finds it."""
        return find_repository(str(self.folder), self.environ)

    @property
    def state(self) -> State:
        """The accepted state."""
        return read_state(self.repository)

    def git(self, *words: str, stdin: bytes = b"", check: bool = True, cwd: Path | None = None) -> str:
        """Run git as the person does, and return what it prints."""
        ended = subprocess.run(
            ["git", *words], cwd=cwd or self.folder, env=self.environ, input=stdin, capture_output=True,
            timeout=LIMIT_S, check=False,
        )  # fmt: skip
        assert not check or ended.returncode == 0, (words, ended.stderr.decode())
        return os.fsdecode(ended.stdout).strip()

    def write(self, files: Mapping[str, str]) -> None:
        """Write files into the work tree."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def commit(self, rev: str = "HEAD") -> str:
        """Return the id of a commit."""
        return self.git("rev-parse", "--verify", f"{rev}^{{commit}}")

    def found(self, baseline: Mapping[str, str] | None = None) -> State:
        """Put the first baseline in force."""
        found_state(self.repository, write_state(
            self.repository, None, self.commit(), "refs/heads/main", dict(baseline or {"t::one": PASS}), (), (), {},
        ))  # fmt: skip
        return self.state

    def make_commit(self, changes: Mapping[str, str | None], base: str = "main") -> str:
        """Return a commit with files written, or taken away (None), on a base; no ref and no file is touched."""
        index = self.folder.parent / f"{self.folder.name}-index"
        index.unlink(missing_ok=True)
        saved = self.environ
        self.environ = {**saved, "GIT_INDEX_FILE": str(index)}
        try:
            self.git("read-tree", base)
            for name, text in changes.items():
                if text is None:
                    self.git("update-index", "--force-remove", "--", name)
                    continue
                blob = self.git("hash-object", "-w", "--stdin", stdin=text.encode())
                self.git("update-index", "--add", "--replace", "--cacheinfo", f"100644,{blob},{name}")
            tree = self.git("write-tree")
            return self.git("commit-tree", tree, "-p", base, "-m", "a candidate")
        finally:
            self.environ = saved

    def patch(self, changes: Mapping[str, str | None], base: str = "main") -> bytes:
        """Return the patch of such a commit."""
        commit = self.make_commit(changes, base)
        return (self.git("diff", "--binary", base, commit) + "\n").encode()

    def accept(self, changes: Mapping[str, str | None], baseline: Mapping[str, str] | None = None) -> str:
        """Accept a patch, and return its commit."""
        state = self.state
        candidate = take_patch(self.repository, state.accepted, self.patch(changes))
        self.move(state, candidate, baseline=baseline)
        return candidate

    def move(
        self, state: State, candidate: str, *, keeps_files: bool = False, baseline: Mapping[str, str] | None = None
    ) -> list[str]:
        """Move to a candidate as `accept` does."""
        new = write_state(
            self.repository, state, candidate, state.branch, dict(baseline or state.baseline), state.unstable,
            state.metrics, {},
        )  # fmt: skip
        return accept_candidate(self.repository, state, new, candidate, keeps_files=keeps_files)

    def look(self) -> dict[str, object]:
        """Return all that anybody could lose or find moved: files, index, HEAD, refs."""
        return {"files": self.files(), "index": self.index(), **self.refs()}

    def files(self) -> dict[str, tuple[int, bytes]]:
        """Return mode and content of every file of the work tree, ignored ones too."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            inner = path.relative_to(self.folder)
            if inner.parts[0] != ".git" and (path.is_symlink() or not path.is_dir()):
                content = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
                found[str(inner)] = (path.lstat().st_mode, content)
        return found

    def index(self) -> str:
        """Return what is staged."""
        return self.git("ls-files", "--stage", "-t")

    def refs(self) -> dict[str, object]:
        """Return where each ref is, HEAD too."""
        return {"refs": self.git("for-each-ref"), "head": (self.folder / ".git/HEAD").read_text()}

    def find_litter(self) -> list[str]:
        """Return what a move has left behind: locks, the intent, private folders."""
        git_dir = self.folder / ".git"
        own = git_dir / "agentkit/ratchet"
        kept = {"lock", "known"}
        litter = [str(path) for path in git_dir.rglob("*.lock")]
        litter += [str(path) for path in own.glob("*") if path.name not in kept]
        scratch = git_dir / "agentkit/scratch"
        return litter + ([str(path) for path in scratch.iterdir()] if scratch.exists() else [])

    def is_clean(self, *words: str) -> bool:
        """Tell whether git finds every object sound."""
        ended = subprocess.run(
            ["git", "fsck", "--strict", "--no-dangling", *words], cwd=self.folder, env=self.environ,
            capture_output=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
        return ended.returncode == 0 and not ended.stderr.strip()


def found_repository(folder: Path) -> OwnRepository:
    """Return a new repository with its first baseline in force."""
    own = OwnRepository(folder)
    own.found()
    return own
