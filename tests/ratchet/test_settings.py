"""What a repository says about how it is judged, and what is said where that is wrong."""

import sys
from datetime import timedelta

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.repo.checkout import read_tree
from agentkit.ratchet.settings import Settings, choose_python, find_in_environment, read_settings
from tests.ratchet.toy import Toy, make_toy


@pytest.fixture
def bare_toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return make_toy(tmp_path_factory.mktemp("settings") / "toy", {"README.md": ""})


def _read(toy: Toy, files: dict[str, str]) -> Settings:
    for path, text in files.items():
        toy.write(path, text)
    return read_settings(toy.repository, read_tree(toy.repository, toy.commit()))


def test_a_repository_that_says_nothing_is_judged_by_pytest(bare_toy: Toy) -> None:
    assert _read(bare_toy, {}) == Settings()


def test_its_own_file_wins_over_the_project_file(bare_toy: Toy) -> None:
    found = _read(
        bare_toy,
        {
            "pyproject.toml": '[tool.agentkit.ratchet]\nlimit = "1m"\n',
            "agentkit.toml": '[ratchet]\nlimit = "2m"\npytest = ["-x"]\n',
        },
    )
    assert found == Settings(limit=timedelta(minutes=2), pytest=("-x",))


def test_the_project_file_counts_where_its_own_has_no_table(bare_toy: Toy) -> None:
    files = {"pyproject.toml": '[tool.agentkit.ratchet]\ntests = ["spec"]\n', "agentkit.toml": "[other]\n"}
    assert _read(bare_toy, files) == Settings(tests=("spec",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[ratchet", "is no TOML"),
        ('[ratchet]\nlimt = "1m"\n', "unknown key ratchet.limt"),
        ("[ratchet]\nlimit = 5\n", "expected a duration"),
        ('[ratchet]\nlimit = "soon"\n', "expected a duration"),
        ('[ratchet]\npytest = "-x"\n', "expected a list of words"),
        ('[ratchet]\npytest = [""]\n', "expected a list of words"),
        ('[ratchet]\nholdout = ""\n', "expected a text"),
        ('[ratchet]\ncommand = ["make"]\n', "no word of it holds {report}"),
        ("ratchet = 5\n", "expected a table"),
    ],
)
def test_a_fault_names_file_key_and_what_was_expected(bare_toy: Toy, text: str, said: str) -> None:
    with pytest.raises(AgentkitError, match=r"agentkit\.toml: ") as caught:
        _read(bare_toy, {"agentkit.toml": text})
    assert said in caught.value.message
    assert caught.value.status == Exit.CONFIGURATION


def test_an_unknown_key_has_its_nearest_one_as_a_hint(bare_toy: Toy) -> None:
    with pytest.raises(AgentkitError) as caught:
        _read(bare_toy, {"agentkit.toml": '[ratchet]\nlimt = "1m"\n'})
    assert caught.value.hint == "did you mean ratchet.limit?"


def test_the_interpreter_is_ours_where_the_repository_has_none(bare_toy: Toy) -> None:
    assert choose_python(bare_toy.repository, Settings()) == sys.executable


def test_the_repositorys_environment_wins_over_ours_and_a_named_one_over_both(bare_toy: Toy) -> None:
    place = bare_toy.folder / ".venv/bin/python"
    place.parent.mkdir(parents=True)
    place.symlink_to(sys.executable)
    assert choose_python(bare_toy.repository, Settings()) == str(place)
    assert choose_python(bare_toy.repository, Settings(python="bin/py")) == str(bare_toy.folder / "bin/py")


@pytest.mark.parametrize(
    ("python", "path", "is_part"),
    [
        ("/usr/bin/python3", ".venv/bin/python3", True),
        ("/usr/bin/python3", "venv/bin/python", True),
        ("/usr/bin/python3", "venv/notes.py", False),
        ("/usr/bin/python3", "usr/bin/python3", False),
        ("{root}/.venv/bin/python", ".venv/lib/x.pth", True),
        ("{root}/tools/py", "tools/py", True),
        ("{root}/tools/py", "src/a.py", False),
    ],
)
def test_what_lies_in_the_interpreters_environment_is_part_of_it(
    bare_toy: Toy, python: str, path: str, is_part: bool
) -> None:
    found = find_in_environment(bare_toy.repository, python.replace("{root}", bare_toy.repository.root), [path])
    assert found == ([path] if is_part else [])


def test_settings_are_read_from_the_commit_and_not_from_the_work_tree(bare_toy: Toy) -> None:
    commit = bare_toy.commit()
    bare_toy.write("agentkit.toml", "[ratchet")
    assert read_settings(bare_toy.repository, read_tree(bare_toy.repository, commit)) == Settings()
