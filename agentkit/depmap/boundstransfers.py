"""What bounds a transfer: curl, wget, rsync and others that fetch and send?"""

from __future__ import annotations

import re
from dataclasses import replace

from agentkit.depmap.boundsgap import MOVE_S, Gap, Limits, Rule, partly, unbounded
from agentkit.depmap.boundswords import Given, Words, is_limit, read_given
from agentkit.depmap.calls import HOLE, Call
from agentkit.depmap.wait import PARTLY

# Options with a value, from each one's manual.
CURL_LETTERS = "AbcCdDeEFHKmoPQrtTuUwxXyYz"
CURL_NAMES = ("max-time", "connect-timeout", "speed-time", "speed-limit", "retry", "retry-max-time", "url")
WGET_LETTERS = "aABDeIiloOPQRtTUwXn"
WGET_NAMES = ("timeout", "tries", "read-timeout", "connect-timeout", "dns-timeout", "execute", "wait", "waitretry")
RSYNC_LETTERS = "efBTM@"
RSYNC_NAMES = (
    *("rsh", "exclude", "include", "exclude-from", "include-from", "files-from", "filter", "log-file", "backup-dir"),
    *("suffix", "bwlimit", "timeout", "contimeout", "password-file", "temp-dir", "partial-dir", "compare-dest"),
    *("link-dest", "copy-dest", "max-size", "min-size", "max-delete", "chmod", "chown", "usermap", "groupmap", "info"),
    *("debug", "out-format", "port", "sockopts", "address", "rsync-path", "remote-option", "block-size", "protocol"),
    *("modify-window", "iconv", "compress-level", "checksum-choice", "stop-after", "stop-at", "time-limit"),
)
# `host:path` before any slash, or an URL.
REMOTE = re.compile(r"[^/]*:|[a-z][a-z0-9+.-]*://")


def judge_curl(call: Call) -> Gap | None:
    """Judge curl(1): only --max-time bounds a transfer, and --next takes back what was said before it."""
    program, *words = call.words
    transfers: list[list[str]] = [[program]]
    for word in words:
        if word in ("--next", "-:"):
            transfers.append([program])
        else:
            transfers[-1].append(word)
    gaps = [gap for transfer in transfers if (gap := _judge_transfer(tuple(transfer))) is not None]
    if len(transfers) == 1 or not gaps:
        return gaps[0] if gaps else None
    worst = min(gaps, key=lambda gap: gap.type == PARTLY)
    # Behind the program's name a limit would hold for the first transfer alone.
    return replace(worst, why=f"{worst.why}: each transfer between --next needs its own limit", add=None)


def _judge_transfer(words: Words) -> Gap | None:
    given = read_given(words, CURL_LETTERS, CURL_NAMES)
    if given.has("-V", "--version", "-h", "--help", "-M", "--manual") or given.limits("-m", "--max-time"):
        return None
    if given.operands and all(word.startswith("file:") for word in given.operands):
        return None
    if given.limits("-y", "--speed-time", "-Y", "--speed-limit"):
        return partly("--speed-time ends a slow transfer, and nothing ends one that goes on", "--max-time 60")
    if given.limits("--connect-timeout"):
        return partly("--connect-timeout bounds the connecting, not the waiting for an answer", "--max-time 60")
    if given.has("-m", "--max-time"):
        return unbounded("--max-time 0 is no limit, and curl waits for an answer for ever")
    return unbounded("curl waits for an answer for ever", "--max-time 60")


def judge_wget(call: Call) -> Gap | None:
    """Judge wget(1): a limit for each step and for the number of tries together bound it."""
    given = read_given(call.words, WGET_LETTERS, WGET_NAMES)
    if given.has("-V", "--version", "-h", "--help", "-b", "--background") or "-h" in call.words:
        return None
    add = "--timeout=20 --tries=1"
    steps = ("--read-timeout", "--connect-timeout", "--dns-timeout")
    is_limited = given.limits("-T", "--timeout") or all(given.limits(step) for step in steps)
    tries = _read_tries(given)
    if given.gives_up("-T", "--timeout", "--read-timeout"):
        return unbounded("a timeout of 0 is none, and wget waits for an answer for ever", None, MOVE_S)
    if tries == 0:
        return unbounded("--tries=0 tries again for ever", None, MOVE_S)
    if is_limited and tries is not None:
        return None
    if is_limited:
        return partly("each try is bounded, and wget tries 20 times with pauses between", add)
    return partly("wget waits up to 900 seconds for each read, for a connection as long as the kernel does", add)


def _read_tries(given: Given) -> int | None:
    """Return how often wget tries: 0 for ever, None where it is not said."""
    for name in ("-t", "--tries"):
        if name in given.options:
            return 1 if is_limit(given.options[name]) else 0
    return None


def is_remote(word: str) -> bool:
    """Tell whether an operand of rsync or scp is on another machine."""
    return REMOTE.match(word) is not None and not word.startswith((".", "/"))


def judge_rsync(call: Call) -> Gap | None:
    """Judge rsync(1): between two folders of this machine it only works; --timeout ends a silence, not the whole."""
    given = read_given(call.words, RSYNC_LETTERS, RSYNC_NAMES)
    if given.has("--version", "--help", "-V", "--server", "--daemon") or not _goes_away(given):
        return None
    if given.limits("--timeout"):
        return partly("--timeout ends a silence, and nothing ends a slow transfer", None, MOVE_S)
    if given.limits("--contimeout"):
        return partly("--contimeout bounds the connecting, not what comes behind it", None, MOVE_S)
    shell = given.options.get("-e", given.options.get("--rsh", ""))
    if "ConnectTimeout=" in shell or "ServerAliveInterval=" in shell:
        return partly("the options of ssh bound the connection, not the transfer", None, MOVE_S)
    return unbounded("rsync waits for the other side for ever", None, MOVE_S)


def _goes_away(given: Given) -> bool:
    """Tell whether one side of rsync is on another machine; of an unknown one the options tell."""
    if any(map(is_remote, given.operands)):
        return True
    return HOLE in given.operands and given.has("-e", "--rsh", "-z", "--compress")


def judge_lftp(call: Call) -> Gap | None:
    """Judge lftp(1): 5 minutes of silence and 1,000 tries unless its settings say less."""
    if any(word in ("-v", "--version", "-h", "--help") for word in call.words[1:]):
        return None
    return partly("lftp reconnects 1,000 times, after 5 minutes of silence each, or as net:* say", None, MOVE_S)


def judge_rclone(call: Call) -> Gap | None:
    """Judge rclone(1), which gives up on 5 minutes of silence; what has no `remote:` in it stays on this machine."""
    if call.words[1:2] in (("version",), ("config",), ("help",), ("completion",), ("obscure",), ("listremotes",)):
        return None
    given = read_given(call.words, "", ("timeout", "contimeout", "config", "log-file", "filter-from", "exclude"))
    if not any(is_remote(word) or word.startswith(":") for word in given.operands[1:] if word != HOLE):
        return None
    if given.gives_up("--timeout"):
        return unbounded("--timeout 0 waits for ever in silence", None, MOVE_S)
    return partly("rclone ends a silence (--timeout, 5 minutes), not a slow transfer", None, MOVE_S)


def judge_repository(call: Call) -> Gap | None:
    """Judge restic(1) and borg(1): a repository in a folder of this machine is at hand, any other may be silent."""
    program = call.words[0].rpartition("/")[2]
    if call.words[1:2] in (("version",), ("help",), ("generate",), ("self-update",), ("--version",), ("-V",), ()):
        return None
    given = read_given(call.words, "rp", ("repo", "repository-file", "password-file", "lock-wait", "retry-lock"))
    named = [given.options[name] for name in ("-r", "--repo") if name in given.options]
    if program == "borg":
        named = [word for word in given.operands if "::" in word or word.startswith(("/", "./", "ssh:"))][:1]
    if named and all(word.startswith(("/", "./", "../")) for word in named):
        return None
    return unbounded(f"{program} waits for the machine that holds its repository for ever", None, MOVE_S)


IDLE = "ends a silence after its own limit, and nothing ends a slow transfer"
ROWS = {
    "aria2c": Limits(f"aria2c {IDLE}", default=PARTLY, limit_s=MOVE_S),
    "axel": Limits(f"axel {IDLE}", default=PARTLY, limit_s=MOVE_S),
    "aws": Limits(
        "aws waits for each answer for ever with a timeout of 0",
        names=("cli-read-timeout", "cli-connect-timeout", "profile", "region", "output", "endpoint-url"),
        default=PARTLY,
        why_partly="aws gives up on a silent server after 60 seconds a read, and tries again",
        limit_s=MOVE_S,
    ),
    "duplicity": Limits(f"duplicity {IDLE}", default=PARTLY, limit_s=MOVE_S),
    "ftp": Limits("ftp waits for the server for ever", instant=("-?",), limit_s=MOVE_S),
    "gsutil": Limits(f"gsutil {IDLE}", default=PARTLY, limit_s=MOVE_S, instant=("-v",)),
    "http": Limits(
        "http waits for an answer for ever",
        names=("timeout",),
        part=("--timeout",),
        why_partly="--timeout ends a silence, and nothing ends a slow answer",
    ),
    "lynx": Limits("lynx waits for hours before it gives up on a silent server", instant=("-version",)),
    "mc": Limits("mc waits for the server for ever", limit_s=MOVE_S),
    "s3cmd": Limits(f"s3cmd {IDLE}", default=PARTLY, limit_s=MOVE_S),
    "tarsnap": Limits("tarsnap waits for the server for ever", limit_s=MOVE_S),
    "w3m": Limits("w3m waits for an answer for ever", instant=("-version",)),
    "whois": Limits("whois waits for an answer for ever"),
    "yt-dlp": Limits(f"yt-dlp {IDLE}", default=PARTLY, limit_s=MOVE_S),
}
RULES: dict[str, Rule] = {
    "borg": judge_repository,
    "curl": judge_curl,
    "lftp": judge_lftp,
    "rclone": judge_rclone,
    "restic": judge_repository,
    "rsync": judge_rsync,
    "wget": judge_wget,
}
