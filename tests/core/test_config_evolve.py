"""What does the table of evolve say, and what becomes of a fault in it?"""

from pathlib import Path

import pytest

from agentkit.core.config import load_configuration
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.settings import EvolveSettings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agentkit.toml"


def read(file: Path, text: str, own: str = "evolve") -> tuple[EvolveSettings, list[str]]:
    file.write_text(text)
    warnings: list[str] = []
    found = load_configuration({"AGENTKIT_CONFIG": str(file)}, own=(own,), warn=warnings.append)
    return found.evolve, warnings


def fault(file: Path, text: str) -> AgentkitError:
    with pytest.raises(AgentkitError) as caught:
        read(file, text)
    assert caught.value.status == Exit.CONFIGURATION
    return caught.value


def test_without_a_table_nobody_proposes_and_the_bounds_are_those_of_the_page(file: Path) -> None:
    assert read(file, "") == (
        EvolveSettings(
            repository=None,
            proposer=None,
            cheap=None,
            score=(),
            protected=(),
            see=(),
            keep_env=(),
            limit_s=600.0,
            judge_limit_s=7200.0,
            memory_bytes=4 * 2**30,
            disk_bytes=2**30,
            processes=256,
            keep_days=90,
        ),
        [],
    )


def test_everything_that_evolve_can_be_told_is_read_in_seconds_and_bytes(file: Path) -> None:
    found, warnings = read(
        file,
        """
        [evolve]
        repository = "/srv/jobs"
        proposer = ["/usr/local/bin/mend", "--quick", ""]
        cheap = ["sh", "-n", "backup.sh"]
        score = ["size", "time"]
        protected = ["deploy/*"]
        see = ["/home/you/.claude"]
        keep_env = ["ANTHROPIC_BASE_URL"]
        limit = "90s"
        judge_limit = "1h"
        memory = "2GiB"
        disk = 1000000
        processes = 16
        keep_days = 7
        """,
    )
    assert warnings == []
    assert found == EvolveSettings(
        repository="/srv/jobs",
        proposer=("/usr/local/bin/mend", "--quick", ""),
        cheap=("sh", "-n", "backup.sh"),
        score=("size", "time"),
        protected=("deploy/*",),
        see=("/home/you/.claude",),
        keep_env=("ANTHROPIC_BASE_URL",),
        limit_s=90.0,
        judge_limit_s=3600.0,
        memory_bytes=2 * 2**30,
        disk_bytes=1000000,
        processes=16,
        keep_days=7,
    )


@pytest.mark.parametrize(
    ("written", "near"),
    [("propser", "proposer"), ("memory_bytes", "memory"), ("limit_s", "limit"), ("keepdays", "keep_days")],
)
def test_an_unknown_key_is_named_with_the_nearest_that_there_is(file: Path, written: str, near: str) -> None:
    error = fault(file, f"[evolve]\n{written} = 3\n")
    assert error.message == f"{file}: unknown key evolve.{written}"
    assert near in (error.hint or "")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('repository = "jobs"', "an absolute path"),
        ("repository = 3", "an absolute path"),
        ('proposer = "mend --quick"', "a program and its words"),
        ("proposer = [3]", "a program and its words"),
        ("cheap = true", "a program and its words"),
        ('score = "size"', "a list of names of metrics"),
        ('protected = "deploy"', "a list of patterns of paths"),
        ('see = ["claude"]', "a list of absolute paths"),
        ('keep_env = "PATH"', "a list of names of variables"),
        ('keep_env = ["KEY=value"]', "a list of names of variables"),
        ("limit = 0", "a duration"),
        ('judge_limit = "soon"', "a duration"),
        ('memory = "much"', "a size"),
        ("disk = -1", "a size"),
        ("processes = 0", "a whole number above 0"),
        ("keep_days = 1.5", "a whole number above 0"),
    ],
)
def test_a_value_of_another_kind_is_named_with_what_is_expected(file: Path, line: str, expected: str) -> None:
    name = line.partition(" ")[0]
    assert fault(file, f"[evolve]\n{line}\n").message.startswith(f"{file}: evolve.{name}: expected {expected}")


def test_evolve_is_one_table(file: Path) -> None:
    assert fault(file, "[[evolve]]\nprocesses = 3\n").message.startswith(f"{file}: evolve: expected a table")


def test_a_fault_of_evolve_is_a_warning_to_any_other_command_and_evolve_has_its_defaults(file: Path) -> None:
    found, warnings = read(file, "[evolve]\nmemory = 3\nprocesses = 0\n", own="think")
    assert found == EvolveSettings()
    assert [warning.partition(", found")[0] for warning in warnings] == [
        f"{file}: evolve.processes: expected a whole number above 0"
    ]
