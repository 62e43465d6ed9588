"""What do the tables of think say: its budget, whom it may ask, and what it may run?"""

from collections.abc import Mapping
from dataclasses import replace

from agentkit.core.settings import (
    BudgetSettings,
    MatchSettings,
    ProviderSettings,
    RunbookSettings,
    ThinkSettings,
    describe_settings,
)
from agentkit.core.tables import fault, read_table, show, unknown_key
from agentkit.core.values import COMMAND, PRICE

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
    providers = []
    for number, row in enumerate(rows, start=1):
        where = f"think.provider #{number}"
        one = read_table(ProviderSettings, row, path, where)
        assert isinstance(row, dict)  # or it would not have been read
        _check_prices(one, path, where)
        if one.kind == "command":
            _check_program(one, row, path, where)
        else:
            _check_server(one, row, path, where)
        providers.append(one)
    _check_names([one.name for one in providers], path, "think.provider")
    return tuple(providers)


def _check_prices(one: ProviderSettings, path: str, where: str) -> None:
    if one.price is not None and (one.price_in, one.price_out) != (one.price, one.price):
        raise fault(path, f"{where}: price beside price_in or price_out", hint="price alone sets both of the others")
    if (one.price_in is None) != (one.price_out is None):
        missing = "price_in" if one.price_in is None else "price_out"
        raise fault(path, f"{where}: {missing} is missing beside the other price; expected {PRICE.expected}")


def _check_program(one: ProviderSettings, row: Mapping[str, object], path: str, where: str) -> None:
    if not one.run:
        raise fault(
            path,
            f"{where}: run is {'empty' if 'run' in row else 'missing'}; a provider of kind command is a program",
            hint='run = ["claude", "-p", "--output-format", "json"]',
        )
    for key in ("url", "key", "answer"):
        if key in row:
            raise fault(
                path,
                f"{where}.{key}: a provider of kind command has none; it is a program",
                hint="give the program what it needs as words of run; agentkit vault exec hands over a secret",
            )


def _check_server(one: ProviderSettings, row: Mapping[str, object], path: str, where: str) -> None:
    if "run" in row:
        raise fault(
            path,
            f"{where}.run: a provider of kind {one.kind} runs no program",
            hint='kind = "command", without url and key',
        )
    if "answer" in row and one.kind != "openai":
        raise fault(path, f"{where}.answer: only a provider of kind openai is asked in more than one way")
    if one.model is None:
        raise fault(path, f"{where}: model is missing; expected the name by which the server knows it")
    if "url" not in row and one.key is None:
        # Whoever forgot the address of a server of their own must not tell a stranger's what broke here.
        raise fault(
            path,
            f"{where}: url and key are missing; {one.url} answers nobody without a key",
            hint='key = "secret:NAME", or url = "http://127.0.0.1:8080/v1" for a server of your own',
        )
    if one.key is not None and one.url is not None and one.url.startswith("http://") and not _is_loopback(one.url):
        raise fault(
            path,
            f"{where}.url: the key would cross the network as plain text, to a host that is not this machine",
            hint="https://, or no key",
        )


def _is_loopback(url: str) -> bool:
    """Return whether an address leads to this machine by its own words; no name but `localhost` is looked at."""
    from ipaddress import ip_address
    from urllib.parse import urlsplit

    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False  # 127.example.org is a name too


def _read_runbooks(rows: list[object], path: str) -> tuple[RunbookSettings, ...]:
    runbooks = []
    for number, row in enumerate(rows, start=1):
        where = f"think.runbook #{number}"
        one = read_table(RunbookSettings, row, path, where)
        read_table(MatchSettings, one.match, path, f"{where}.match")
        if not one.match:
            raise fault(
                path,
                f"{where}.match: is empty, and would fit every finding",
                hint='source = "*" if that is what you want',
            )
        if not one.run:
            raise fault(path, f"{where}: run is empty; expected {COMMAND.expected}")
        runbooks.append(one)
    _check_names([one.name for one in runbooks], path, "think.runbook")
    return tuple(runbooks)


def _check_names(names: list[str], path: str, where: str) -> None:
    for number, name in enumerate(names, start=1):
        first = names.index(name) + 1
        if first < number:
            raise fault(path, f"{where} #{number}.name: {name!r} is the name of {where} #{first} too")
