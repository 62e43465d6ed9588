"""How does one line that cron runs stand: covered, silent, or dead by what cron makes of it, and what would mend it?"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from agentkit.core.cronline import CronLine, DroppedLine
from agentkit.core.cronrow import split_row
from agentkit.core.cronwords import split_command
from agentkit.core.launchers import SHELLS
from agentkit.core.rooted import resolve
from agentkit.core.shellgrammar import read_shell
from agentkit.heartbeat.hearing import listen
from agentkit.heartbeat.silence import Reason, Silence, name_work
from agentkit.heartbeat.wrapping import Names, find_obstacle, find_shell, rules_of, unwrap_command, wrap_line

COVERED, SILENT, DEAD, UNKNOWN = "covered", "silent", "dead", "unknown"
NO_WRAPPER = Reason("no-wrapper", "nothing writes down that it ran, or how it ended")
NO_LIMIT = Reason("no-time-limit", "it may run for ever")
NO_MAIL = Reason("no-mail", 'MAILTO="" throws away what it prints')
WATCHER = Reason("watcher", "it watches the check itself, and needs no agentkit for it")
# What stands before the first % of a format: +%F, '%s', --format=%h.
BEFORE_FORMATS = ("+", '"', "'", "=", ":", "-", "_", ".", "/")
USAGE = "usage"
CRON_PATH = "/usr/bin:/bin"
BY_HAND = (
    "run it in the foreground and in one piece, from a script of its own if need be, through agentkit heartbeat run"
)


@dataclass(frozen=True, slots=True)
class Judged:
    """A line that cron would run, what is silent in it, and what follows from that."""

    line: CronLine
    silence: Silence
    state: str
    reasons: tuple[Reason, ...]


def judge_line(line: CronLine, altered: Sequence[DroppedLine], home: str, root: str) -> Judged:
    """Return how a line stands; `altered` is what cron makes of it otherwise than it is written."""
    environment: Mapping[str, str] = {"HOME": home, "LOGNAME": line.user, **dict(line.environment)}
    shell = find_shell(line)
    silence = listen(line.command, environment, _find_real_shell(root, shell))
    told = tuple(Reason(one.code, one.why) for one in altered)
    if any(one.code == "percent" for one in altered) and not silence.is_whole and _was_whole(line):
        why = f"cron ends the command at its first %, and what is left of it is none to {shell}"
        return Judged(line, silence, DEAD, (Reason("percent", why),))
    if os.path.basename(shell) not in SHELLS:
        return Judged(
            line, Silence(), SILENT, (NO_WRAPPER, Reason("shell", f"{shell} is none that is read here"), *told)
        )
    if not silence.is_wrapped and "/last-check" in line.command:
        return Judged(line, silence, COVERED, (WATCHER, *told))
    if os.path.realpath(root) == "/" and (missing := _find_missing(line, silence)):
        # On another machine's disk, what is missing may stand elsewhere.
        return Judged(line, silence, DEAD, (Reason("no-program", f"{missing} is not there to run the job"), *told))
    knowing = tuple(silence.worth_knowing.values())
    if silence.is_covered:
        guards = tuple(reason for reason in silence.reasons.values() if reason.code in ("lock", "may-be-idle"))
        return Judged(line, silence, COVERED, (*guards, *knowing, *told))
    return Judged(line, silence, SILENT, (*_find_reasons(line, silence), *knowing, *told))


def _find_reasons(line: CronLine, silence: Silence) -> list[Reason]:
    reasons = list(silence.hidden.values())
    if silence.works and silence.is_wrapped:
        reasons.append(Reason("beside", f"`{name_work(silence.works[0])}` runs beside the wrapper, and nobody sees it"))
    elif not silence.is_wrapped:
        reasons.append(NO_WRAPPER)
    if silence.works and not silence.is_bounded:
        reasons.append(NO_LIMIT)
    reasons.extend(silence.reasons.values())
    if silence.works and dict(line.environment).get("MAILTO", "root") == "":
        reasons.append(NO_MAIL)
    return reasons


def find_fix(judged: Judged, names: Names, *, program: str, rules: str) -> str | None:
    """Return what to write in the line's place, or what to do where no line can say it; None where all is well."""
    if judged.state not in (SILENT, DEAD):
        return None
    line, silence = judged.line, judged.silence
    if judged.reasons[0].code == "no-program":
        return f"write {shlex.quote(program)} in its place"
    if USAGE in silence.hidden:
        return "correct its words: agentkit heartbeat run --help"
    obstacle = find_obstacle(line)
    if obstacle:
        return f"wrap the work of it by hand: {obstacle}"
    if line.stdin is not None and (judged.state == DEAD or _was_meant(line)):
        line = _mean_percent(line, rules)
        silence = listen(line.command, dict(line.environment), find_shell(line))
    job = silence.jobs[0] if silence.jobs and not silence.works else names.choose(silence)
    mended = wrap_line(line, silence, job=job, program=program, rules=rules, only_quiet=False)
    if mended is None or not listen(mended.command, dict(line.environment), find_shell(line)).is_covered:
        return BY_HAND
    return mended.row


def _find_missing(line: CronLine, silence: Silence) -> str | None:
    """Return the agentkit that a line names and cron does not find; an adopted line runs its job without it."""
    if unwrap_command(line.command) is not None:
        return None
    path = dict(line.environment).get("PATH") or f"{CRON_PATH}:{_read_environment_path()}"
    for program in silence.wrappers:
        if "$" not in program and "~" not in program and shutil.which(program, path=path) is None:
            return program
    return None


@lru_cache(maxsize=1)
def _read_environment_path() -> str:
    """Return the PATH that pam_env may add to cron's own (/etc/environment), or nothing."""
    try:
        with open("/etc/environment", encoding="utf-8", errors="replace") as file:
            rows = file.read(65536).splitlines()
    except OSError:
        return ""
    return next((row.partition("=")[2].strip("\"' ") for row in rows if row.startswith("PATH=")), "")


def _was_meant(line: CronLine) -> bool:
    """Tell whether a % that ends a command was meant for it: as part of a format, or the text goes on as one does."""
    fed = line.stdin or ""
    if line.command[-1:].isspace() or not re.match(r"[A-Za-z({]", fed):
        return False
    return line.command.endswith(BEFORE_FORMATS) or re.search(r"[|>;&]", fed) is not None


def _mean_percent(line: CronLine, rules: str) -> CronLine:
    """Return the line with each % escaped: what was cut off is part of the command again."""
    rules = rules_of(line, rules)
    before, command, fed = split_row(line.text, kind=line.kind, rules=rules)
    written = command + fed.replace("\\%", "%").replace("%", "\\%")
    return replace(line, text=before + written, command=split_command(written, debian=rules == "debian")[0], stdin=None)


def _was_whole(line: CronLine) -> bool:
    """Tell whether the command would be one for its shell, if cron did not cut it off."""
    _, command, fed = split_row(line.text, kind=line.kind, rules="debian")
    return read_shell((command + fed).replace("\\%", "%").rstrip("\r")).is_whole


def _find_real_shell(root: str, shell: str) -> str:
    """Return the path of a shell behind its links: some machines have bash, some busybox for their sh."""
    try:
        return os.path.realpath(resolve(root, shell))
    except OSError:
        return shell
