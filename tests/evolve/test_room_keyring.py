"""What can a proposer read of the keys that the kernel holds for a person's session?"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from agentkit.core.ourselves import call_ourselves
from agentkit.evolve.room.calls import KEYCTL
from tests.evolve.machine import LIMIT_S, Machine
from tests.evolve.rooms import REFUSE, write_python

CALL = KEYCTL[os.uname().machine]
ADD_KEY = {"x86_64": 248, "aarch64": 217}[os.uname().machine]
# Both are in include/uapi/linux/keyctl.h: a new session keyring, and what a key holds.
HOLD = f"""
import ctypes, os, sys
call = ctypes.CDLL(None, use_errno=True).syscall
secret = sys.argv[1].encode()
assert call({CALL}, 1, None) > 0, os.strerror(ctypes.get_errno())
assert call({ADD_KEY}, b"user", b"a token", secret, len(secret), -3) > 0, os.strerror(ctypes.get_errno())
os.execvp(sys.argv[2], sys.argv[2:])
"""
READ = f"""
import ctypes
call = ctypes.CDLL(None).syscall
keys, text = (ctypes.c_int32 * 64)(), ctypes.create_string_buffer(256)
for ring in (-3, -4, -5):
    size = call({CALL}, 11, ring, keys, ctypes.sizeof(keys), 0)
    for key in keys[:max(size, 0) // 4]:
        call({CALL}, 11, key, text, 256, 0)
        print("found", text.value.decode("latin-1"))
print("looked")
"""


@pytest.mark.parametrize("around", [(), REFUSE], ids=["isolated", "refused"])
def test_a_session_s_keys_are_not_a_proposers(machine: Machine, around: tuple[str, ...]) -> None:
    secret = os.urandom(8).hex()
    held = (sys.executable, "-c", HOLD, secret)

    def run(*words: str) -> str:
        ended = subprocess.run(
            [*held, *words], cwd=machine.scripts, env=machine.environ, capture_output=True, timeout=LIMIT_S, check=False
        )
        return ended.stdout.decode() + ended.stderr.decode()

    # A program of the person's reads it.
    assert f"found {secret}" in run(sys.executable, "-c", READ)
    told = run(*around, *call_ourselves("evolve", "try", "--propose", f"{write_python(READ)}", "--json"))
    identity = told.partition('"id": "')[2].partition('"')[0]
    shown = machine.call("evolve", "show", identity, "--json")[1]
    assert "looked" in shown
    assert secret not in shown
