"""What may the configuration say: which keys are there, what do they hold, and what stands where nothing is said?

docs/configuration.md lists the same keys; a test holds one against the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from agentkit.core import values
from agentkit.core.values import Kind


@dataclass(frozen=True)
class Setting:
    """One key as a person writes it: name, kind, what stands where nothing is said (None: nothing), and its meaning."""

    name: str
    kind: Kind
    default: str | int | bool | list[str] | None
    meaning: str


def _key(kind: Kind, default: str | int | bool | list[str] | None, meaning: str, name: str | None = None) -> Any:
    # The default is written as a person would write it and goes through the same reader.
    value = None if default is None else kind.read(default)
    return field(default=value, metadata={"kind": kind, "default": default, "meaning": meaning, "name": name})


def _needed(kind: Kind, meaning: str) -> Any:
    return field(metadata={"kind": kind, "default": None, "meaning": meaning, "name": None})


@dataclass(frozen=True)
class HeartbeatSettings:
    """The table `[heartbeat]`."""

    notify: tuple[str, ...] = _key(values.WORDS, [], "program that gets new and resolved findings on stdin")
    notify_limit_s: float = _key(values.DURATION, "30s", "how long that program may take")
    ping: str | None = _key(values.ADDRESS, None, "address that is told when a check has finished")
    ping_limit_s: float = _key(values.DURATION, "10s", "how long that may take")
    keep_days: int = _key(values.WHOLE, 90, "days for which single runs are kept; daily sums stay for ever")
    keep_bytes: int = _key(values.SIZE, "1GiB", "size that the ledger may have")
    lock_files: tuple[str, ...] = _key(values.PATHS, [], "lock and pid files of others to watch for dead owners")
    lock_age_s: float = _key(values.DURATION, "24h", "age at which a lock that names no process is suspicious")


@dataclass(frozen=True)
class JobSettings:
    """A table `[jobs.NAME]`: what is expected of one job, in place of what its crontab line says."""

    every_s: float | None = _key(values.DURATION, None, "how often it runs")
    cron: str | None = _key(values.CRON, None, "when it runs; instead of every")
    tz: str | None = _key(values.ZONE, None, "time zone of cron; without it the machine's")
    grace_s: float | None = _key(
        values.DURATION_OR_ZERO, None, "how late it may be; without it a tenth of the period, at least 60s"
    )
    duration_s: tuple[float, float] | None = _key(values.DURATION_RANGE, None, "how long a good run takes")
    watched: bool = _key(values.SWITCH, default=True, meaning="whether its absence is a finding")


@dataclass(frozen=True)
class DeclareSettings:
    """A table `[[depmap.declare]]`: one dependency that no reader can see."""

    source: str | None = _key(values.NODE, None, "what falls when the other falls", "from")
    target: str | None = _key(values.NODE, None, "what it depends on", "to")
    edge: str = _key(values.TEXT, "requires", "kind of the edge; whatever it is, `from` falls with `to`")


@dataclass(frozen=True)
class CheckSettings:
    """A table `[[check]]`: what `agentkit depmap probe` runs to see whether a node is well."""

    node: str | None = _key(values.TEXT, None, "which node it tells of, such as unit:nginx.service")
    run: tuple[str, ...] | None = _key(values.COMMAND, None, "what is run; the node is well when it ends with 0")
    limit_s: float | None = _key(values.DURATION, None, "how long it may take; without it 10s, and a finding")


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """The table `[think.budget]`: what may be spent on models; None: this does not bound it, 0: nothing at all."""

    usd_per_call: float | None = _key(values.MONEY, None, "dollars that one call may cost")
    usd_per_hour: float | None = _key(values.MONEY, None, "dollars in any 60 minutes")
    usd_per_day: float | None = _key(values.MONEY, None, "dollars in any 24 hours")
    usd_per_month: float | None = _key(values.MONEY, None, "dollars in a calendar month, UTC")
    tokens_per_call: int | None = _key(values.WHOLE_OR_ZERO, None, "tokens of one call, in and out")
    tokens_per_hour: int | None = _key(values.WHOLE_OR_ZERO, None, "tokens in any 60 minutes")
    tokens_per_day: int | None = _key(values.WHOLE_OR_ZERO, None, "tokens in any 24 hours")
    tokens_per_month: int | None = _key(values.WHOLE_OR_ZERO, None, "tokens in a calendar month, UTC")
    calls_per_hour: int | None = _key(values.WHOLE_OR_ZERO, None, "calls in any 60 minutes")
    calls_per_day: int | None = _key(values.WHOLE_OR_ZERO, None, "calls in any 24 hours")
    calls_per_month: int | None = _key(values.WHOLE_OR_ZERO, None, "calls in a calendar month, UTC")


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """A table `[[think.provider]]`: one that may be asked; the first that is well answers.

    Prices are dollars for 1,000,000 tokens. `key` is `secret:NAME`, never the key itself.
    """

    name: str = _needed(values.NAME, "what it is called in the budget and the journal; each name once")
    kind: str = _needed(values.PROVIDER, "how it is spoken to")
    url: str | None = _key(values.URL, None, "where it answers; without it the address of OpenAI or of Anthropic")
    model: str | None = _key(values.TEXT, None, "name of the model; a program needs none")
    key: str | None = _key(values.SECRET, None, "which secret of the vault opens it")
    run: tuple[str, ...] | None = _key(values.COMMAND, None, "program that gets the prompt on stdin; only for command")
    price: float | None = _key(values.PRICE, None, "price_in and price_out at once; 0 for a model of your own")
    price_in: float | None = _key(values.PRICE, None, "dollars for 1,000,000 tokens that it reads")
    price_out: float | None = _key(values.PRICE, None, "dollars for 1,000,000 tokens that it writes")
    max_output_tokens: int = _key(values.TOKENS, 1024, "tokens that one answer may have")
    answer: str = _key(values.ANSWER, "json_schema", "how an openai server is asked for JSON")

    def __post_init__(self) -> None:
        # What was left out and can be told is filled in here, so that nobody who reads these has to know it.
        if self.url is None and self.kind in HOME_URLS:
            object.__setattr__(self, "url", HOME_URLS[self.kind])
        for name in ("price_in", "price_out"):
            if self.price is not None and getattr(self, name) is None:
                object.__setattr__(self, name, self.price)


@dataclass(frozen=True, slots=True)
class MatchSettings:
    """The table `[think.runbook.match]`: which findings a runbook is for; None: whatever stands there."""

    source: str | None = _key(values.PATTERN, None, "which command or program found it")
    type: str | None = _key(values.PATTERN, None, "what it found")
    subject: str | None = _key(values.PATTERN, None, "what it found it of")
    severity: str | None = _key(values.SEVERITY, None, "how bad it is")


@dataclass(frozen=True, slots=True)
class RunbookSettings:
    """A table `[[think.runbook]]`: what is run for which findings; `at_most` is (how often, in how many seconds)."""

    name: str = _needed(values.NAME, "what it is called; each name once")
    match: Mapping[str, str] = _needed(values.MATCH, "which findings it is for; every pattern must fit")
    run: tuple[str, ...] = _needed(values.COMMAND, "what is run, with the finding on stdin; 0 means it is dealt with")
    limit_s: float = _key(values.DURATION, "60s", "how long it may take")
    at_most: tuple[int, float] = _key(values.RATE, "10/1h", "how often it may run; without a time, in 24h")
    offered: bool = _key(values.SWITCH, default=True, meaning="whether a model may choose it")


@dataclass(frozen=True, slots=True)
class ThinkSettings:
    """The table `[think]` and those below it; providers and runbooks are in the order of the file."""

    deadline_s: float = _key(values.DURATION, "60s", "how long one wake may take, all providers together")
    repeat_interval_s: float = _key(values.DURATION, "4h", "when a finding that still fires is thought about again")
    group_interval_s: float = _key(values.DURATION, "5m", "how long a group is left alone after it was thought about")
    keep_days: int = _key(values.WHOLE, 90, "days for which the journal, decisions and what is gone are kept")
    group_by: tuple[str, ...] = _key(values.LABELS, ["source", "type"], "what findings share that are one group")
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    providers: tuple[ProviderSettings, ...] = ()
    runbooks: tuple[RunbookSettings, ...] = ()


@dataclass(frozen=True, slots=True)
class EvolveSettings:
    """The table `[evolve]`: who proposes changes, where, within which bounds, and what only a person may change."""

    repository: str | None = _key(
        values.FOLDER, None, "work tree that decisions from a pipe change; without it that of the folder"
    )
    proposer: tuple[str, ...] | None = _key(
        values.PROGRAM, None, "program that changes a copy of it, for each decision that proposes a change"
    )
    cheap: tuple[str, ...] | None = _key(
        values.PROGRAM, None, "what `run` runs in each changed copy first; any status but 0 rejects the candidate"
    )
    score: tuple[str, ...] = _key(
        values.METRICS, [], "metrics of the ratchet that tell which is best, the first counts most; else the first one"
    )
    protected: tuple[str, ...] = _key(values.PATTERNS, [], "more patterns of paths that need --allow-protected")
    see: tuple[str, ...] = _key(values.PATHS, [], "files and folders that a proposer may read beside the system's")
    keep_env: tuple[str, ...] = _key(values.VARIABLES, [], "variables of the environment that a proposer gets")
    limit_s: float = _key(values.DURATION, "10m", "how long a proposer may take")
    judge_limit_s: float = _key(values.DURATION, "2h", "how long the ratchet may take; longer is no verdict")
    memory_bytes: int = _key(values.SIZE, "4GiB", "memory that a proposer and all its processes may use", "memory")
    disk_bytes: int = _key(values.SIZE, "1GiB", "bytes that it may write", "disk")
    processes: int = _key(values.WHOLE, 256, "how many processes it may have at once")
    keep_days: int = _key(values.WHOLE, 90, "days for which candidates that were not kept, and their commits, stay")


HOME_URLS = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}
TOP = {"host": Setting("host", values.TEXT, None, "name of this machine in every record; without it the kernel's")}
TABLES = {
    "heartbeat": HeartbeatSettings,
    "jobs.NAME": JobSettings,
    "[depmap.declare]": DeclareSettings,
    "[check]": CheckSettings,
    "think": ThinkSettings,
    "think.budget": BudgetSettings,
    "[think.provider]": ProviderSettings,
    "[think.runbook]": RunbookSettings,
    "think.runbook.match": MatchSettings,
    "evolve": EvolveSettings,
}


def describe_settings(table: type) -> dict[str, Setting]:
    """Return {field: setting} of a table; in the file a time needs no `_s` in its name, its value says the unit."""
    return {
        spot.name: Setting(
            spot.metadata["name"] or spot.name.removesuffix("_s"),
            spot.metadata["kind"],
            spot.metadata["default"],
            spot.metadata["meaning"],
        )
        for spot in fields(table)
        if "kind" in spot.metadata  # a table below it is read by itself
    }
