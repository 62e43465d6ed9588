"""What do the tables of think say, and what do they keep from going wrong: an address, a key, a name?"""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.core.config import load_configuration
from agentkit.core.configthink import read_think
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import SEVERITIES
from agentkit.core.settings import (
    BudgetSettings,
    MatchSettings,
    ProviderSettings,
    RunbookSettings,
    ThinkSettings,
    describe_settings,
)
from agentkit.core.values import SEVERITY_WORDS
from tests.core.thinkconfig import LOCAL, MATCHED, RUNBOOK, SERVER, fault, read, told

DAY_S = 86400.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agentkit.toml"


def test_without_a_table_think_has_no_provider_no_runbook_and_no_cap(file: Path) -> None:
    assert read(file, "") == ThinkSettings(
        deadline_s=60.0,
        repeat_interval_s=4 * 3600.0,
        group_interval_s=300.0,
        group_by=("source", "type"),
        budget=BudgetSettings(),
        providers=(),
        runbooks=(),
    )


def test_everything_that_think_can_be_told_is_read_in_seconds_dollars_and_the_order_of_the_file(file: Path) -> None:
    found = read(
        file,
        """
        [think]
        deadline = "2m"
        repeat_interval = "1d"
        group_interval = "1m"
        group_by = ["host", "cause"]
        [think.budget]
        usd_per_call = 0.05
        usd_per_hour = 1
        usd_per_day = 0
        tokens_per_month = 1000000
        calls_per_day = 0
        [[think.provider]]
        name = "local"
        kind = "openai"
        url = "http://[::1]:8080/v1"
        model = "m"
        price = 0
        answer = "json_object"
        max_output_tokens = 256
        [[think.provider]]
        name = "far"
        kind = "anthropic"
        model = "n"
        key = "secret:anthropic/key"
        price_in = 3
        price_out = 15.5
        [[think.provider]]
        name = "program"
        kind = "command"
        run = ["claude", "-p", ""]
        [[think.runbook]]
        name = "restart"
        match = { source = "heartbeat.*", severity = "crit*" }
        run = ["systemctl", "restart", "web"]
        limit = "30s"
        at_most = "3/1h"
        offered = false
        [[think.runbook]]
        name = "prune"
        run = ["prune"]
        at_most = 2
        [think.runbook.match]
        type = "disk-full"
        subject = "file:*"
        """,
    )
    assert found == ThinkSettings(
        deadline_s=120.0,
        repeat_interval_s=DAY_S,
        group_interval_s=60.0,
        group_by=("host", "cause"),
        budget=BudgetSettings(
            usd_per_call=0.05, usd_per_hour=1.0, usd_per_day=0.0, tokens_per_month=10**6, calls_per_day=0
        ),
        providers=(
            ProviderSettings(
                "local",
                "openai",
                url="http://[::1]:8080/v1",
                model="m",
                price=0.0,
                answer="json_object",
                max_output_tokens=256,
            ),
            ProviderSettings("far", "anthropic", model="n", key="secret:anthropic/key", price_in=3.0, price_out=15.5),
            ProviderSettings("program", "command", run=("claude", "-p", "")),
        ),
        runbooks=(
            RunbookSettings(
                "restart",
                {"source": "heartbeat.*", "severity": "crit*"},
                ("systemctl", "restart", "web"),
                limit_s=30.0,
                at_most=(3, 3600.0),
                offered=False,
            ),
            RunbookSettings("prune", {"type": "disk-full", "subject": "file:*"}, ("prune",), at_most=(2, DAY_S)),
        ),
    )


def test_a_provider_is_made_of_a_name_and_a_kind_and_knows_the_address_of_its_kind() -> None:
    urls = [ProviderSettings(name="a", kind=kind).url for kind in ("openai", "anthropic", "command")]
    assert urls == ["https://api.openai.com/v1", "https://api.anthropic.com", None]
    assert ProviderSettings(name="a", kind="openai", url="http://localhost/v1").url == "http://localhost/v1"
    made = ProviderSettings(name="a", kind="command")
    assert (made.price_in, made.price_out, made.max_output_tokens, made.answer) == (None, None, 1024, "json_schema")
    with pytest.raises(FrozenInstanceError):
        made.name = "b"  # type: ignore[misc]


def test_one_price_is_the_price_of_both_ways() -> None:
    made = ProviderSettings(name="a", kind="command", price=0.0)
    assert (made.price_in, made.price_out) == (0.0, 0.0)


def test_a_runbook_has_its_defaults() -> None:
    made = RunbookSettings(name="a", match={"source": "*"}, run=("true",))
    assert (made.limit_s, made.at_most, made.offered) == (60.0, (10, 3600.0), True)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("3", (3, DAY_S)),
        ('"3"', (3, DAY_S)),
        ('"3/1h"', (3, 3600.0)),
        ('" 3 / 90s "', (3, 90.0)),
        ('"1/2d"', (1, 2 * DAY_S)),
    ],
)
def test_how_often_a_runbook_may_run_is_a_number_alone_or_in_a_time(
    file: Path, written: str, meant: tuple[int, float]
) -> None:
    assert read(file, f"{MATCHED}at_most = {written}").runbooks[0].at_most == meant


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("", "none that begins with http:// or https://"),
        ("127.0.0.1:8080", "none that begins with http:// or https://"),
        ("ftp://example.org/", "none that begins with http:// or https://"),
        ("file:///etc/passwd", "none that begins with http:// or https://"),
        ("https://me:{secret}@example.org/v1", "one with a user or a password"),
        ("https://{secret}@example.org/v1", "one with a user or a password"),
        ("http://127.0.0.1\\\\@example.org/v1", "one with a user or a password"),
        ("https://example.org/v1?key={secret}", "one with a query"),
        ("https://example.org/v1?", "one with a query"),
        ("https://example.org/v1#{secret}", "one with a fragment"),
        ("https://example.org/a b", "one with a letter that no address has"),
        ("https://example.org/\\n", "one with a letter that no address has"),
        ("https://example.org\\\\.net/", "one with a letter that no address has"),
        ("https://müller.example.org/", "one with a letter that no address has"),
        ("https://", "one without a valid host and port"),
        ("https://:443/", "one without a valid host and port"),
        ("https://[::1/", "one without a valid host and port"),
        ("https://example.org:0/", "one without a valid host and port"),
        ("https://example.org:65536/", "one without a valid host and port"),
        ("https://example.org:http/", "one without a valid host and port"),
        ("https://exa%6dple.org/", "one without a valid host and port"),
    ],
)
def test_an_address_is_plain_and_a_wrong_one_is_not_shown(file: Path, url: str, found: str) -> None:
    secret = "x7" * 9
    message = told(file, f'{SERVER}url = "{url.format(secret=secret)}"')
    wanted = 'think.provider #1.url: expected an address such as "http://127.0.0.1:8080/v1", found'
    assert message == f"{wanted} {found}"


def test_an_address_that_is_no_text_is_a_fault(file: Path) -> None:
    assert told(file, f"{SERVER}url = 3").endswith("found none that begins with http:// or https://")


@pytest.mark.parametrize(
    "key",
    ['"sk-{secret}"', '"{secret}"', '"SECRET:{secret}"', '["{secret}"]', "3", '""', '"secret:"', '"secret:/{secret}"',
     '"secret:{secret}/"', '"secret:a/../{secret}"', '"secret:a b"', '"secret: {secret}"', '"secret:Key"'],
)  # fmt: skip
def test_a_key_is_the_name_of_a_secret_and_anything_else_is_not_shown(file: Path, key: str) -> None:
    secret = "x7" * 9
    error = fault(file, f"{LOCAL}key = {key.format(secret=secret)}")
    assert error.message.startswith(
        f"{file}: think.provider #1.key: expected the name of a secret in the vault such as"
    )
    assert (error.hint or "").startswith("agentkit vault set ")
    assert secret not in error.lines()


@pytest.mark.parametrize("key", ["secret:a", "secret:openai/key", "secret:a-b.c_d/9"])
def test_a_key_may_have_every_name_of_a_secret(file: Path, key: str) -> None:
    assert read(file, f'{LOCAL}key = "{key}"').providers[0].key == key


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "localhost:8080", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:8080"]
)
def test_a_key_may_go_to_this_machine_as_plain_text(file: Path, host: str) -> None:
    assert read(file, f'{SERVER}key = "secret:a"\nurl = "http://{host}/v1"').providers[0].url == f"http://{host}/v1"


@pytest.mark.parametrize(
    "host",
    ["example.org", "10.0.0.1", "127.example.org", "127.0.0.1.example.org", "localhost.example.org", "0.0.0.0",
     "[::2]", "[::ffff:10.0.0.1]", "2130706433"],
)  # fmt: skip
def test_a_key_goes_to_no_other_machine_as_plain_text(file: Path, host: str) -> None:
    error = fault(file, f'{SERVER}key = "secret:a"\nurl = "http://{host}/v1"')
    assert error.message.endswith(
        "think.provider #1.url: the key would cross the network as plain text, to a host that is not this machine"
    )
    assert error.hint == "https://, or no key"
    read(file, f'{SERVER}key = "secret:a"\nurl = "https://{host}/v1"')
    read(file, f'{SERVER}url = "http://{host}/v1"')


def test_a_match_has_the_keys_of_its_table_and_its_severities_are_those_of_findings(file: Path) -> None:
    names = [setting.name for setting in describe_settings(MatchSettings).values()]
    match = ", ".join(f'{name} = "*"' for name in names)
    assert read(file, f"{RUNBOOK}match = {{ {match} }}").runbooks[0].match == dict.fromkeys(names, "*")
    assert names == ["source", "type", "subject", "severity"]
    assert SEVERITY_WORDS == SEVERITIES


def test_a_fault_of_think_is_a_warning_to_any_other_command_and_think_has_its_defaults(file: Path) -> None:
    file.write_text(f"{LOCAL}modell = 3\n")
    warnings: list[str] = []
    found = load_configuration({"AGENTKIT_CONFIG": str(file)}, own=("heartbeat",), warn=warnings.append)
    assert warnings == [f"{file}: unknown key think.provider #1.modell"]
    assert found.think == ThinkSettings()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["*", "http://[", "3/1h"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["source", "type", "x"]), inner),
    max_leaves=4,
)


def _tables(shape: type, **fixed: str) -> st.SearchStrategy[dict[str, object]]:
    names = [setting.name for setting in describe_settings(shape).values()]
    some = st.dictionaries(st.sampled_from([*names, "other"]), VALUES, max_size=3)
    return some.map(lambda drawn: {**fixed, **drawn})


@settings(max_examples=300, deadline=None)
@given(
    top=_tables(ThinkSettings),
    budget=_tables(BudgetSettings) | VALUES,
    providers=st.lists(_tables(ProviderSettings, name="a", kind="openai", model="m"), max_size=2) | VALUES,
    runbooks=st.lists(_tables(RunbookSettings, name="a"), max_size=2) | VALUES,
)
def test_whatever_stands_there_is_understood_or_a_fault_with_a_place(
    top: dict[str, object], budget: object, providers: object, runbooks: object
) -> None:
    table = {**top, "budget": budget, "provider": providers, "runbook": runbooks}
    error = _find_fault(table)
    assert error is None or error.status == Exit.CONFIGURATION
    assert error is None or error.message.startswith(("FILE: think", "FILE: unknown key think."))


def _find_fault(table: dict[str, object]) -> AgentkitError | None:
    try:
        read_think(table, "FILE")
    except AgentkitError as error:
        return error
    return None
