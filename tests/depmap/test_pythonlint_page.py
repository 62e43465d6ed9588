"""How are waits of Python shown beside those of shell, and which status tells of them?"""

import json
import os
import random
import secrets
import sysconfig
from pathlib import Path

import jsonschema
import pytest

from agentkit.core.schemas import read_schema
from agentkit.depmap.lintpage import print_waits
from agentkit.depmap.lintreading import lint_paths
from tests.conftest import Run
from tests.depmap.machines import lay_out
from tests.heartbeat.answers import read_records

MAIN = """\
import subprocess
import urllib.request


class Client:
    def ask(self):
        def inner():
            return urllib.request.urlopen("http://db")

        return inner()


subprocess.run(["curl", "--connect-timeout", "5", "http://db"])
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "AGENTKIT_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}


@pytest.fixture
def main(tmp_path: Path) -> Path:
    path = tmp_path / "opt" / "ask.py"
    path.parent.mkdir()
    path.write_text(MAIN)
    return path


def lint_file(path: Path) -> list[tuple[str, str, int | None, str, str]]:
    waits = lint_paths([str(path)], lambda _: None)
    return [(wait.type, wait.subject, wait.line, wait.command, wait.fix) for wait in waits]


def test_each_wait_is_of_its_function_or_of_its_module(main: Path) -> None:
    assert lint_file(main) == [
        (
            "unbounded",
            "py:ask:Client.ask.<locals>.inner",
            8,
            'urllib.request.urlopen("http://db")',
            'urllib.request.urlopen("http://db", timeout=60)',
        ),
        (
            "partly-bounded",
            "py:ask",
            13,
            'subprocess.run(["curl", "--connect-timeout", "5", "http://db"])',
            'subprocess.run(["curl", "--connect-timeout", "5", "http://db"], timeout=60)',
        ),
    ]


def test_a_module_of_a_package_is_named_with_its_package(main: Path) -> None:
    (main.parent / "__init__.py").write_text("")
    assert [each[1] for each in lint_file(main)] == ["py:opt.ask:Client.ask.<locals>.inner", "py:opt.ask"]


def test_records_are_findings_and_the_status_tells_of_them(
    main: Path, environ: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert print_waits(environ, [str(main)], as_json=True, is_quiet=False) == 1
    records = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    for record in records:
        jsonschema.validate(record, read_schema("finding"))
    assert [(record["type"], record["severity"], record["file"], record["line"]) for record in records] == [
        ("unbounded", "warning", str(main), 8),
        ("partly-bounded", "info", str(main), 13),
    ]
    assert all(record["why"] and record["fix"] and record["key"] == record["command"] for record in records)


def test_shell_and_python_of_a_folder_are_linted_together(main: Path) -> None:
    (main.parent / "check.sh").write_text("#!/bin/sh\ncurl -s http://db\n")
    script = main.parent / "tool"
    script.write_text("#!/usr/bin/env python3\nimport queue\nqueue.Queue().get()\n")
    assert [each[1] for each in lint_file(main.parent)] == [
        "py:ask:Client.ask.<locals>.inner",
        "py:ask",
        f"file:{main.parent}/check.sh",
        "py:tool",
    ]


def test_a_default_that_another_module_of_the_program_sets_counts(main: Path) -> None:
    main.write_text("import socket\n\nimport asking\n\nsocket.setdefaulttimeout(5)\nasking.ask()\n")
    inner = main.parent / "asking.py"
    inner.write_text("import urllib.request\n\n\ndef ask():\n    urllib.request.urlopen('http://db')\n")
    assert lint_file(main) == []
    assert [each[:3] for each in lint_file(inner)] == [("unbounded", "py:asking:ask", 5)]


def test_a_program_without_such_a_call_prints_nothing_and_ends_with_0(
    main: Path, environ: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    main.write_text("import subprocess\nsubprocess.run(['date'])\n{}.get('x')\n")
    assert print_waits(environ, [str(main)], as_json=False, is_quiet=False) == 0
    assert capfd.readouterr() == ("", "")


def test_a_file_that_is_no_python_3_is_named_with_its_line_and_65(
    main: Path, environ: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    main.write_text("import queue\nqueue.Queue().get()\nprint 'x'\n")
    assert print_waits(environ, [str(main)], as_json=True, is_quiet=False) == 65
    told = capfd.readouterr()
    assert json.loads(told.out)["line"] == 2
    assert told.err.startswith(f"agentkit: warning: {main}: not Python 3: line 3: ")


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "(" * 300 + ")" * 300 + "\n",
        "x = " + "-" * 5000 + "1\n",
        "x = " + " + ".join(["1"] * 3000) + "\n",
        "x" + ".y()" * 3000 + "\n",
        "".join(f"{' ' * depth}if x:\n" for depth in range(95)) + " " * 95 + "pass\n",
        "f(*a, **b)(timeout=None)(**{'timeout': None})\n",
        "a = a\nb = c\nc = b\nimport requests\nrequests.get('x', timeout=b)\n",
        "def f(x=None):\n    return f(f(x))\nimport queue\nqueue.Queue().get(timeout=f)\n",
        "\x0cimport queue\r\nqueue.Queue().get(timeout=5)\r\n",
        "",
    ],
)
def test_odd_texts_are_linted_without_a_crash(text: str, main: Path) -> None:
    main.write_text(text)
    lint_file(main)


@pytest.mark.parametrize(
    "text",
    [
        "def f(*args):\n    f(1, *args)\nf(2)\n",
        "def f(a, b):\n    pass\nx = [1, 2]\nx[-1] = f\nf(*x)\n",
    ],
)
def test_arguments_in_odd_places_are_followed_to_an_end(text: str, main: Path) -> None:
    main.write_text(f"{text}import queue\nqueue.Queue().get()\n")
    troubles: list[str] = []
    assert len(lint_paths([str(main)], troubles.append)) == 1
    assert troubles == []


def test_what_looks_like_a_secret_is_not_told(main: Path) -> None:
    value = secrets.token_hex(8)
    main.write_text(f'import psycopg2\npsycopg2.connect("dbname=x", password="{value}")\n')
    [(_, _, _, command, fix)] = lint_file(main)
    assert value not in command
    assert value not in fix
    assert 'password="***"' in fix


def test_a_call_of_several_lines_is_told_on_one(main: Path) -> None:
    main.write_text('import requests\nrequests.get(\n    "http://db",\n    params={"a": 1},  # why\n)\n')
    [(_, _, line, command, fix)] = lint_file(main)
    assert line == 2
    assert command == "requests.get('http://db', params={'a': 1})"
    assert fix == "requests.get('http://db', params={'a': 1}, timeout=60)"


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("requests.get('x',)", "requests.get('x', timeout=60)"),
        ("requests.get('x', timeout=None)", "requests.get('x', timeout=60)"),
        ("requests.get('x', timeout=None, **{})", "requests.get('x', timeout=60, **{})"),
        ("queue.Queue().get()", "queue.Queue().get(timeout=60)"),
        ("queue.Queue().get(True, None)", "queue.Queue().get(True, 60)"),
        ("filelock.FileLock('x', -1)", "filelock.FileLock('x', 60)"),
        ("docker.from_env(timeout=None)", "docker.from_env(timeout=60)"),
        ("select.select([], [], [], None)", "select.select([], [], [], 60)"),
        ("os.system('curl ${call}')", "os.system('curl --max-time 60 ${call}')"),
        ("os.waitpid({'{call}': 1}['x'], 0)", "os.waitpid({'{call}': 1}['x'], os.WNOHANG)"),
        ("concurrent.futures.wait(f for f in [])", "concurrent.futures.wait((f for f in []), timeout=60)"),
    ],
)
def test_the_bound_is_put_where_it_belongs(text: str, fix: str, main: Path) -> None:
    main.write_text(f"import concurrent.futures, docker, filelock, os, queue, requests, select\n{text}\n")
    [(_, _, _, command, told)] = lint_file(main)
    assert command == text
    assert told == fix


def test_what_a_partial_was_given_is_changed_where_it_was_given(main: Path) -> None:
    main.write_text("import functools, queue\nask = functools.partial(queue.Queue().get, True, None)\nask()\n")
    [wait] = lint_paths([str(main)], lambda _: None)
    assert (wait.line, wait.command, wait.fix) == (3, "ask()", "functools.partial(queue.Queue().get, True, 60)")
    assert wait.why.endswith(": functools.partial of line 2 was given that")


def test_programs_that_a_crontab_starts_are_linted_with_the_map_and_with_a_machine(
    tmp_path: Path, agentkit: Run
) -> None:
    ask = "#!/usr/bin/python3\nimport asking\n\nasking.ask()\n"
    asking = "import subprocess\n\n\ndef ask():\n    subprocess.run(['fail2ban-client', 'status'])\n"
    lay_out(
        tmp_path / "node",
        {
            "etc/cron.d/node": "* * * * * root /usr/local/bin/ask\n",
            "usr/local/bin/ask": ask,
            "usr/local/bin/asking.py": asking,
        },
    )
    wanted = [("py:asking:ask", "/usr/local/bin/asking.py", 5)]
    assert agentkit("depmap", "build", "--root", str(tmp_path / "node"), "--quiet").returncode == 0
    for paths in ([], [str(tmp_path / "node")]):
        ended = agentkit("depmap", "lint", "--json", *paths)
        records = read_records(ended.stdout, "finding")
        assert ended.returncode == 1
        assert [(record["subject"], record["file"], record["line"]) for record in records] == wanted


def test_modules_of_this_machine_are_linted_without_a_crash() -> None:
    # What is installed beside it are large programs, which tests/sweeps/pylint_machine.py lints.
    library = Path(sysconfig.get_path("stdlib"))
    paths = sorted(path for path in library.rglob("*.py") if path.is_file() and "site-packages" not in path.parts)
    choices = random.Random(int(os.environ.get("AGENTKIT_TEST_SEED", "0")))
    for path in choices.sample(paths, min(8, len(paths))):
        for wait in lint_paths([str(path)], lambda _: None):
            assert wait.command
            assert wait.fix
            assert wait.fix != wait.command
