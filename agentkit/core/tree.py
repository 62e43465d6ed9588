"""Which processes belong to a program, and how are they all ended?

A process is named by its pid and its start time, for a pid alone may belong to somebody else by now.
Linux only; the files under /proc are described in proc(5). Imported by the hot verbs: `os`, `time` and C modules.
"""

import _signal  # type: ignore[import-not-found]  # the C half of signal; the other half costs an import of enum
import os
import time
from _collections_abc import Callable

PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36
SHORTEST_PAUSE_S = 0.002
LONGEST_PAUSE_S = 0.02
LOOKS_BEFORE_A_KILL = 50
LONGEST_LOOKING = 50


def become_subreaper(wanted: bool = True) -> bool:
    """Make orphaned descendants come to this process instead of init; False where that is impossible."""
    return _prctl(PR_SET_CHILD_SUBREAPER, int(wanted))


def die_with_parent() -> bool:
    """Have the kernel kill this process when the thread that started it ends; False where that is impossible."""
    return _prctl(PR_SET_PDEATHSIG, _signal.SIGKILL)


def read_stat(pid: int) -> tuple[str, int, int, int, int, int] | None:
    """Return (state, parent, group, session, threads, start) of a process, or None when it is gone.

    The start is in clock ticks since boot (fields 3 to 6, 20 and 22 of /proc/PID/stat).
    """
    # The name of the program stands in parentheses and may itself hold spaces and parentheses.
    words = _read(f"/proc/{pid}/stat").rpartition(b") ")[2].split()
    if len(words) < 20:
        return None
    return words[0].decode(), int(words[1]), int(words[2]), int(words[3]), int(words[17]), int(words[19])


def process_start(pid: int) -> int | None:
    """Return the start time of a process in clock ticks since boot, or None when it is gone."""
    stat = read_stat(pid)
    return stat[5] if stat else None


def is_alive(pid: int, start: int) -> bool:
    """Tell whether that very process still runs; a zombie does not."""
    stat = read_stat(pid)
    return stat is not None and stat[5] == start and runs(stat)


def runs(stat: tuple[str, int, int, int, int, int]) -> bool:
    """Tell whether the process of that `read_stat` runs: neither dead nor a zombie."""
    # A first thread that ended before the others makes a living process look like a zombie.
    return stat[0] not in "ZXx" or stat[4] > 1


def find_descendants(*roots: int) -> dict[int, int]:
    """Return {pid: start} of every living process below the roots, parents first, the roots left out."""
    gone: set[int] = set()
    for _ in range(LONGEST_LOOKING):
        found, ended = _look_below(roots)
        if found or ended <= gone:
            return found
        # Nobody lives, but who ended during the look may have left a child to a process that had been looked at.
        gone |= ended
    return {}


def list_pids() -> list[int]:
    """Return the pids of all processes that this one may see."""
    return [int(name) for name in _list_folder("/proc") if name.isdecimal()]


def list_children(pid: int) -> list[int]:
    """Return the pids of the process's own children, the zombies too."""
    return _read_children(pid) if _kernel_lists_children() else _scan_children().get(pid, [])


def list_descendants(pid: int) -> list[int]:
    """Return the pids of every living process below `pid`, parents first."""
    return list(find_descendants(pid))


def find_marked(mark: bytes) -> dict[int, int]:
    """Return {pid: start} of the processes whose environment holds the entry `mark` (NAME=VALUE), this one left out.

    What may not be read is left out; a process that changed its environment after its start still counts.
    """
    me = os.getpid()
    found: dict[int, int] = {}
    for pid in list_pids():
        # The start is read first: if the pid changes hands in between, the pair fits nobody and is never signalled.
        stat = read_stat(pid)
        if pid != me and stat and runs(stat) and mark in read_environment(pid):
            found[pid] = stat[5]
    return found


def read_environment(pid: int) -> list[bytes]:
    """Return the entries NAME=VALUE that the process was started with; [] where they cannot be read."""
    # Memory of a process that waits in the kernel may be locked: who reads there waits with it, without a limit.
    return [] if waits_in_kernel(pid) else _read(f"/proc/{pid}/environ").split(b"\0")


def send_signal(pid: int, start: int, number: int) -> bool:
    """Send a signal to that very process, never to a later owner of its pid; False when it is gone or not ours."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        descriptor = -1  # gone, or no pidfd to be had (kernel before 5.3, no descriptor left)
    try:
        if process_start(pid) != start:
            return False
        if descriptor >= 0:
            _signal.pidfd_send_signal(descriptor, number)
        else:
            os.kill(pid, number)
    except OSError:
        return False
    finally:
        if descriptor >= 0:
            os.close(descriptor)
    return True


def end_tree(
    root: int,
    *,
    grace_s: float,
    limit_s: float,
    mark: bytes = b"",
    on_reaped: Callable[[int, int], None] | None = None,
) -> list[int]:
    """End `root` and everything below it; return the pids that would not die (unkillable, or not ours to signal).

    With `root` = os.getpid() it ends all descendants of this process, which should be a subreaper. Processes that
    carry `mark` are ended as well. First SIGTERM and SIGCONT (a stopped process must wake to act on the former), up
    to `grace_s`; then SIGKILL until none is left or `limit_s`, counted from the call, is over. Children are reaped on
    the way, each handed to `on_reaped` as (pid, wait status); with another root only members of its tree are.
    """
    me = os.getpid()
    known: dict[int, int] = {}
    start = process_start(root)
    if root != me and start is not None:
        known[root] = start

    def find_living() -> dict[int, int]:
        _reap(None if root == me else known, on_reaped)
        alive = {pid: start for pid, start in known.items() if is_alive(pid, start)}
        alive.update(find_descendants(me, *alive) if root == me else find_descendants(*alive))
        if mark:
            alive.update(find_marked(mark))
        known.update(alive)
        return alive

    left = end_all(find_living, grace_s=grace_s, limit_s=limit_s)
    _reap(None if root == me else known, on_reaped)  # who ended between the last reaping and the last look
    return left


def end_all(find_living: Callable[[], dict[int, int]], *, grace_s: float, limit_s: float) -> list[int]:
    """End whatever `find_living` finds, {pid: start}, as `end_tree` does; return the pids that would not die."""
    begun = time.monotonic()
    living = find_living()
    ask_to_end(living)
    pause_s = SHORTEST_PAUSE_S
    while living and time.monotonic() - begun < min(grace_s, limit_s):
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        living = find_living()
    pause_s = SHORTEST_PAUSE_S
    while living:
        kill_all(find_living)
        living = find_living()
        if time.monotonic() - begun >= limit_s:
            break
        if living:
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
    return sorted(living)


def ask_to_end(living: dict[int, int]) -> None:
    """Send SIGTERM to each process, and SIGCONT so that a stopped one wakes and acts on it."""
    for number in (_signal.SIGTERM, _signal.SIGCONT):
        for pid, start in living.items():
            send_signal(pid, start, number)


def kill_all(find_living: Callable[[], dict[int, int]]) -> None:
    """Stop all that `find_living` finds until a look finds nobody new, then send SIGKILL to each."""
    # Who is stopped can neither fork nor start a dead child again, so no fork tree outruns the killing.
    stopped: set[int] = set()
    living: dict[int, int] = {}
    for _ in range(LOOKS_BEFORE_A_KILL):
        living = find_living()
        new = living.keys() - stopped
        if not new:
            break
        for pid in new:
            send_signal(pid, living[pid], _signal.SIGSTOP)
        stopped |= new
    for pid, start in living.items():
        send_signal(pid, start, _signal.SIGKILL)


def argv0(pid: int) -> str:
    """Return the program's own first word, `[name]` where that cannot be read, "" when it is gone."""
    first = b"" if waits_in_kernel(pid) else _read(f"/proc/{pid}/cmdline").split(b"\0", 1)[0]
    if first:
        return os.fsdecode(first)
    name = _read(f"/proc/{pid}/comm").rstrip(b"\n")
    return f"[{os.fsdecode(name)}]" if name else ""


def wait_channel(pid: int) -> str:
    """Return the kernel function in which the process waits, else `state D` (its state letter), "" when it is gone."""
    name = _read(f"/proc/{pid}/wchan")
    if name not in (b"", b"0"):
        return name.decode(errors="replace")
    stat = read_stat(pid)
    return f"state {stat[0]}" if stat else ""


def waits_in_kernel(pid: int) -> bool:
    """Tell whether the process waits for something that no signal ends (state D)."""
    stat = read_stat(pid)
    return stat is not None and stat[0] == "D"


def processor_time(pid: int) -> tuple[int, int]:
    """Return for how long (ns) the process ran, and how long it waited for a processor; (0, 0) where nothing tells.

    Of its first thread (Documentation/scheduler/sched-stats.rst, `schedstat`).
    """
    words = _read(f"/proc/{pid}/schedstat").split()
    return (int(words[0]), int(words[1])) if len(words) > 1 else (0, 0)


def read_boot_id() -> str | None:
    """Return what names this run of the kernel, in which pids and starts mean something; None where nothing tells."""
    return _read("/proc/sys/kernel/random/boot_id").decode().strip() or None


def read_pid_namespace() -> int | None:
    """Return the inode of this process's PID namespace: process ids mean nothing outside it."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return None


def children_wrote() -> int | None:
    """Return how many bytes the reaped children of this process and all of theirs wrote; None where it is not counted.

    Files, pipes and terminals alike, on whatever file system (proc(5), `wchar`). A dead process's own figures are
    root's to read; but the kernel adds them to its parent's, beside what the parent's own thread wrote.
    """
    with_children = _read_written("/proc/self/io")
    alone = _read_written(f"/proc/self/task/{os.getpid()}/io")
    return None if with_children is None or alone is None else with_children - alone


def held_locks(pid: int) -> list[str]:
    """Return the paths of the files on which the process holds a lock, sorted; [] where it may not be looked at."""
    paths = set()
    for number in _list_folder(f"/proc/{pid}/fdinfo"):
        if b"\nlock:" in _read(f"/proc/{pid}/fdinfo/{number}"):
            try:
                paths.add(os.readlink(f"/proc/{pid}/fd/{number}"))
            except OSError:
                continue  # closed since it was listed
    return sorted(paths)


def _prctl(option: int, value: int) -> bool:
    try:
        import _ctypes

        whole_program = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # None is the program itself, libc included
        prctl = _ctypes.dlsym(whole_program, "prctl")
        return bool(_ctypes.call_cdeclfunction(prctl, (option, value, 0, 0, 0)) == 0)
    except (ImportError, OSError, AttributeError):
        return False  # a Python without _ctypes, or a libc that cannot be asked


def _reap(known: dict[int, int] | None, on_reaped: Callable[[int, int], None] | None) -> None:
    # Any child where all are members (None); else only the members of the tree, for a child of others is not ours.
    for wanted in [-1] if known is None else list(known):
        while True:
            try:
                if known is not None and process_start(wanted) != known[wanted]:
                    break
                pid, status = os.waitpid(wanted, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if on_reaped:
                on_reaped(pid, status)


def _look_below(roots: tuple[int, ...]) -> tuple[dict[int, int], set[int]]:
    """Return ({pid: start} of the living, the pids of those that had ended when they were looked at)."""
    me = os.getpid()
    listed = None if _kernel_lists_children() else _scan_children()
    queue, seen = list(roots), {me, *roots}
    found: dict[int, int] = {}
    ended: set[int] = set()
    for parent in queue:
        for pid in reversed(_read_children(parent) if listed is None else listed.get(parent, [])):
            # The youngest first: of a chain of processes that fork and end, it is the one that lives.
            if pid in seen:
                continue
            stat = read_stat(pid)
            # A pid that was given away since it was listed has another parent; an orphan's new parent is this process.
            if stat and runs(stat) and stat[1] in seen:
                seen.add(pid)
                queue.append(pid)
                found[pid] = stat[5]
            else:
                ended.add(pid)
    return found, ended


def _read_written(path: str) -> int | None:
    words = _read(path).split(None, 4)
    return int(words[3]) if len(words) > 3 and words[2] == b"wchar:" else None


def _kernel_lists_children() -> bool:
    return os.path.exists("/proc/thread-self/children")  # CONFIG_PROC_CHILDREN


def _read_children(pid: int) -> list[int]:
    found: list[int] = []
    for thread in _list_folder(f"/proc/{pid}/task"):
        found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return found


def _scan_children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for pid in list_pids():
        stat = read_stat(pid)
        if stat:
            children.setdefault(stat[1], []).append(pid)
    return children


def _list_folder(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []  # gone, or not ours to look at


def _read(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""  # gone, or not ours to look at
    pieces = []
    try:
        while piece := os.read(descriptor, 65536):
            pieces.append(piece)
    except OSError:
        return b""  # gone while it was read
    finally:
        os.close(descriptor)
    return b"".join(pieces)
