"""What only a person may change is told by its path, however that is written, and nothing else is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from agentkit.core.repo.repository import Repository, find_repository
from agentkit.evolve.protecting import find_protected
from tests.evolve.machine import Machine

FILE, PROGRAM, LINK, MODULE = "100644", "100755", "120000", "160000"
ELSEWHERE = "1" * 40
TABLE = '[tool.agentkit.{name}]\nlimit = "{limit}"\n'
# A tree is {path: text}, or {path: (mode, text)}; of a submodule the text is its commit.
Files = Mapping[str, str | tuple[str, str]]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True, timeout=60)
    names = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    found = find_repository(str(tmp_path), {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **names})
    return replace(found, is_passing=True)


def commit(repository: Repository, files: Files) -> str:
    index = {"GIT_INDEX_FILE": f"{repository.git_dir}/index-of-a-test"}
    repository.git("read-tree", "--empty", more=index)
    rows, names = [], dict[str, str]()
    for path, given in {"README": "words\n", **files}.items():
        mode, text = (FILE, given) if isinstance(given, str) else given
        if text not in names:
            stored = (
                "" if mode == MODULE else repository.git("hash-object", "-w", "--stdin", stdin=text.encode()).decode()
            )
            names[text] = stored.strip() or text
        rows.append(f"{mode} {names[text]}\t{path}")
    repository.git("update-index", "-z", "--index-info", stdin=os.fsencode("\0".join(rows) + "\0"), more=index)
    tree = repository.git("write-tree", more=index).decode().strip()
    return repository.git("commit-tree", tree, "-m", "a state").decode().strip()


def find(repository: Repository, before: Files, after: Files, more: Iterable[str] = ()) -> list[str]:
    return find_protected(repository, commit(repository, before), commit(repository, after), more)


def sort(paths: Iterable[str]) -> list[str]:
    """Return paths as git has them in order."""
    return sorted(paths, key=os.fsencode)


HELD = [
    "agentkit/evolve/judge.py", "agentkit/ratchet/deep/er.py", "agentkit/vault/keys.py", "agentkit/core/process.py",
    "agentkit/__init__.py", "tools/agentkit/evolve/judge.py", "src/agentkit/ratchet/court.py",
    "vendor/a/b/agentkit/vault/x.py", "agentkit.toml", ".ci/run", ".github/workflows/ci.yml", ".github/CODEOWNERS",
    ".gitlab-ci.yml", ".gitlab/agents/a.yaml", ".circleci/config.yml", ".buildkite/pipeline.yml", ".travis.yml",
    ".forgejo/workflows/a.yaml", ".gitea/workflows/a.yaml", ".woodpecker.yaml", ".woodpecker/a.yml", ".drone.yml",
    ".drone.star", ".cirrus.yml", "appveyor.yml", ".appveyor.yml", "azure-pipelines.yml", "azure-pipelines-2.yaml",
    ".azure-pipelines/a.yml", "bitbucket-pipelines.yml", "Jenkinsfile", "Jenkinsfile.nightly", ".builds/a.yml",
    ".build.yml", ".semaphore/semaphore.yml", ".teamcity/settings.kts", ".tekton/a.yaml", ".zuul.yaml", "zuul.d/a.yaml",
    "cloudbuild.yaml", "buildspec.yml", "codefresh.yml", ".pre-commit-config.yaml", ".husky/pre-commit",
    ".githooks/pre-push", "lefthook.yml", "prek.toml", ".overcommit.yml",
]  # fmt: skip


def test_what_holds_the_machine_is_a_persons_to_add_change_and_remove(repository: Repository) -> None:
    old, new = dict.fromkeys(HELD, "old\n"), dict.fromkeys(HELD, "new\n")
    assert find(repository, {}, new) == sort(HELD)
    assert find(repository, old, new) == sort(HELD)
    assert find(repository, old, {}) == sort(HELD)


FREE = [
    "my.github/x", "x/.github/ci.yml", "agentkit/heartbeat/check.py", "agentkit/evolved.py", "agentkit/my_vault/x.py",
    "tests/agentkit_evolve.py", "docs/agentkit/evolve.md", "docs/evolve.md", "myagentkit/ratchet/x.py",
    "agentkit-vault/x.py", "x/agentkit.toml", "pyproject.toml", "x/pyproject.toml", "jenkinsfile-notes.md", "ci/run",
    "gitlab-ci.yml", "scripts/travis.yml", "evolve/x.py", "backup.sh", "github", ".githubx/y",
]  # fmt: skip


def test_whatever_only_looks_like_it_is_free(repository: Repository) -> None:
    files = dict.fromkeys(FREE, "new = 1\n")
    assert find(repository, {}, files) == []
    assert find(repository, files, {}) == []


TRICKS = [
    ".GitHub/workflows/ci.yml", "AGENTKIT/Vault/keys.py", "agentkit/Ratchet/court.py", ".github./workflows/ci.yml",
    ".github /workflows/ci.yml", ".github . ./a.yml", "agentkit.toml.", "agentkit/vault../keys.py", "AgentKit.TOML",
    ".gi\u200dthub/x", "agentkit/ra\u200btchet/court.py",
    "\uff41gentkit/vault/x.py", ".github::$INDEX_ALLOCATION/ci.yml", "agentkit/evolve:s/judge.py",
    "PyProject.toml", "pyproject.toml.", "agent\u212ait/vault/x.py",
]  # fmt: skip


def test_another_spelling_of_a_protected_path_is_that_path(repository: Repository) -> None:
    assert sort(find(repository, {}, dict.fromkeys(TRICKS, "new\n"))) == sort(TRICKS)


def test_an_accent_is_the_same_in_both_ways_to_write_it(repository: Repository) -> None:
    composed, apart = "d\u00e9ploy/run.sh", "de\u0301ploy/run.sh"
    assert find(repository, {}, {composed: "x"}, ["de\u0301ploy"]) == [composed]
    assert find(repository, {}, {apart: "x"}, ["d\u00e9ploy"]) == [apart]


def test_a_mode_alone_is_a_change(repository: Repository) -> None:
    path = "agentkit/ratchet/court.py"
    assert find(repository, {path: "x"}, {path: (PROGRAM, "x")}) == [path]


def test_a_rename_away_and_a_rename_to_are_both_seen(repository: Repository) -> None:
    text = "steps:\n" * 20
    assert find(repository, {".github/ci.yml": text}, {"old/ci.yml": text}) == [".github/ci.yml"]
    assert find(repository, {"old/ci.yml": text}, {".github/ci.yml": text}) == [".github/ci.yml"]


@pytest.mark.parametrize("mode", [LINK, MODULE])
def test_nothing_that_leads_elsewhere_may_stand_in_their_place(repository: Repository, mode: str) -> None:
    elsewhere = (mode, ELSEWHERE if mode == MODULE else "mine")
    held = {"agentkit/vault/keys.py": "x", "agentkit/heartbeat/a.py": "x"}
    assert find(repository, held, {"agentkit/vault": elsewhere, "agentkit/heartbeat/a.py": "x"}) == [
        "agentkit/vault", "agentkit/vault/keys.py",
    ]  # fmt: skip
    assert find(repository, held, {"agentkit": elsewhere}) == ["agentkit", "agentkit/vault/keys.py"]
    assert find(repository, {}, {"src/agentkit": elsewhere}) == ["src/agentkit"]
    assert find(repository, {}, {".github": elsewhere}) == [".github"]
    assert find(repository, {"pyproject.toml": "a = 1\n"}, {"pyproject.toml": elsewhere}) == ["pyproject.toml"]
    assert find(repository, {}, {"mine": elsewhere, "x/y": elsewhere}) == []


def test_a_repository_in_their_place_is_seen_whatever_gitmodules_says(repository: Repository) -> None:
    hide = '[submodule "x"]\n\tpath = agentkit\n\turl = ./x\n\tignore = all\n'
    Path(repository.root, ".gitmodules").write_text(hide)
    before, elsewhere = {".gitmodules": hide}, {".gitmodules": hide, "agentkit": (MODULE, ELSEWHERE)}
    assert find(repository, before, elsewhere) == ["agentkit"]


def test_what_a_protected_link_leads_to_is_protected_as_well(repository: Repository) -> None:
    links = {
        ".github/workflows": (LINK, "../ours/flows"),
        "ours/flows": (LINK, "../real[1]"),
        "agentkit.toml": (LINK, "/etc/x"),
    }
    before = {**links, "real[1]/ci.yml": "x", "real1/ci.yml": "x", "ours/a": "x"}
    after = {**links, "real[1]/ci.yml": "y", "real1/ci.yml": "y", "ours/a": "y"}
    assert find(repository, before, after) == ["real[1]/ci.yml"]


def test_a_link_to_a_protected_place_changes_nothing_there(repository: Repository) -> None:
    assert find(repository, {}, {"flows": (LINK, ".github/workflows")}) == []


@pytest.mark.parametrize("name", ["ratchet", "evolve", "vault"])
def test_of_pyproject_the_own_tables_are_held_and_nothing_else(repository: Repository, name: str) -> None:
    long, short = (
        {"pyproject.toml": f"[project]\nname = 'x'\n{TABLE.format(name=name, limit=limit)}"} for limit in (9, 1)
    )
    found = [f"pyproject.toml [tool.agentkit.{name}]"]
    none = {"pyproject.toml": "[project]\nname = 'x'\n"}
    assert find(repository, long, short) == found
    assert find(repository, long, none) == found
    assert find(repository, none, long) == found
    assert find(repository, long, {}) == found
    assert find(repository, {}, long) == found
    assert find(repository, long, {"pyproject.toml": "no toml ["}) == found
    assert find(repository, long, {"elsewhere.toml": long["pyproject.toml"]}) == found
    other = {"pyproject.toml": long["pyproject.toml"].replace("'x'", "'y'") + "# a word\n[tool.other]\na = 1\n"}
    assert find(repository, long, other) == []
    spelt = {"pyproject.toml": f"tool.agentkit.{name} = {{ limit = '9' }}\n[project]\nname = 'x'\n"}
    assert find(repository, long, spelt) == []


def test_a_switch_is_no_number(repository: Repository) -> None:
    one, true = ({"pyproject.toml": f"[tool.agentkit.ratchet]\nx = {value}\n"} for value in ("1", "true"))
    assert find(repository, one, true) == ["pyproject.toml [tool.agentkit.ratchet]"]


@pytest.mark.parametrize(
    ("pattern", "held", "free"),
    [
        ("db", "db/schema.sql", "x/db/schema.sql"),
        ("/db/", "db/schema.sql", "dbx/schema.sql"),
        ("./db/*.sql", "DB/deep/Schema.SQL", "db/schema.txt"),
        ("**/Makefile", "makefile", "Makefile.old"),
        ("**/Makefile", "a/b/Makefile", "a/bMakefile"),
        ("*.sql", "a/b/c.sql", "a/b/c.sqlx"),
        ("prod-[ab]", "prod-a/x", "prod-c/x"),
        ("notes.", "notes.", "notes.md"),
    ],
)
def test_settings_name_more_of_it(repository: Repository, pattern: str, held: str, free: str) -> None:
    assert find(repository, {}, {held: "x", free: "x"}, [pattern]) == [held]
    assert find(repository, {}, {held: "x", free: "x"}) == []


def test_an_empty_pattern_holds_nothing(repository: Repository) -> None:
    assert find(repository, {}, {"a": "x", "b/c": "x"}, ["", "/", "."]) == []


def test_a_persons_reason_lets_it_through_and_is_kept(machine: Machine) -> None:
    machine.configure('[evolve]\nprotected = ["job.sh"]\n')
    status, [record] = machine.ask("try", "--propose", "echo '# more' >> job.sh")
    assert (status, record["state"], record["allowed"], record["kept"]) == (77, "rejected", None, False)
    assert "job.sh" in str(record["reason"])
    status, [record] = machine.ask("try", "--propose", "echo '# more' >> job.sh", "--allow-protected", "it was I")
    assert (status, record["state"], record["allowed"], record["kept"]) == (0, "accepted", "it was I", True)


def test_the_settings_of_the_ratchet_are_held_in_both_their_places(machine: Machine) -> None:
    for propose, path in (
        ("printf '[ratchet]\\nlimit = \"1s\"\\n' > agentkit.toml", "agentkit.toml"),
        (
            "printf '[tool.agentkit.ratchet]\\nlimit = \"1s\"\\n' > pyproject.toml",
            "pyproject.toml [tool.agentkit.ratchet]",
        ),
    ):
        status, [record] = machine.ask("try", "--propose", propose)
        assert (status, record["state"], record["verdict"]) == (77, "rejected", None)
        assert path in str(record["reason"])
    status, [record] = machine.ask("try", "--propose", propose.replace("1s", "9m"), "--allow-protected", "slower disks")
    assert (status, record["state"]) == (0, "accepted")


RUN_BY_GIT = [
    ("core.hooksPath", "tools", "tools/post-checkout"),
    ("core.hooksPath", "{root}/tools", "tools/post-checkout"),
    ("core.hooksPath", "./a/../tools/", "tools/deep/post-checkout"),
    ("include.path", "../shared.gitconfig", "shared.gitconfig"),
    ("includeIf.onbranch:main.path", "{root}/.gitconfig", ".gitconfig"),
    ("filter.x.clean", "python3 bin/clean.py %f", "bin/clean.py"),
    ("filter.x.process", "bin/clean.py --config=bin/clean.toml", "bin/clean.toml"),
    ("diff.x.textconv", "bin/clean.py", "bin/clean.py"),
    ("merge.x.driver", "sh -c 'x'  clean.sh %A", "clean.sh"),
    ("alias.go", "!bash clean.sh", "clean.sh"),
    ("core.fsmonitor", "bin/clean.py", "bin/clean.py"),
    ("credential.helper", "!'{root}/bin/clean.py' get", "bin/clean.py"),
]


@pytest.mark.parametrize(("key", "value", "path"), RUN_BY_GIT, ids=[f"{row[0]}={row[1]}" for row in RUN_BY_GIT])
def test_what_the_git_of_this_machine_runs_is_held(repository: Repository, key: str, value: str, path: str) -> None:
    files = dict.fromkeys(("bin/clean.py", "bin/clean.toml", "clean.sh"), "words")
    assert find(repository, files, {**files, path: "others"}) == []
    repository.git("config", key, value.format(root=repository.root))
    assert find(repository, files, {**files, path: "others"}) == [path]
    assert find(repository, files, {**files, "elsewhere": "others"}) == []


def test_a_program_of_the_machine_is_no_file_of_the_tree(repository: Repository) -> None:
    for key, value in (("core.pager", "less"), ("filter.lfs.clean", "git-lfs clean -- %f"), ("alias.st", "status -sb"),
                       ("core.hooksPath", "/srv/hooks"), ("core.editor", "vim -c 'set x")):  # fmt: skip
        repository.git("config", key, value)
    names = ("less", "git-lfs", "hooks", "vim", "status")
    assert find(repository, {}, dict.fromkeys(names, "words")) == []
