"""Does a wrong clock stop nothing, and does the log show it?"""

from glob import glob
from pathlib import Path

import pytest

from tests.vault.ownvault import OwnVault

NAME, VALUE = "db/password", b"the value"


@pytest.mark.parametrize("shift", ["-365d", "+365d", "-40y", "+60y"])
def test_a_clock_that_is_set_stops_no_get_and_no_set_and_the_log_shows_it(tmp_path: Path, shift: str) -> None:
    own = OwnVault(tmp_path / "own")
    own.set(NAME, VALUE)
    own.run("get", NAME, "--reason", "x")
    # The library that tells a process another time; the monotonic clock goes on as it does when a clock is set.
    (library,) = glob("/usr/lib/*/faketime/libfaketime.so.1")
    faked = {"LD_PRELOAD": library, "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    done = own.run("get", NAME, "--reason", "x", more=faked)
    assert (done.returncode, done.stdout, done.stderr) == (0, VALUE, b"")
    assert own.run("set", NAME, stdin=b"another", more=faked).returncode == 0
    assert own.run("get", NAME, "--reason", "x").stdout == b"another"
    before, shifted, *_, after = own.records()[-5:]
    assert (str(shifted["at"]) < str(before["at"])) == shift.startswith("-")
    assert (str(after["at"]) > str(shifted["at"])) == shift.startswith("-")
    # The machine was not started anew, and this clock cannot be set: so the other one was.
    assert before["boot"] == shifted["boot"] == after["boot"]
    moments = [float(str(record["mono_s"])) for record in (before, shifted, after)]
    assert moments == sorted(moments)
