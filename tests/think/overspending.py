"""Many processes spend at once and are killed at any moment: does what they really spent stay under every cap?

Each process makes one trial: reserve, call, settle. Its call is a line in a file of the referee, who asks no store. The
clock is a made-up one that goes through weeks in a few minutes, and that some processes read wrongly.
Run as a program: `python -m tests.think.overspending FOLDER TRIALS PROCESSES SEED` prints what was found as JSON.
"""

import json
import mmap
import os
import random
import signal
import sys
import time
import traceback
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.settings import BudgetSettings
from agentkit.think import caps
from agentkit.think.spending import OverBudgetError, release, reserve, settle
from agentkit.think.store import open_store

# What a trial costs is drawn up to a little above the cap of a call; all caps bind now and then.
DEAREST = 1_100_000_000
MOST_TOKENS = 11_000
BUDGET = BudgetSettings(
    usd_per_call=1.0, usd_per_hour=2.6, usd_per_day=38.0, usd_per_month=600.0,
    tokens_per_call=10_000, tokens_per_hour=24_000, tokens_per_day=380_000, tokens_per_month=6_000_000,
    calls_per_hour=6, calls_per_day=90, calls_per_month=1_500,
)  # fmt: skip
BEGIN = 1_795_000_000.0
STEP_S = 300.0
WRONG_CLOCK = 0.03
KILLED = 0.6
STAGES = ("started", "reserving", "reserved", "called", "settling", "ended")
DONE, REFUSED, BUSY, BROKEN = 0, 1, 2, 3


@dataclass
class Found:
    """What became of the trials; `use` is the largest part of each cap that was ever spent, by the referee's file."""

    trials: int = 0
    ended: int = 0
    over_budget: int = 0
    busy: int = 0
    killed: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    use: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def spend_at_once(folder: Path, trials: int, processes: int, seed: int) -> Found:
    """Make so many trials, so many processes at a time, kill some of them anywhere, and judge what was really spent."""
    environ = {"AGENTKIT_HOME": str(folder)}
    referee = folder / "referee"
    folder.mkdir(exist_ok=True)
    referee.touch()
    open_store(environ).connection.close()
    choices = random.Random(seed)
    stages = mmap.mmap(-1, processes)
    found, killed = Found(), Counter()
    running: dict[int, tuple[int, float, int]] = {}
    free = list(range(processes))
    # A kill may come at any moment of a trial, and how long one takes depends on how many run beside it.
    took_s = 0.02
    begun: dict[int, float] = {}
    while found.trials < trials or running:
        while free and found.trials < trials:
            slot, number = free.pop(), found.trials
            stages[slot] = 0
            trial_seed = choices.random()
            pid = os.fork()
            if pid == 0:
                _make_trial(environ, referee, number, trial_seed, memoryview(stages)[slot : slot + 1])
            now = time.monotonic()
            kill_at, kill_in = float("inf"), len(STAGES)
            if choices.random() < KILLED:
                # Half of them at any time; half as soon as they are seen in a stage, for some are over in no time.
                if choices.random() < 0.5:
                    kill_at = now + choices.random() * took_s * 1.2
                else:
                    kill_in = choices.randint(1, 4)
            running[pid] = (slot, kill_at, kill_in)
            begun[pid] = now
            found.trials += 1
        now = time.monotonic()
        for pid, (slot, kill_at, kill_in) in running.items():
            if kill_at <= now or stages[slot] >= kill_in:
                os.kill(pid, signal.SIGKILL)  # ours and not waited for yet, so its number is nobody else's
        while running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            slot = running.pop(pid)[0]
            free.append(slot)
            code = os.waitstatus_to_exitcode(status)
            if code == -signal.SIGKILL:
                killed[STAGES[stages[slot]]] += 1
            elif code == DONE:
                found.ended += 1
                took_s = 0.95 * took_s + 0.05 * (time.monotonic() - begun[pid])
            elif code == REFUSED:
                found.over_budget += 1
            elif code == BUSY:
                found.busy += 1
            else:
                found.faults.append(f"a trial ended with {code}")
            del begun[pid]
        time.sleep(0.0005)
    found.killed = {stage: killed[stage] for stage in STAGES if killed[stage]}
    _judge(environ, referee, found)
    return found


def _make_trial(environ: dict[str, str], referee: Path, number: int, seed: float, stage: memoryview) -> None:
    """Reserve, call, settle; ends the process."""
    code = BROKEN
    try:
        choices = random.Random(seed)
        now = BEGIN + number * STEP_S
        if choices.random() < WRONG_CLOCK:
            now += choices.uniform(-2 * 86400, 7200)
        cost, tokens = choices.randint(0, DEAREST), choices.randint(0, MOST_TOKENS)
        with open_store(environ) as store:
            stage[0] = 1
            call = reserve(
                store, BUDGET, provider="p", model="m", purpose="trial", tokens=tokens, cost=cost, now=now
            )  # fmt: skip
            stage[0] = 2
            fate = choices.random()
            spent, used = cost, tokens
            if fate < 0.4:
                spent, used = choices.randint(0, cost), choices.randint(0, tokens)
            if fate < 0.1:
                spent = used = 0
            line = f"{call} {now!r} {spent} {used}\n".encode()
            with referee.open("ab", buffering=0) as file:
                file.write(line)
            stage[0] = 3
            time.sleep(choices.random() * 0.01)
            stage[0] = 4
            if fate < 0.1:
                release(store, call, outcome="429", now=now + 1)
            elif fate < 0.8:
                settle(store, call, tokens=used, cost=spent, outcome="ok", now=now + 1)
            elif fate < 0.9:
                settle(store, call, tokens=None, cost=None, outcome="no usage", now=now + 1)
            stage[0] = 5
        code = DONE
    except OverBudgetError:
        code = REFUSED
    except AgentkitError as error:
        if error.status != Exit.TRY_LATER:
            raise
        code = BUSY
    finally:
        if code == BROKEN:
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(code)


def _judge(environ: dict[str, str], referee: Path, found: Found) -> None:
    """Hold every window of what was really spent against its cap, and the store against the referee's file."""
    calls = []
    for line in referee.read_text().splitlines():
        call, at, cost, tokens = line.split(" ")
        calls.append((float(at), int(cost), int(tokens), int(call)))
    calls.sort()
    found.calls = len(calls)
    with open_store(environ) as store:
        kept = {row[0]: row[1:] for row in store.select("SELECT id, at, cost, tokens FROM calls")}
        if store.select("PRAGMA integrity_check") != [("ok",)]:
            found.faults.append("the store is malformed")
    for at, cost, tokens, call in calls:
        if call not in kept:
            found.faults.append(f"call {call} was made, and no reservation of it is left")
        elif kept[call][0] != at or kept[call][1] < cost or kept[call][2] < tokens:
            found.faults.append(f"call {call} spent {cost} and {tokens} tokens, and the store says {kept[call]}")
    for told, rows in (
        ("was spent", [(at, cost, tokens) for at, cost, tokens, _ in calls]),
        ("is in the store", sorted(kept.values())),
    ):
        for cap in caps.read_caps(BUDGET):
            most, when = find_most(rows, cap)
            if told == "was spent":
                found.use[cap.name] = round(most / cap.most, 4)
            if most > cap.most:
                found.faults.append(f"{cap.name} is {cap.most}, and {most} {told} in the one that ends at {when}")


def find_most(rows: list[tuple[float, int, int]], cap: caps.Cap) -> tuple[int, float]:
    """Return the most that any window of that cap holds, and when that window ends."""
    times = [row[0] for row in rows]
    sums = [0]
    for row in rows:
        sums.append(sums[-1] + {"usd": row[1], "tokens": row[2], "calls": 1}[cap.unit])
    most, when = 0, 0.0
    for place, at in enumerate(times):
        if cap.window == caps.CALL:
            first, last = place, place + 1
        elif cap.window == caps.MONTH:
            # A window of its own arithmetic: what the store's says about months is not asked.
            month = time.strftime("%Y-%m", time.gmtime(at))
            first = next(k for k, t in enumerate(times) if time.strftime("%Y-%m", time.gmtime(t)) == month)
            last = place + 1
        else:
            length_s = 3600.0 if cap.window == caps.HOUR else 86400.0
            first, last = bisect_left(times, at - length_s), bisect_right(times, at)
        if sums[last] - sums[first] > most:
            most, when = sums[last] - sums[first], at
    return most, when


if __name__ == "__main__":
    place, *numbers = sys.argv[1:]
    sys.stdout.write(json.dumps(asdict(spend_at_once(Path(place), *map(int, numbers)))))
