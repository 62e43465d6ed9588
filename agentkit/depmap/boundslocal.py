"""What bounds a wait on this machine: a lock, a filesystem, a file that grows, a person, another process?"""

from __future__ import annotations

import re

from agentkit.depmap.boundsgap import CHANGE_S, MOVE_S, Gap, Limits, Rule, partly, unbounded
from agentkit.depmap.boundswords import ENDLESS, read_given
from agentkit.depmap.calls import HOLE, Call

FOLLOWS = re.compile(r"[-+]\d+[bcl]?[fF]\Z")
# Filesystems whose answers come from elsewhere.
ELSEWHERE = re.compile(r"nfs|cifs|smb|fuse|sshfs|ceph|gluster|9p|afs|davfs|lustre")
DESCRIPTOR = re.compile(r"\d+\Z")


def judge_flock(call: Call) -> Gap | None:
    """Judge flock(1): -n and -w bound the waiting for the lock; the command behind it is judged by itself."""
    given = read_given(call.words, "wEc", ("wait", "timeout", "conflict-exit-code", "command"), stops=True)
    if given.has("-n", "--nonblock", "--nb", "-u", "--unlock", "-w", "--wait", "--timeout", "-h", "-V"):
        return None
    if not given.operands or given.has("--help", "--version"):
        return None
    return unbounded("flock waits for the lock for ever", "-w 60")


def judge_lockfile(call: Call) -> Gap | None:
    """Judge lockfile(1) of procmail: it tries again for ever unless told how often."""
    given = read_given(call.words, "rls")
    tries = given.options.get("-r", "-1")
    if given.has("-v", "-h") or not given.operands or not tries.startswith("-") or given.limits("-l"):
        return None
    if given.has("-m") and given.has("-u"):
        return None
    return unbounded("lockfile tries again for ever", "-r 10")


def judge_dotlockfile(call: Call) -> Gap | None:
    """Judge dotlockfile(1): 5 tries, or as many as -r says; -1 is for ever."""
    given = read_given(call.words, "ri")
    return unbounded("-r -1 tries again for ever") if given.options.get("-r", "5").startswith("-") else None


def judge_lckdo(call: Call) -> Gap | None:
    """Judge lckdo(1): -w waits for ever, -W so many seconds."""
    given = read_given(call.words, "W", stops=True)
    if not given.has("-w") or given.has("-W"):
        return None
    return unbounded("lckdo -w waits for the lock for ever", "-W 60")


def judge_setlock(call: Call) -> Gap | None:
    """Judge setlock(8): without -n it waits for the lock."""
    given = read_given(call.words, stops=True)
    return None if given.has("-n") or not given.operands else unbounded("setlock waits for the lock for ever", "-n")


def judge_df(call: Call) -> Gap | None:
    """Judge df(1): without -l or a path it asks every mount, and a dead one never answers."""
    given = read_given(call.words, "Btx", ("block-size", "type", "exclude-type", "output"))
    if given.has("-l", "--local", "--help", "--version") or given.operands:
        return None
    types = [*given.all_values.get("-t", ()), *given.all_values.get("--type", ())]
    if types and not any(map(ELSEWHERE.match, types)):
        return None
    left_out = [*given.all_values.get("-x", ()), *given.all_values.get("--exclude-type", ())]
    if any(map(ELSEWHERE.match, left_out)):
        return partly("df asks every mount that is not left out, and a dead one never answers", "-l")
    return unbounded("df asks every mount, and one whose server is gone never answers", "-l")


def judge_mount(call: Call) -> Gap | None:
    """Judge mount(8): of NFS it gives up after 2 minutes, and what uses a hard mount later waits for ever."""
    given = read_given(call.words, "toLUO", ("types", "options"))
    kind = given.options.get("-t", given.options.get("--types", ""))
    if not kind.startswith("nfs") and not any(re.match(r"[\w.-]+:/", word) for word in given.operands[:1]):
        return None
    options = {part for value in given.all_values.get("-o", ()) for part in value.split(",")}
    if options & {"soft", "softerr", "softreval"} or kind not in ("", "nfs", "nfs3", "nfs4"):
        return None
    return partly("a hard mount of NFS waits for its server for ever once it is used", "-o soft,timeo=100,retrans=3")


def judge_tail(call: Call) -> Gap | None:
    """Judge tail(1): what follows a file does not end; --pid ends it with another process."""
    given = read_given(call.words, "ncs", ("lines", "bytes", "pid", "sleep-interval", "max-unchanged-stats"))
    if not given.has("-f", "-F", "--follow") and not any(map(FOLLOWS.match, call.words[1:2])):
        return None
    if given.has("--pid"):
        return partly("tail --pid ends with the other process, whenever that is")
    return unbounded("tail follows the file for ever")


def judge_sleep(call: Call) -> Gap | None:
    """Judge sleep(1): it ends, but for `infinity`."""
    if not any(map(ENDLESS.match, call.words[1:])):
        return None
    return unbounded("sleep infinity never ends", None, MOVE_S)


def judge_journalctl(call: Call) -> Gap | None:
    """Judge journalctl(1): only -f goes on."""
    given = read_given(call.words, "nopuSUcDgtM", ("lines", "unit", "since", "until", "output", "identifier"))
    return unbounded("journalctl -f goes on for ever") if given.has("-f", "--follow") else None


def judge_dmesg(call: Call) -> Gap | None:
    """Judge dmesg(1): only -w and -W go on."""
    given = read_given(call.words, "flnsF", ("facility", "level", "console-level", "since", "until", "file"))
    return unbounded("dmesg -w goes on for ever") if given.has("-w", "-W", "--follow", "--follow-new") else None


def judge_inotifywait(call: Call) -> Gap | None:
    """Judge inotifywait(1): -t bounds it, but with -m only the silence between two events."""
    given = read_given(call.words, "etoc", ("timeout", "event", "exclude", "format", "fromfile", "outfile"))
    if given.has("-h", "--help") or not (given.operands or given.has("--fromfile")):
        return None
    if given.has("-m", "--monitor", "-d", "--daemon"):
        return unbounded("inotifywait -m goes on for ever")
    return None if given.limits("-t", "--timeout") else unbounded("inotifywait waits for an event for ever", "-t 60")


def judge_tcpdump(call: Call) -> Gap | None:
    """Judge tcpdump(8): it ends with what it was told to count, if that comes."""
    given = read_given(call.words, "BcCFGijmMQrstTVwWyZz")
    if given.has("-D", "-h", "-r", "-L", "-d", "--version", "--list-interfaces"):
        return None
    if given.has("-G") and given.has("-W"):
        return None
    if given.has("-c"):
        return partly("tcpdump -c waits for so many packets, and they may not come")
    return unbounded("tcpdump goes on for ever")


def judge_interval(call: Call) -> Gap | None:
    """Judge vmstat(8) and iostat(1): with an interval and no count they go on."""
    numbers = [word for word in call.words[1:] if DESCRIPTOR.match(word)]
    if len(numbers) != 1 or any(word.startswith("-") and "-n" not in word for word in call.words[1:-1]):
        return None
    return unbounded(f"{call.words[0]} goes on for ever without a count behind its interval")


def judge_top(call: Call) -> Gap | None:
    """Judge top(1): in a batch it ends after -n rounds."""
    given = read_given(call.words, "dnopuUwEe")
    return unbounded("top -b goes on for ever", "-n 1") if given.has("-b") and not given.has("-n") else None


def judge_dialog(call: Call) -> Gap | None:
    """Judge dialog(1) and whiptail(1), which wait for a key; only dialog has a limit."""
    name = call.words[0].rpartition("/")[2]
    words = set(call.words[1:])
    if words & {"--version", "--help", "-v", "--infobox", "--gauge", "--print-maxsize", "--clear"}:
        return None
    given = read_given(call.words, "", ("timeout",))
    if name != "whiptail" and given.limits("--timeout"):
        return None
    return unbounded(f"{name} waits for a key for ever", None if name == "whiptail" else "--timeout 60", CHANGE_S)


def judge_monitor(call: Call) -> Gap | None:
    """Judge what monitors the system: it goes on until it is ended."""
    program, verbs = call.words[0].rpartition("/")[2], set(call.words[1:4])
    if program in MONITORS and (not MONITORS[program] or verbs & MONITORS[program]):
        return unbounded(f"{' '.join(call.words[:2])} goes on for ever".replace(HOLE, "…"))
    return None


def judge_tmux(call: Call) -> Gap | None:
    """Judge tmux(1): wait-for waits for a signal of somebody."""
    is_waiting = {"wait-for", "wait"} & set(call.words[1:3]) and not {"-S", "-U"} & set(call.words)
    return unbounded("tmux wait-for waits for its signal for ever") if is_waiting else None


def judge_killall(call: Call) -> Gap | None:
    """Judge killall(1): -w waits until every one is dead."""
    given = read_given(call.words, "ZynosuU")
    return unbounded("killall -w waits until all are dead") if given.has("-w", "--wait") else None


def judge_online(call: Call) -> Gap | None:
    """Judge systemd-networkd-wait-online(8): 120 seconds, and for ever with 0."""
    given = read_given(call.words, "io", ("timeout", "interface", "operational-state", "ignore"))
    return unbounded("--timeout=0 waits for ever") if given.gives_up("--timeout") else None


def judge_waiter(call: Call) -> Gap | None:
    """Judge wait-for-it: 15 seconds, and for ever with 0."""
    given = read_given(call.words, "thp", ("timeout", "host", "port"))
    return unbounded("a timeout of 0 waits for ever") if given.gives_up("-t", "--timeout") else None


def judge_watch(call: Call) -> Gap | None:
    """Judge watch(1): it goes on."""
    given = read_given(call.words, "nq", ("interval", "equexit"), stops=True)
    if given.has("-h", "--help", "-v", "--version") or not given.operands or given.limits("-q", "--equexit"):
        return None
    return unbounded("watch goes on for ever")


MONITORS: dict[str, frozenset[str]] = {
    "acpi_listen": frozenset(),
    "busctl": frozenset({"monitor", "capture"}),
    "dbus-monitor": frozenset(),
    "gdbus": frozenset({"monitor"}),
    "ip": frozenset({"monitor"}),
    "nmcli": frozenset({"monitor"}),
    "upower": frozenset({"--monitor", "--monitor-detail", "-m"}),
}
ROWS = {
    "fswatch": Limits("fswatch goes on for ever", instant=("-h", "-M", "-x"), limit_s=CHANGE_S),
    "pidwait": Limits("pidwait waits until all have ended", limit_s=CHANGE_S),
    "pwait": Limits("pwait waits until all have ended", limit_s=CHANGE_S),
    "waitpid": Limits(
        "waitpid waits until it has ended", letters="t", names=("timeout",), total=("-t", "--timeout"), add="-t 60"
    ),
}
RULES: dict[str, Rule] = {
    **dict.fromkeys(MONITORS, judge_monitor),
    **dict.fromkeys(("iostat", "vmstat", "mpstat"), judge_interval),
    **dict.fromkeys(("wait-for-it", "wait-for-it.sh"), judge_waiter),
    "df": judge_df,
    "dialog": judge_dialog,
    "dmesg": judge_dmesg,
    "dotlockfile": judge_dotlockfile,
    "flock": judge_flock,
    "gxmessage": judge_dialog,
    "inotifywait": judge_inotifywait,
    "journalctl": judge_journalctl,
    "killall": judge_killall,
    "lckdo": judge_lckdo,
    "lockfile": judge_lockfile,
    "mount": judge_mount,
    "setlock": judge_setlock,
    "sleep": judge_sleep,
    "systemd-networkd-wait-online": judge_online,
    "tail": judge_tail,
    "tcpdump": judge_tcpdump,
    "tmux": judge_tmux,
    "top": judge_top,
    "watch": judge_watch,
    "whiptail": judge_dialog,
    "zenity": judge_dialog,
}
