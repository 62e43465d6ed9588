import json
import os
import random
from pathlib import Path

import jsonschema
import pytest

from agentkit.core.schemas import read_schema
from agentkit.depmap.lintpage import print_waits
from agentkit.depmap.lintreading import lint_paths
from agentkit.depmap.mapping import Reader

SCRIPT = """\
#!/bin/sh
check() {
    curl -s http://db/health
}
check
curl --connect-timeout 5 http://db
curl -m 5 http://db
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "AGENTKIT_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "check.sh"
    path.write_text(SCRIPT)
    return path


def lint_file(path: Path) -> list[tuple[str, str, int | None, str]]:
    waits = lint_paths([str(path)], lambda _: None)
    return [(wait.type, wait.subject, wait.line, wait.fix) for wait in waits]


def test_each_wait_is_of_its_function_or_of_its_file_and_names_the_words_to_add(script: Path) -> None:
    assert lint_file(script) == [
        ("unbounded", f"func:{script}#check", 3, "curl --max-time 60 -s http://db/health"),
        ("partly-bounded", f"file:{script}", 6, "curl --max-time 60 --connect-timeout 5 http://db"),
    ]


def test_records_are_findings_and_the_status_tells_of_them(
    script: Path, environ: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert print_waits(environ, [str(script)], as_json=True, is_quiet=False) == 1
    records = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    for record in records:
        jsonschema.validate(record, read_schema("finding"))
    assert [(record["type"], record["file"], record["line"], record["command"]) for record in records] == [
        ("unbounded", str(script), 3, "curl -s http://db/health"),
        ("partly-bounded", str(script), 6, "curl --connect-timeout 5 http://db"),
    ]
    assert all(record["why"] and record["fix"] and record["key"] == record["command"] for record in records)


def test_a_script_without_such_a_call_prints_nothing_and_ends_with_0(
    script: Path, environ: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    script.write_text("#!/bin/sh\ncurl -m 5 http://db\ngit rev-parse HEAD\n")
    assert print_waits(environ, [str(script)], as_json=False, is_quiet=False) == 0
    assert capfd.readouterr() == ("", "")


def test_a_person_reads_the_file_and_then_line_command_reason_and_fix(
    script: Path, environ: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert print_waits(environ, [str(script)], as_json=False, is_quiet=False) == 1
    file, head, first, second = capfd.readouterr().out.splitlines()
    assert file == str(script)
    assert head.split() == ["line", "command", "why", "fix"]
    assert first.split()[0] == "3"
    assert first.endswith("curl --max-time 60 -s http://db/health")
    assert second.split()[0] == "6"


def test_a_file_that_is_parsed_in_part_is_said_to_be(
    script: Path, environ: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    script.write_text("#!/bin/sh\ncurl http://db\nfi fi ((\n")
    assert print_waits(environ, [str(script)], as_json=True, is_quiet=False) == 1
    told = capfd.readouterr()
    assert told.err.startswith(f"agentkit: warning: {script}: partly parsed")
    assert json.loads(told.out)["line"] == 2


@pytest.mark.parametrize("content", [None, b"\x7fELF\0\0\0\0"])
def test_what_cannot_be_read_as_text_is_named_with_65(
    content: bytes | None, tmp_path: Path, environ: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "thing"
    if content is not None:
        path.write_bytes(content)
    assert print_waits(environ, [str(path)], as_json=True, is_quiet=False) == 65
    told = capfd.readouterr()
    assert told.out == ""
    assert str(path) in told.err


def test_what_cannot_be_read_in_a_folder_is_named_with_65_beside_what_was_found(
    script: Path, environ: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = script.parent / "below"
    folder.mkdir()
    (folder / "jobs.cron").symlink_to("jobs.cron")
    assert print_waits(environ, [str(script.parent)], as_json=True, is_quiet=False) == 65
    told = capfd.readouterr()
    assert len(told.out.splitlines()) == 2
    assert told.err == f"agentkit: warning: {folder}/jobs.cron: Too many levels of symbolic links\n"


def test_a_line_of_a_crontab_is_a_job_and_reads_from_no_terminal(tmp_path: Path) -> None:
    path = tmp_path / "jobs.cron"
    path.write_text(
        "0 * * * * curl -s http://db\n"
        "5 * * * * timeout 10 curl -s http://db\n"
        "6 * * * * agentkit heartbeat run feed --timeout 10m -- curl -s http://db\n"
        "7 * * * * read answer\n"
    )
    assert lint_file(path) == [("unbounded", f"job:{path}#1", 1, "curl --max-time 60 -s http://db")]


def test_a_unit_that_is_waited_for_without_a_limit_is_named(tmp_path: Path) -> None:
    path = tmp_path / "copy.service"
    path.write_text("[Service]\nType=oneshot\nExecStart=/usr/bin/rsync a b:c\n")
    assert [each[:2] for each in lint_file(path)] == [("unbounded", "unit:copy.service")]


def test_the_same_command_twice_in_one_subject_is_two_findings(script: Path) -> None:
    script.write_text("#!/bin/sh\ncurl http://db\ncurl http://db\n")
    keys = [wait.key for wait in lint_paths([str(script)], lambda _: None)]
    assert keys == ["curl http://db", "curl http://db #2"]


def test_what_eval_puts_together_in_many_ways_is_told_once(script: Path) -> None:
    script.write_text('#!/bin/sh\nfor q in "" -s; do for o in a b; do eval "curl $q http://$o"; done; done\n')
    assert len(lint_paths([str(script)], lambda _: None)) == 1


def test_a_text_that_another_script_sources_is_judged_as_it_stands_there(tmp_path: Path) -> None:
    folder = tmp_path / "opt"
    folder.mkdir()
    (folder / "ask.sh").write_text('ask() {\n    curl $LIMIT "http://$1"\n}\n')
    (folder / "main.sh").write_text('#!/bin/sh\nLIMIT="-m 5"\n. "$(dirname "$0")/ask.sh"\nask db\n')
    assert lint_file(folder) == []
    (folder / "main.sh").write_text('#!/bin/sh\n. "$(dirname "$0")/ask.sh"\nask db\n')
    assert [each[:3] for each in lint_file(folder)] == [("unbounded", f"func:{folder}/ask.sh#ask", 2)]
    (folder / "main.sh").unlink()
    assert [each[:3] for each in lint_file(folder)] == [("unbounded", f"func:{folder}/ask.sh#ask", 2)]


def test_a_real_fifo_on_the_disk_is_known_for_one(script: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "requests")
    script.write_text(f"#!/bin/sh\nread -t 5 line < {tmp_path}/requests\nread -t 5 line < /etc/hostname\n")
    assert lint_file(script) == [
        ("unbounded", f"file:{script}", 2, f"read -t 5 line <> {tmp_path}/requests"),
    ]


def test_descriptors_of_whoever_lints_are_no_fifos_of_the_script(script: Path, tmp_path: Path) -> None:
    before = os.dup(0)
    reading, writing = os.pipe()
    try:
        os.dup2(reading, 0)
        script.write_text("#!/bin/sh\nwc -l < /dev/stdin\nwc -l < /proc/self/fd/0\n")
        program = tmp_path / "ask.py"
        program.write_text("open('/dev/stdin').read()\nopen('/proc/self/fd/0').read()\n")
        assert lint_file(script) == []
        assert lint_file(program) == []
    finally:
        os.dup2(before, 0)
        for each in (before, reading, writing):
            os.close(each)


def test_the_four_that_ask_fail2ban_are_named_with_their_bound(tmp_path: Path) -> None:
    folder = tmp_path / "opt"
    folder.mkdir()
    questions = ("status", "status sshd", "get sshd banned", "--timeout 3 status")
    for number, question in enumerate(questions):
        text = f"#!/bin/sh\nask() {{\n    fail2ban-client {question}\n}}\nask\n"
        (folder / f"ask{number}.sh").write_text(text)
    (folder / "well.sh").write_text("#!/bin/sh\nfail2ban-client ping 3\n")
    assert lint_file(folder) == [
        (
            "unbounded",
            f"func:{folder}/ask{number}.sh#ask",
            3,
            f"timeout -k 10 20 fail2ban-client {question}",
        )
        for number, question in enumerate(questions)
    ]


def test_scripts_of_this_machine_are_linted_without_a_crash() -> None:
    reader = Reader("/")
    paths = [
        path for folder in ("/usr/bin", "/usr/sbin", "/etc", "/var/lib/dpkg") for path in reader.find_scripts(folder)
    ]
    choices = random.Random(int(os.environ.get("AGENTKIT_TEST_SEED", "0")))
    for path in choices.sample(paths, min(60, len(paths))):
        for wait in lint_paths([path], lambda _: None):
            assert wait.command
            assert wait.fix
            assert wait.fix != wait.command


def test_a_command_of_several_lines_is_shown_in_one_that_can_be_pasted(
    tmp_path: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "ask.sh"
    script.write_text("#!/bin/sh\nfail2ban-client \\\n    status \\\n    2>&1\n")
    print_waits(environ, [str(script)], as_json=False, is_quiet=True)
    assert "timeout -k 10 20 fail2ban-client status 2>&1" in capsys.readouterr().out
