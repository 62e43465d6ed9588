"""A sample of tests/benchmarks/contention.py: nothing is lost when many jobs end at once."""

from pathlib import Path

from tests.benchmarks.contention import run_all


def test_ten_processes_with_five_runs_each_and_a_locked_ledger_lose_nothing(tmp_path: Path) -> None:
    assert run_all(str(tmp_path / "home"), processes=10, runs=5) == 50
