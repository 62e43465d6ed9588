import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.lines import write_record
from agentkit.core.screen import Column, print_table
from agentkit.core.visible import text_width
from agentkit.depmap import blast, cli, why
from agentkit.depmap.answers import draw_table, or_null, quote
from agentkit.depmap.questionwords import BLAST, WHY
from tests.depmap.maps import edge, make_map, records, values

Run = Callable[..., "subprocess.CompletedProcess[str]"]
WATCH = "/usr/local/bin/watch.sh"
SCRIPT = f"file:{WATCH}"
STORY = [
    edge(f"func:{WATCH}#ask", "unit:fail2ban.service", "check", file=WATCH, line=3),
    edge(f"func:{WATCH}#ask", "cmd:fail2ban-client", "exec", path="/usr/bin/fail2ban-client", file=WATCH, line=4),
    edge(f"file:{WATCH}", f"func:{WATCH}#ask", "call", file=WATCH, line=9),
    edge("job:/etc/crontab#7", "cmd:watch.sh", "exec", path=WATCH, file="/etc/crontab", line=7),
    edge("unit:watch.service", f"cmd:{WATCH}", "exec", path=WATCH, file="/etc/systemd/system/watch.service", line=4),
    edge("unit:watch.timer", "unit:watch.service", "triggers", file="/etc/systemd/system/watch.timer", line=2),
    edge("unit:fail2ban.service", "unit:network.target", "after", file="/lib/systemd/system/fail2ban.service"),
    edge("unit:multi-user.target", "unit:fail2ban.service", "wants", file="/lib/systemd/system/fail2ban.service"),
    edge("job:other", "cmd:true", "exec"),
]
# What `blast` and `why` must not load on their way: each costs more than the whole answer.
HEAVY = {
    "argparse", "contextlib", "dataclasses", "difflib", "enum", "filelock", "hashlib", "json", "pathlib", "re", "rich",
    "subprocess", "tomllib", "typer", "typing", "urllib", "agentkit.core.config", "agentkit.depmap.edge",
}  # fmt: skip


@pytest.fixture(autouse=True)
def story(own_environ: dict[str, str]) -> None:
    make_map(own_environ, STORY)


def test_blast_names_what_falls_nearest_first_with_the_function_and_the_way(agentkit: Run) -> None:
    found = records(agentkit("depmap", "blast", "--json", "fail2ban.service"))
    assert values(found, "distance", "node", "edge", "line", "function") == [
        (1, f"func:{WATCH}#ask", "check", 3, "ask"),
        (2, SCRIPT, "call", 9, None),
        (3, "job:/etc/crontab#7", "exec", 7, None),
        (3, "unit:watch.service", "exec", 4, None),
    ]
    assert values(found, "via") == [[], [f"func:{WATCH}#ask"], *([[f"func:{WATCH}#ask", SCRIPT]] * 2)]
    assert set(values(found, "of")) == {"unit:fail2ban.service"}


def test_a_person_sees_the_same_as_a_table(agentkit: Run) -> None:
    ended = agentkit("depmap", "blast", "fail2ban.service")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[:3] == [
        "distance  node                              by     where                                by way of",
        f"1         func:{WATCH}#ask  check  {WATCH}:3 ask()      -",
        f"2         file:{WATCH}      call   {WATCH}:9            watch.sh#ask",
    ]


def test_what_is_started_falls_with_what_starts_it(agentkit: Run) -> None:
    assert values(records(agentkit("depmap", "blast", "--json", "watch.timer")), "node") == ["unit:watch.service"]


def test_several_nodes_are_one_question(agentkit: Run) -> None:
    found = records(agentkit("depmap", "blast", "--json", "cmd:true", "watch.timer", "watch.timer"))
    assert values(found, "node", "of") == [("job:other", "cmd:true"), ("unit:watch.service", "unit:watch.timer")]


def test_the_answer_can_be_cut_and_sifted(agentkit: Run) -> None:
    assert values(records(agentkit("depmap", "blast", "--json", "--depth", "2", "fail2ban")), "distance") == [1, 2]
    words = ["--kind", "job", "--kind=unit"]
    found = records(agentkit("depmap", "blast", "--json", *words, "fail2ban"))
    assert values(found, "node") == ["job:/etc/crontab#7", "unit:watch.service"]


def test_a_node_with_which_nothing_falls_says_so(agentkit: Run) -> None:
    ended = agentkit("depmap", "blast", "job:other")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "agentkit: nothing falls with job:other\n")
    ended = agentkit("depmap", "blast", "job:other", "--quiet")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def finding(subject: str, **more: object) -> str:
    return json.dumps({"kind": "finding", "subject": subject, **more}) + "\n"


def test_findings_of_a_pipe_are_asked_for_by_their_subjects(agentkit: Run) -> None:
    pipe = finding("unit:watch.service") + finding("cmd:true", state="resolved") + '{"kind": "beat"}\n'
    found = records(agentkit("depmap", "blast", "--json", "-", input=pipe + finding("unit:fail2ban.service")))
    assert set(values(found, "of")) == {"unit:fail2ban.service"}
    assert "unit:watch.service" not in values(found, "node")


def test_findings_of_a_file_too_and_subjects_that_nobody_knows_are_told(agentkit: Run, tmp_path: Path) -> None:
    file = tmp_path / "findings"
    file.write_text(finding("job:nobody") + finding("job:nobody") + finding("cmd:true"))
    ended = agentkit("depmap", "blast", "--json", str(file))
    assert values(records(ended), "node") == ["job:other"]
    assert ended.stderr == "agentkit: warning: 'job:nobody' is not in the map\n"
    file.write_text(finding("job:nobody"))
    assert agentkit("depmap", "blast", str(file)).returncode == Exit.UNAVAILABLE
    file.write_text("")
    ended = agentkit("depmap", "blast", str(file))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_lines_that_are_no_records_are_told_and_the_others_are_used(agentkit: Run) -> None:
    ended = agentkit("depmap", "blast", "--json", "-", input="nonsense\n" + finding("cmd:true"))
    assert values(records(ended, Exit.BAD_DATA), "node") == ["job:other"]
    assert "stdin: line 1 is no JSON object" in ended.stderr


def test_why_names_all_shortest_ways_and_no_other(agentkit: Run, own_environ: dict[str, str]) -> None:
    diamond = [edge("job:a", "cmd:b"), edge("job:a", "cmd:c"), edge("cmd:b", "cmd:d"), edge("cmd:c", "cmd:d")]
    make_map(own_environ, [*diamond, edge("job:a", "cmd:x"), edge("cmd:x", "cmd:y"), edge("cmd:y", "cmd:d")])
    found = records(agentkit("depmap", "why", "--json", "job:a", "cmd:d"))
    assert values(found, "nodes") == [["job:a", "cmd:b", "cmd:d"], ["job:a", "cmd:c", "cmd:d"]]
    assert values(found, "distance", "from", "to") == [(2, "job:a", "cmd:d")] * 2
    ended = agentkit("depmap", "why", "--json", "--limit", "1", "job:a", "cmd:d")
    assert values(records(ended), "nodes") == [["job:a", "cmd:b", "cmd:d"]]
    assert ended.stderr == "agentkit: more than 1 ways of this length; --limit shows more\n"


def test_each_step_of_why_says_where_it_stands(agentkit: Run) -> None:
    [way] = records(agentkit("depmap", "why", "--json", "crontab#7", "fail2ban-client"))
    assert [(step["edge"], step["file"], step["line"]) for step in way["steps"]] == [  # type: ignore[attr-defined]
        ("exec", "/etc/crontab", 7),
        ("call", WATCH, 9),
        ("exec", WATCH, 4),
    ]
    shown = agentkit("depmap", "why", "crontab#7", "fail2ban-client").stdout.splitlines()
    assert [line.split() for line in shown[1:]] == [
        ["1", "job:/etc/crontab#7", "exec", SCRIPT, "/etc/crontab:7"],
        ["1", SCRIPT, "call", f"func:{WATCH}#ask", f"{WATCH}:9"],
        ["1", f"func:{WATCH}#ask", "exec", "cmd:fail2ban-client", f"{WATCH}:4", "ask()"],
    ]


def test_why_says_when_it_is_the_other_way_round(agentkit: Run) -> None:
    ended = agentkit("depmap", "why", "fail2ban-client", "crontab#7")
    turned = "it is the other way round: agentkit depmap why crontab#7 fail2ban-client"
    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr == f"agentkit: fail2ban-client does not depend on crontab#7; {turned}\n"
    assert agentkit("depmap", "why", "cmd:true", "job:other", "--quiet").stderr == ""
    assert "are one thing" in agentkit("depmap", "why", "watch.sh", SCRIPT).stderr


@pytest.mark.parametrize(
    "words", [["blast", "fail2ban"], ["blast", "--json", "fail2ban"], ["why", "crontab#7", "fail2ban"]]
)
def test_a_question_loads_nothing_that_it_does_not_need(own_environ: dict[str, str], words: list[str]) -> None:
    script = f"import sys, os\nfrom agentkit import __main__\nsys.argv = ['agentkit', 'depmap', *{words!r}]\n"
    script += "before = set(sys.modules)\n"
    script += "os._exit = lambda status: print(status, *(set(sys.modules) - before), file=sys.stderr)\n"
    script += "try: __main__._dispatch(sys.argv)\nexcept BaseException: pass\n"
    ended = subprocess.run(
        [sys.executable, "-S", "-c", script], env=own_environ, capture_output=True, text=True, timeout=60, check=True
    )
    status, *modules = ended.stderr.splitlines()[0].split()
    assert (status, ended.stdout != "") == ("0", True)
    assert "agentkit.depmap.blast" in modules or "agentkit.depmap.why" in modules
    assert HEAVY & set(modules) == set()


# One table through both parsers: words, and what they ask for (or the beginning of the error).
QUESTIONS = {
    "blast a": {"nodes": ["a"], "depth": None, "kinds": [], "as_json": False, "is_quiet": False},
    "blast a --json b": {"nodes": ["a", "b"], "as_json": True},
    "blast --depth 3 a --quiet": {"nodes": ["a"], "depth": "3", "is_quiet": True},
    "blast --depth=3 --depth 4 a": {"depth": "4"},
    "blast --kind job --kind=func a": {"kinds": ["job", "func"]},
    "blast -- --json": {"nodes": ["--json"], "as_json": False},
    "blast a -": {"nodes": ["a", "-"]},
    "blast": {"nodes": []},
    "blast --nonsense a": "no such option: --nonsense",
    "blast -x a": "no such option: -x",
    "blast a --depth": "option '--depth' requires an argument",
    "blast a --kind": "option '--kind' requires an argument",
    "why a b": {"nodes": ["a", "b"], "limit": None, "as_json": False, "is_quiet": False},
    "why --limit 3 a b --json --quiet": {"nodes": ["a", "b"], "limit": "3", "as_json": True, "is_quiet": True},
    "why --depth 3 a b": "no such option: --depth",
}


@pytest.mark.parametrize("parser", ["hot", "typer"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_both_parsers_read_the_same_words(parser: str, question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def answer(environ: object, nodes: list[str], **options: object) -> int:
        asked.update(
            nodes=list(nodes), **{key: list(one) if isinstance(one, list) else one for key, one in options.items()}
        )
        return 0

    monkeypatch.setattr(blast, "print_blast", answer)
    monkeypatch.setattr(why, "print_why", answer)
    verb, *words = question.split()
    wanted = QUESTIONS[question]
    told, status, hint = "", Exit.OK, None
    try:
        if parser == "hot":
            (blast if verb == "blast" else why).main(words)
        else:
            from agentkit.cli import main

            main(["depmap", verb, *words])
    except AgentkitError as error:
        told = error.message
        status, hint = error.status, error.hint
    if isinstance(wanted, str):
        assert told.startswith(wanted)
        assert (status, (hint or "").endswith(" --help")) == (Exit.USAGE, True)
    else:
        assert (told, {key: asked[key] for key in wanted}) == ("", wanted)


def test_help_and_completion_know_the_options_of_the_hot_path() -> None:
    group = typer.main.get_group(cli.app)
    for verb, known in (("blast", BLAST), ("why", WHY)):
        declared = {option for spot in group.commands[verb].params for option in spot.opts if option.startswith("--")}
        assert declared == known.keys()


@pytest.mark.parametrize(
    "words",
    [
        ["blast"],
        ["blast", "a", "--depth", "x"],
        ["blast", "a", "--depth=0"],
        ["why", "a"],
        ["why", "a", "b", "c"],
        ["why", "a", "b", "--limit", "-1"],
    ],
)
def test_wrong_words_are_two_lines_and_2(agentkit: Run, words: list[str]) -> None:
    ended = agentkit("depmap", *words)
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (Exit.USAGE, "", 2)


def test_help_of_the_hot_verbs_is_plain(agentkit: Run) -> None:
    ended = agentkit("depmap", "blast", "--help")
    assert ended.stdout.startswith("Usage: agentkit depmap blast NODE... [OPTIONS]")


def test_an_answer_that_nobody_takes_ends_as_it_should(own_environ: dict[str, str]) -> None:
    for shell, status in (('"$@" >&-', Exit.CANNOT_WRITE), ('"$@" >/dev/full', Exit.CANNOT_WRITE)):
        ended = subprocess.run(
            ["sh", "-c", shell, "sh", sys.executable, "-m", "agentkit", "depmap", "blast", "fail2ban"],
            env=own_environ, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ended.returncode == status, ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("text", ["plain", 'a"b\\c', "\n\t\x00\x1f\x7f", "ä€😀\u2028", "", "\udcff"])
def test_the_small_writer_of_json_writes_what_the_large_one_does(text: str, tmp_path: Path) -> None:
    assert quote(text) == json.dumps(text, ensure_ascii=False)
    assert [or_null(one) for one in (None, 3, text)] == ["null", "3", quote(text)]
    with (tmp_path / "file").open("w", encoding="utf-8") as file:
        write_record({"text": text}, file)
    ours = f'{{"text": {quote(text)}}}\n'.encode("utf-8", "backslashreplace")
    assert (tmp_path / "file").read_bytes() == ours


def test_a_table_looks_as_every_other_one_does(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("one", "two", "three")
    rows = [("a", "b\x1b[2J", "c"), ("漢字", "", "-"), ("long long", "x", "")]
    print_table([Column(name) for name in names], rows)
    assert draw_table(names, rows) == capsys.readouterr().out


def test_control_characters_never_reach_a_terminal(agentkit: Run, own_environ: dict[str, str]) -> None:
    make_map(own_environ, [edge("file:/x\x1b[2J\ny", "cmd:a", "exec", file="/x\x1b[2J\ny")])
    shown = agentkit("depmap", "blast", "cmd:a").stdout
    assert "\x1b" not in shown
    assert r"file:/x\x1b[2J\ny" in shown
    assert os.path.basename(shown) != ""


def test_a_table_is_no_wider_than_its_terminal_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    names = ("distance", "node", "where", "by way of")
    rows = [("1", "func:/usr/local/bin/morning-report#show", f"/etc/{'漢' * 40}:3", "alarm#ask < fail2ban-client")]
    monkeypatch.setenv("COLUMNS", "200")
    assert len(draw_table(names, rows).splitlines()) == 2
    for width in (40, 60, 80):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = draw_table(names, rows).splitlines()
        assert max(map(text_width, lines)) <= width
        shown = "".join("".join(lines[1:]).split())
        assert sorted(shown) == sorted("".join("".join(rows[0]).split()))
