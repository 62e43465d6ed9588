"""What may the configuration say: which keys are there, what do they hold, and what stands where nothing is said?

docs/configuration.md lists the same keys; a test holds one against the other.
"""

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


TOP = {"host": Setting("host", values.TEXT, None, "name of this machine in every record; without it the kernel's")}
TABLES = {
    "heartbeat": HeartbeatSettings,
    "jobs.NAME": JobSettings,
    "[depmap.declare]": DeclareSettings,
    "[check]": CheckSettings,
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
    }
