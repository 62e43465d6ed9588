"""Is a state read as it was written, and is a ref that somebody else moved or lost never taken for one?"""

from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.ratchet.metrics import Metric
from agentkit.ratchet.moving import found_state
from agentkit.ratchet.outcomes import FAIL, PASS, XFAIL
from agentkit.ratchet.ownfolder import own_folder
from agentkit.ratchet.state import STATE_REF, read_known, read_state, remember_known, write_state
from tests.ratchet.ownrepository import OwnRepository

BASELINE = {"tests.test_a::one": PASS, "tests.test_a::two\twith\na break \\": FAIL, "ünï::\udcff": XFAIL}


@pytest.fixture
def own(tmp_path: Path) -> OwnRepository:
    return OwnRepository(tmp_path / "own")


def test_a_state_is_read_as_it_was_written(own: OwnRepository) -> None:
    metrics = (Metric("size", 12.5, "KiB"),)
    commit = write_state(
        own.repository, None, own.commit(), "refs/heads/main", BASELINE, {"t::flaky", "t::x\n"}, metrics,
        {"junit.xml": b"<x/>", "runs/1/output": b"ok\xff"},
    )  # fmt: skip
    found_state(own.repository, commit)
    state = own.state
    assert (state.commit, state.accepted, state.branch, state.number) == (commit, own.commit(), "refs/heads/main", 1)
    assert state.tree == own.git("rev-parse", "HEAD^{tree}")
    assert (state.baseline, state.unstable, state.metrics) == (BASELINE, {"t::flaky", "t::x\n"}, metrics)
    assert own.git("ls-tree", "-r", "--name-only", commit).splitlines() == [
        "about.json", "baseline", "evidence/junit.xml", "evidence/runs/1/output", "metrics", "unstable",
    ]  # fmt: skip
    assert own.git("log", "-1", "--format=%an <%ae>|%P", STATE_REF).startswith("agentkit <")
    assert own.is_clean()


def test_states_are_a_chain_that_holds_the_accepted_commits(own: OwnRepository) -> None:
    first = own.found()
    candidate = own.accept({"a.py": "a = 2\n"})
    second = own.state
    assert own.git("log", "-1", "--format=%P", STATE_REF) == f"{first.commit} {candidate}"
    assert (second.number, second.accepted) == (2, candidate)
    assert read_state(own.repository, f"{STATE_REF}~1") == first
    assert "baseline" not in own.git("diff", "--name-only", f"{STATE_REF}~1", STATE_REF)


def test_without_a_state_the_next_step_is_told(own: OwnRepository) -> None:
    with pytest.raises(AgentkitError, match="has no accepted state") as caught:
        read_state(own.repository)
    assert (caught.value.status, caught.value.hint) == (Exit.UNAVAILABLE, "agentkit ratchet init")


def test_a_second_first_state_is_refused(own: OwnRepository) -> None:
    state = own.found()
    with pytest.raises(AgentkitError, match="has an accepted state already") as caught:
        found_state(own.repository, state.commit)
    assert caught.value.status == Exit.REFUSED


def test_a_lost_ref_is_never_taken_for_no_state(own: OwnRepository) -> None:
    state = own.found()
    own.git("update-ref", "-d", STATE_REF)
    with pytest.raises(AgentkitError, match="is lost") as caught:
        read_state(own.repository)
    assert caught.value.status == Exit.BAD_DATA
    own.git(*(caught.value.hint or "").split()[1:])
    assert own.state == state


def test_a_ref_that_was_put_back_or_elsewhere_is_tampered_with(own: OwnRepository) -> None:
    first = own.found()
    own.accept({"a.py": "a = 2\n"})
    last = own.state
    other = write_state(own.repository, None, own.commit(), "refs/heads/main", {"t::easy": PASS}, (), (), {})
    for moved_to in (first.commit, other):
        own.git("update-ref", STATE_REF, moved_to)
        with pytest.raises(AgentkitError, match="was moved by somebody else") as caught:
            read_state(own.repository)
        assert caught.value.status == Exit.TAMPERED
        assert last.commit in (caught.value.hint or "")


def test_a_ref_that_names_no_state_was_moved_unless_nobody_knows_another(own: OwnRepository) -> None:
    own.found()
    own.git("update-ref", STATE_REF, own.commit())
    with pytest.raises(AgentkitError, match="was moved by somebody else") as caught:
        read_state(own.repository)
    assert caught.value.status == Exit.TAMPERED
    (Path(own_folder(own.repository)) / "known").unlink()
    with pytest.raises(AgentkitError, match=r"cannot be read: it has no about\.json") as caught:
        read_state(own.repository)
    assert caught.value.status == Exit.BAD_DATA


def test_a_ref_that_went_forward_as_by_a_fetch_is_good(own: OwnRepository, tmp_path: Path) -> None:
    own.found()
    own.git("clone", "-q", str(own.folder), str(tmp_path / "clone"))
    clone = OwnRepository.__new__(OwnRepository)
    clone.folder, clone.environ = tmp_path / "clone", own.environ
    fetch = ("fetch", "-q", "origin", f"{STATE_REF}:{STATE_REF}")
    clone.git(*fetch)
    assert clone.state == own.state
    assert read_known(clone.repository) == own.state.commit
    own.accept({"a.py": "a = 2\n"})
    own.accept({"a.py": "a = 3\n"})
    clone.git(*fetch)
    assert clone.state.number == 3


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("baseline", b"nonsense\n"),
        ("about.json", b"{}"),
        ("about.json", b"[1"),
        ("about.json", b'{"number": "1", "branch": "refs/heads/main", "accepted": ""}'),
        ("metrics", b"{"),
        ("unstable", b"{\n"),
    ],
)
def test_a_state_with_a_broken_part_is_bad_data(own: OwnRepository, part: str, content: bytes) -> None:
    state = own.found()
    blob = own.git("hash-object", "-w", "--stdin", stdin=content)
    rows = own.git("ls-tree", state.commit).splitlines()
    tree = own.git("mktree", stdin="".join(
        f"100644 blob {blob}\t{part}\n" if row.endswith(f"\t{part}") else f"{row}\n" for row in rows
    ).encode())  # fmt: skip
    broken = own.git("commit-tree", tree, "-p", own.commit(), "-m", "x")
    own.git("update-ref", STATE_REF, broken)
    remember_known(own.repository, broken)
    with pytest.raises(AgentkitError, match="cannot be read") as caught:
        read_state(own.repository)
    assert caught.value.status == Exit.BAD_DATA


def test_what_we_know_is_no_id_when_somebody_wrote_there(own: OwnRepository) -> None:
    own.found()
    (own.folder / ".git/agentkit/ratchet/known").write_text("nonsense\n")
    with pytest.raises(AgentkitError, match="is no id of a state") as caught:
        read_state(own.repository)
    assert caught.value.status == Exit.BAD_DATA


def test_a_baseline_larger_than_a_pipe_is_read_whole(own: OwnRepository) -> None:
    baseline = {f"tests.test_{number % 100}::a_test_of_some_length[{number}]": PASS for number in range(120_000)}
    assert own.found(baseline).baseline == baseline


def test_a_repository_of_sha256_works_the_same(tmp_path: Path) -> None:
    own = OwnRepository.__new__(OwnRepository)
    own.folder = tmp_path / "own"
    plain = OwnRepository(tmp_path / "plain")
    own.environ = plain.environ
    plain.git("init", "-q", "-b", "main", "--object-format=sha256", str(own.folder))
    own.write({"a.py": "a = 1\n"})
    own.git("-c", "user.name=x", "-c", "user.email=x@y", "add", "-A")
    own.git("-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "begin")
    own.git("config", "user.name", "x")
    own.git("config", "user.email", "x@y")
    own.found()
    (own.folder / "link").symlink_to("a.py")
    own.accept({"a.py": "a = 2\n"})
    assert len(own.state.commit) == 64
    assert (own.folder / "a.py").read_text() == "a = 2\n"
    assert own.is_clean()
