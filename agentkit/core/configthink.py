"""What do the tables of think say: its budget, whom it may ask, and what it may run?"""

from collections.abc import Mapping
from dataclasses import replace

from agentkit.core.settings import BudgetSettings, ProviderSettings, RunbookSettings, ThinkSettings, describe_settings
from agentkit.core.tables import fault, read_table, show, unknown_key

BELOW = ("budget", "provider", "runbook")


def read_think(table: object, path: str) -> ThinkSettings:
    """Return what `[think]` and the tables below it say.

    Raises AgentkitError (configuration) naming file, table, key, what was expected and the nearest known key.
    """
    if not isinstance(table, dict):
        raise fault(path, f"think: expected a table [think], found {show(table)}")
    known = [*(setting.name for setting in describe_settings(ThinkSettings).values()), *BELOW]
    for key, value in table.items():
        if key not in known:
            raise unknown_key(path, "think", key, value, known)
    own = read_table(ThinkSettings, {key: value for key, value in table.items() if key not in BELOW}, path, "think")
    return replace(
        own,
        budget=read_table(BudgetSettings, table.get("budget", {}), path, "think.budget"),
        providers=_read_providers(_find_rows(table, "provider", path), path),
        runbooks=_read_runbooks(_find_rows(table, "runbook", path), path),
    )


def _find_rows(table: Mapping[str, object], name: str, path: str) -> list[object]:
    rows = table.get(name, [])
    if not isinstance(rows, list):
        raise fault(path, f"think.{name}: expected tables [[think.{name}]], with two brackets each")
    return rows


def _read_providers(rows: list[object], path: str) -> tuple[ProviderSettings, ...]:
    return tuple(
        read_table(ProviderSettings, row, path, f"think.provider #{number}") for number, row in enumerate(rows, start=1)
    )


def _read_runbooks(rows: list[object], path: str) -> tuple[RunbookSettings, ...]:
    return tuple(
        read_table(RunbookSettings, row, path, f"think.runbook #{number}") for number, row in enumerate(rows, start=1)
    )
