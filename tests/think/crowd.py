"""Many wakes at once, some of them killed: does what the provider counted stay under every cap, and is nothing lost?"""

from __future__ import annotations

import contextlib
import json
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import ROOT
from tests.think.conftest import finding
from tests.think.scriptedmodel import say, scripted_model

LIMIT_S = 180.0
NANODOLLARS_IN, NANODOLLARS_OUT = 1_000, 10_000
MAX_OUTPUT = 200


def run_crowd(
    folder: Path, environ: Mapping[str, str], choices: random.Random, *, processes: int, cap_usd: float, killed: float
) -> list[str]:
    """Let so many processes wake at once with a finding each, kill a share of them, and return what is wrong.

    Nothing is, when what the model counted is no more than the cap and no more than what the store says was spent, and
    every finding of a process that was not killed is in the inbox, decided or waiting.
    """
    home = folder / "home"
    home.mkdir(mode=0o700)
    lock, billed = threading.Lock(), [0]
    answers = random.Random(choices.random())

    def answer(_: str) -> tuple[int, str, Mapping[str, str]]:
        time.sleep(answers.random() * 0.2)
        return 200, say(), {}

    def count(question: str) -> dict[str, int]:
        with lock:
            tokens_in, tokens_out = answers.randrange(1, len(question.encode())), answers.randrange(1, MAX_OUTPUT + 1)
            billed[0] += tokens_in * NANODOLLARS_IN + tokens_out * NANODOLLARS_OUT
        return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}

    with scripted_model(answer) as model:
        model.count = count
        (home / "agentkit.toml").write_text(
            f"[think]\ngroup_by = ['subject']\n[think.budget]\nusd_per_day = {cap_usd}\n"
            f"[[think.provider]]\nname = 'm'\nkind = 'openai'\nurl = '{model.url}'\nmodel = 'm'\n"
            f"price_in = {NANODOLLARS_IN / 1000}\nprice_out = {NANODOLLARS_OUT / 1000}\n"
            f"max_output_tokens = {MAX_OUTPUT}\n"
        )
        words = [sys.executable, "-m", "agentkit", "think", "wake", "--json"]
        running = []
        for number in range(processes):
            process = subprocess.Popen(
                words, env={**environ, "AGENTKIT_HOME": str(home)}, cwd=ROOT, stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(finding(f"job:{number}")).encode())
                process.stdin.close()
            running.append(process)
        doomed = [process for process in running if choices.random() < killed]
        due = time.monotonic() + LIMIT_S
        for process in sorted(doomed, key=lambda _: choices.random()):
            time.sleep(choices.random() * 0.2)
            process.send_signal(signal.SIGKILL)
        for process in running:
            process.wait(max(1.0, due - time.monotonic()))
    return _judge(home / "think.db", billed[0], round(cap_usd * 10**9), running)


def _judge(path: Path, billed: int, cap: int, running: list[subprocess.Popen[bytes]]) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as store:
        spent = store.execute("SELECT coalesce(sum(cost), 0) FROM calls").fetchone()[0]
        kept = {row[0] for row in store.execute("SELECT subject FROM findings")}
    faults = []
    if billed > cap:
        faults.append(f"{billed} nanodollars were billed, and {cap} allowed")
    if billed > spent:
        faults.append(f"{billed} nanodollars were billed, and {spent} are in the store")
    for number, process in enumerate(running):
        if process.returncode not in (-9, 0, 75):
            faults.append(f"wake {number} ended with {process.returncode}")
        if process.returncode != -9 and f"job:{number}" not in kept:
            faults.append(f"the finding of wake {number} is lost")
    return faults
