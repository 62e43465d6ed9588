"""A commit's files in a folder of their own: byte for byte, and nothing else."""

import os

import pytest

from agentkit.core.repo.checkout import (
    FILE,
    LINK,
    Entry,
    Workshop,
    read_tree,
)
from agentkit.ratchet.shield import read_facts, shield_from_caches
from agentkit.ratchet.treefaults import find_compiled, find_escaping_links, find_unfit
from tests.ratchet.toy import Toy, make_toy

ODD_NAMES = ("ä ö.txt", "with\nbreak.txt", "with\ttab.txt", "-dash", "quo\"te'.txt", "deep/er/file.txt")


@pytest.fixture
def small_toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    files = {name: f"{place}\r\n$Id$\n" for place, name in enumerate(ODD_NAMES)}
    return make_toy(tmp_path_factory.mktemp("checkout") / "toy", files)


def _check_out(toy: Toy) -> str:
    work = toy.folder.parent / "work"
    work.mkdir()
    commit = toy.git("rev-parse", "HEAD")
    return Workshop(toy.repository, str(work)).check_out(read_tree(toy.repository, commit)).folder


def test_files_are_written_as_they_are_stored_whatever_attributes_and_filters_say(small_toy: Toy) -> None:
    for name in ("smudge", "clean"):
        small_toy.git("config", f"filter.mend.{name}", "sed s/0/1/")
    small_toy.git("config", "core.autocrlf", "true")
    small_toy.write(".git/info/attributes", "* filter=mend ident text eol=crlf\n")
    folder = _check_out(small_toy)
    for place, name in enumerate(ODD_NAMES):
        with open(os.path.join(folder, name), "rb") as file:
            assert file.read() == f"{place}\r\n$Id$\n".encode()
    assert not os.path.lexists(os.path.join(folder, ".git"))


def test_programs_can_be_run_and_links_are_links(small_toy: Toy) -> None:
    small_toy.write("run", "#!/bin/sh\n")
    (small_toy.folder / "run").chmod(0o755)
    (small_toy.folder / "link").symlink_to("run")
    small_toy.commit()
    folder = _check_out(small_toy)
    assert os.access(os.path.join(folder, "run"), os.X_OK)
    assert os.readlink(os.path.join(folder, "link")) == "run"


def test_compiled_files_and_modules_of_git_stay_out(small_toy: Toy) -> None:
    small_toy.write("__pycache__/a.pyc", "x")
    small_toy.write("a__pycache__b.txt", "x")
    small_toy.git("add", "--all")
    small_toy.git("update-index", "--add", "--cacheinfo", f"160000,{small_toy.git('rev-parse', 'HEAD')},module")
    small_toy.git("commit", "--quiet", "-m", "more")
    folder = _check_out(small_toy)
    assert sorted(set(os.listdir(folder)) - set(ODD_NAMES)) == ["a__pycache__b.txt", "deep"]


@pytest.mark.parametrize(
    ("place", "target", "leaves"),
    [
        ("link", "/etc/passwd", True),
        ("link", "../outside", True),
        ("deep/link", "../inside", False),
        ("deep/link", "../../outside", True),
        ("link", "deep/er", False),
        ("link", "./deep", False),
        ("link", "deep/../deep", True),
        ("link", ".git/config", True),
        ("link", ".GIT/config", True),
        ("deep/er/link", "../../a", False),
        ("link", ".", False),
    ],
)
def test_a_link_leaves_the_tree_or_does_not(small_toy: Toy, place: str, target: str, leaves: bool) -> None:
    path = small_toy.folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    small_toy.git("add", "--force", place)
    tree = {place: Entry(LINK, small_toy.git("rev-parse", f":{place}"))}
    assert find_escaping_links(small_toy.repository, tree, {}) == ([place] if leaves else [])
    assert find_escaping_links(small_toy.repository, tree, tree) == []


def test_paths_that_no_checkout_can_have_are_found() -> None:
    entry = Entry(FILE, "0" * 40)
    tree = dict.fromkeys([".git/config", "a/.GIT", "b/../c", "both", "both/file", "fine/.gitignore"], entry)
    assert sorted(find_unfit(tree)) == [".git/config", "a/.GIT", "b/../c", "both"]


def test_compiled_code_is_found() -> None:
    paths = ["a.pyc", "b/__pycache__/c.txt", "d.so", "e.pyd", "f.py", "pyc", "so.txt"]
    assert find_compiled(paths) == paths[:4]


def test_what_a_run_wrote_is_seen_even_where_it_was_put_back(small_toy: Toy) -> None:
    folder = str(small_toy.folder)
    tests = ["tests/test_a.py", "tests/test_b.py"]
    for path in tests:
        small_toy.write(path, "x = 1\n")
    shield_from_caches(folder, tests)
    before = read_facts(folder, tests)
    assert read_facts(folder, tests) == before
    facts = os.stat(f"{folder}/{tests[0]}")
    small_toy.write(tests[0], "x = 2\n")
    small_toy.write(tests[0], "x = 1\n")
    os.utime(f"{folder}/{tests[0]}", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    os.unlink(f"{folder}/tests/__pycache__")
    after = read_facts(folder, tests)
    assert {path for path in before if after.get(path) != before[path]} == {tests[0], "tests/__pycache__"}


def test_a_folder_that_was_away_for_a_while_is_seen_and_a_new_file_in_it_is_none(small_toy: Toy) -> None:
    folder = str(small_toy.folder)
    small_toy.write("tests/test_a.py", "x = 1\n")
    before = read_facts(folder, ["tests/test_a.py"])
    small_toy.write("tests/seen.txt", "x")
    assert read_facts(folder, ["tests/test_a.py"]) == before
    os.rename(f"{folder}/tests", f"{folder}/away")
    os.rename(f"{folder}/away", f"{folder}/tests")
    assert read_facts(folder, ["tests/test_a.py"])["tests"] != before["tests"]
