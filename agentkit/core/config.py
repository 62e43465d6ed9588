"""What does the one configuration file say, and is every word of it understood?

A command validates its own tables: a fault there ends it (78) naming file, key and nearest known key. A fault in
another command's table is a warning. Without a file everything has its default.
"""

import os
import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from agentkit.core.configthink import read_think
from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.paths import configuration_file
from agentkit.core.settings import (
    TOP,
    CheckSettings,
    DeclareSettings,
    EvolveSettings,
    HeartbeatSettings,
    JobSettings,
    ThinkSettings,
)
from agentkit.core.tables import fault, nearest, read_table, show, suggest, unknown_key
from agentkit.core.values import WrongKindError

JOB_NAME_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
# Tables of commands that this version does not have: an older program beside a newer one's file says nothing.
OTHER_COMMANDS = ("ratchet", "vault")


@dataclass(frozen=True)
class Configuration:
    """What the file says, with a default for everything that it does not say."""

    path: str
    host: str
    heartbeat: HeartbeatSettings = field(default_factory=HeartbeatSettings)
    jobs: Mapping[str, JobSettings] = field(default_factory=dict)
    declared: tuple[DeclareSettings, ...] = ()
    checks: tuple[CheckSettings, ...] = ()
    think: ThinkSettings = field(default_factory=ThinkSettings)
    evolve: EvolveSettings = field(default_factory=EvolveSettings)


def load_configuration(
    environ: Mapping[str, str], *, own: Collection[str], warn: Callable[[str], None]
) -> Configuration:
    """Return the configuration; `own` are the tables of the command that asks, such as `heartbeat` and `jobs`.

    Raises AgentkitError (configuration) for a file that cannot be read and for a fault at the top or in an own table;
    a fault in any other table goes to `warn`, and that table has its defaults.
    """
    path = configuration_file(environ)
    document = _read_document(path, is_named=bool(environ.get("AGENTKIT_CONFIG")))
    host = _read_host(path, document) or os.uname().nodename
    _check_top(path, document, own, warn)

    heartbeat = HeartbeatSettings()
    jobs: dict[str, JobSettings] = {}
    declared: tuple[DeclareSettings, ...] = ()
    checks: tuple[CheckSettings, ...] = ()
    try:
        if "heartbeat" in document:
            heartbeat = read_table(HeartbeatSettings, document["heartbeat"], path, "heartbeat")
    except AgentkitError as error:
        _end_or_warn(error, "heartbeat" in own, warn)
    try:
        jobs = _read_jobs(document.get("jobs", {}), path)
    except AgentkitError as error:
        _end_or_warn(error, "jobs" in own, warn)
    try:
        declared = _read_declared(document.get("depmap", {}), path)
    except AgentkitError as error:
        _end_or_warn(error, "depmap" in own, warn)
    try:
        checks = _read_checks(document.get("check", []), path)
    except AgentkitError as error:
        _end_or_warn(error, "check" in own, warn)
    think = ThinkSettings()
    try:
        think = read_think(document.get("think", {}), path)
    except AgentkitError as error:
        _end_or_warn(error, "think" in own, warn)
    evolve = EvolveSettings()
    try:
        evolve = read_table(EvolveSettings, document.get("evolve", {}), path, "evolve")
    except AgentkitError as error:
        _end_or_warn(error, "evolve" in own, warn)
    return Configuration(path, host, heartbeat, jobs, declared, checks, think, evolve)


def load_checks(path: str) -> tuple[tuple[CheckSettings, ...], tuple[DeclareSettings, ...]]:
    """Return the tables `check` and `depmap.declare` of a file that holds nothing else, as TOML or as JSON.

    Raises AgentkitError: configuration naming file, key and nearest known key; refused where others could write it.
    """
    document = _read_document(path, is_named=True, may_be_json=True)
    for key in document:
        if key not in ("check", "depmap"):
            raise fault(
                path, f"unknown key {key}", hint=suggest(nearest(key, ["check", "depmap"]), ["check", "depmap"])
            )
    return _read_checks(document.get("check", []), path), _read_declared(document.get("depmap", {}), path)


def _end_or_warn(error: AgentkitError, is_own: bool, warn: Callable[[str], None]) -> None:
    if is_own:
        raise error
    warn(error.message)


def _read_document(path: str, *, is_named: bool, may_be_json: bool = False) -> dict[str, object]:
    import tomllib

    try:
        with open(path, "rb", opener=_open_at_once) as file:
            found = os.fstat(file.fileno())
            _check_owner(path, found)
            if not stat.S_ISREG(found.st_mode):
                raise fault(path, "is no regular file")
            text = file.read().decode("utf-8")
            # No table of TOML begins like this, and every object of JSON does.
            return _parse_json(text) if may_be_json and text.lstrip().startswith("{") else tomllib.loads(text)
    except FileNotFoundError:
        if is_named:
            why = "is not there" if may_be_json else "is not there, and AGENTKIT_CONFIG names it"
            raise fault(path, why) from None
        return {}
    except OSError as error:
        raise fault(path, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise fault(path, f"byte {error.start} is no UTF-8; a TOML file is UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        what = "is neither TOML nor an object of JSON" if may_be_json else "is no TOML"
        raise fault(path, f"{what}: {error}") from error
    except ValueError as error:
        raise fault(path, f"is no {'JSON' if may_be_json else 'TOML'}: {error}") from error


def _parse_json(text: str) -> dict[str, object]:
    import json

    document = json.loads(text)
    assert isinstance(document, dict)  # for it begins with a brace
    return document


def _open_at_once(path: str, flags: int) -> int:
    # A named pipe in its place must not hold us until somebody writes to it.
    return os.open(path, flags | os.O_NONBLOCK)


def _check_owner(path: str, found: os.stat_result) -> None:
    # The file names programs that are run: whoever can write it runs them as us.
    if found.st_uid not in (os.getuid(), 0) or found.st_mode & 0o002:
        raise AgentkitError(
            f"{path}: belongs to user {found.st_uid} and has mode {found.st_mode & 0o7777:04o}: others could write it",
            hint=f"chown {os.getuid()} {path} && chmod 600 {path}",
            status=Exit.REFUSED,
        )


def _read_host(path: str, document: Mapping[str, object]) -> str | None:
    if "host" not in document:
        return None
    try:
        return str(TOP["host"].kind.read(document["host"]))
    except WrongKindError:
        raise fault(path, f"host: expected {TOP['host'].kind.expected}, found {show(document['host'])}") from None


def _check_top(path: str, document: Mapping[str, object], own: Collection[str], warn: Callable[[str], None]) -> None:
    known = ["host", "heartbeat", "jobs", "depmap", "check", "think", "evolve", *OTHER_COMMANDS]
    for name, value in document.items():
        if name in known:
            continue
        near = nearest(name, known)
        # A table that nobody knows may be a newer command's, unless it reads like a slip of the pen.
        if isinstance(value, dict) and near not in own:
            warn(f"{path}: no command of this version knows the table [{name}]")
            continue
        raise fault(path, f"unknown key {name}", hint=suggest(near, known))


def _read_jobs(tables: object, path: str) -> dict[str, JobSettings]:
    if not isinstance(tables, dict):
        raise fault(path, f"jobs: expected a table [jobs.NAME] a job, found {show(tables)}")
    jobs = {}
    for name, table in tables.items():
        if not name or name[0] in "._-" or not set(name) <= JOB_NAME_LETTERS:
            raise fault(path, f"jobs.{name}: {name!r} is no name of a job; expected [a-z0-9][a-z0-9._-]*")
        job = read_table(JobSettings, table, path, f"jobs.{name}")
        if job.every_s is not None and job.cron is not None:
            raise fault(path, f"jobs.{name}: every and cron; give one of them")
        jobs[name] = job
    return jobs


def _read_declared(table: object, path: str) -> tuple[DeclareSettings, ...]:
    if not isinstance(table, dict):
        raise fault(path, f"depmap: expected a table [depmap], found {show(table)}")
    for key, value in table.items():
        if key != "declare":
            raise unknown_key(path, "depmap", key, value, ["declare"])
    rows = table.get("declare", [])
    if not isinstance(rows, list):
        raise fault(path, "depmap.declare: expected tables [[depmap.declare]], with two brackets each")
    declared = []
    for number, row in enumerate(rows, start=1):
        where = f"depmap.declare #{number}"
        one = read_table(DeclareSettings, row, path, where)
        missing = [name for name, value in (("from", one.source), ("to", one.target)) if value is None]
        if missing:
            raise fault(path, f"{where}: {missing[0]} is missing", hint='from = "job:report", to = "cmd:restic"')
        declared.append(one)
    return tuple(declared)


def _read_checks(rows: object, path: str) -> tuple[CheckSettings, ...]:
    if not isinstance(rows, list):
        raise fault(path, "check: expected tables [[check]], with two brackets each")
    checks = []
    for number, row in enumerate(rows, start=1):
        where = f"check #{number}"
        one = read_table(CheckSettings, row, path, where)
        missing = [name for name, value in (("node", one.node), ("run", one.run)) if not value]
        if missing:
            is_empty = isinstance(row, dict) and missing[0] in row
            raise fault(
                path,
                f"{where}: {missing[0]} is {'empty' if is_empty else 'missing'}",
                hint='node = "unit:nginx.service", run = ["systemctl", "is-active", "--quiet", "nginx"], limit = "3s"',
            )
        checks.append(one)
    return tuple(checks)
