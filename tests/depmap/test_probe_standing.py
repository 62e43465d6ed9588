"""Does the summary say how what was probed is?"""

import json
from pathlib import Path

import pytest

from agentkit.core.ledger import with_ledger
from agentkit.core.ledger.notes import write_value
from agentkit.depmap.probing.memory import LAST_KEY
from agentkit.depmap.probing.standing import find_standing
from tests.conftest import Run
from tests.depmap.probed import check, probe, write_checks


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "checks"


def test_nothing_is_said_where_nothing_was_probed(agentkit: Run, own_environ: dict[str, str]) -> None:
    assert find_standing(own_environ, 0.0) is None
    assert "prob" not in agentkit("depmap", "summary").stdout


def test_what_is_well_is_said_to_be_well(agentkit: Run, file: Path) -> None:
    probe(agentkit, write_checks(file, [check("job:a", "true", limit=None)]))
    assert "what was probed is well, probed" in agentkit("depmap", "summary").stdout


def test_the_roots_are_named_until_they_are_well(agentkit: Run, file: Path) -> None:
    checks = [check(f"job:{name}", "false") for name in "abcde"] + [check("job:f", "true")]
    probe(agentkit, write_checks(file, checks, [("job:f", "job:a")]))

    record = json.loads(agentkit("depmap", "summary", "--json").stdout)

    assert record["title"] == "depmap: something that was probed is not well"
    assert record["next"] == f"agentkit depmap probe --checks {file}"
    text = record["lines"][-1]["text"].partition(", probed")[0]
    assert text == "6 checks are not well; roots: job:a (failed), job:b (failed), job:c (failed) and 2 more"
    assert record["lines"][-1]["severity"] == "critical"
    probe(agentkit, write_checks(file, [check("job:a", "true")]))
    assert "what was probed is well" in agentkit("depmap", "summary").stdout


def test_what_the_configuration_asks_is_asked_again_without_a_file(agentkit: Run, file: Path, home: Path) -> None:
    home.mkdir(0o700)
    (home / "agentkit.toml").write_text('[[check]]\nnode = "job:b"\nrun = ["false"]\nlimit = "9s"\n')
    probe(agentkit, write_checks(file, [check("job:a", "false")]))
    assert agentkit("depmap", "probe").returncode == 1
    assert json.loads(agentkit("depmap", "summary", "--json").stdout)["next"] == "agentkit depmap probe"


@pytest.mark.parametrize("kept", ["", "nonsense", "3", '{"at": 3}'])
def test_what_a_ledger_cannot_hold_ends_no_summary(own_environ: dict[str, str], home: Path, kept: str) -> None:
    with_ledger(str(home), lambda ledger: write_value(ledger, LAST_KEY, kept))
    standing = find_standing(own_environ, 0.0)
    assert standing is not None
    assert standing[0].text == "what was probed is well"


def test_a_ledger_that_cannot_be_read_is_said(own_environ: dict[str, str], home: Path) -> None:
    home.mkdir(0o700)
    (home / "ledger.db").write_text("nonsense")
    standing = find_standing(own_environ, 0.0)
    assert standing is not None
    assert standing[0].severity == "warning"
