"""The page of the family tree: what is in it, what never is, and where it is written."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agentkit.core.errors import AgentkitError, Exit
from agentkit.core.visible import make_visible
from agentkit.evolve.candidate import ACCEPTED, NO_EVIDENCE, PROPOSED, REJECTED, STATES, Candidate
from agentkit.evolve.familytree import treedata
from agentkit.evolve.familytree.composing import FOLDER, compose
from agentkit.evolve.familytree.writing import write_page
from tests.evolve.archive import NOW, file, make_nights, make_one, make_verdict
from tests.evolve.machine import BAD, GOOD, Machine
from tests.webpages import demand_closed, find_dangers, find_faint, find_left_out, read

Run = Callable[..., "subprocess.CompletedProcess[str]"]
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]><img src=x onerror=alert(1)>",
    "\"quoted\" 'twice' \\ & &lt; </td></table>",
    "\u202egnp.exe",
    "line\u2028end\nand\x00\x1b[31m",
    "not-utf-8-\udcff\udc80",
    "שלום-😀-ä",
    "__proto__",
    "{{7*7}}${7*7}",
]
LARGEST_BYTES = 62_000


def show(text: str) -> str:
    return make_visible(text).encode("utf-8", "backslashreplace").decode()


def make_page(environ: dict[str, str], path: Path) -> str:
    write_page(environ, str(path), NOW)
    return path.read_text("ascii")


def read_data(page: str) -> dict[str, list[dict[str, object]]]:
    [text] = [text for tag, text in read(page).texts if text.startswith("{")]
    found: dict[str, list[dict[str, object]]] = json.loads(text)
    return found


def test_the_page_is_whole_html_that_leads_nowhere_else_and_lets_nothing_in() -> None:
    page = "{}".join(compose())
    reader = read(page)
    assert page.startswith("<!DOCTYPE html>\n")
    places = [value for _, attrs in reader.seen for name, value in attrs.items() if name in ("src", "href", "action")]
    assert set(places) == {"#", "data:,"}
    # Only the name of SVG looks like an address; nothing is ever loaded by it.
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", page.replace('"http://www.w3.org/2000/svg"', ""))
    assert [tag for tag, attrs in reader.seen if any(name.startswith("on") or name == "style" for name in attrs)] == []
    assert len(page.encode("ascii")) < LARGEST_BYTES
    demand_closed(page, "{}")
    assert find_dangers(page) == []
    assert find_left_out(FOLDER, page) == {}


def test_what_is_read_has_the_contrast_that_makes_it_readable() -> None:
    kinds = {"kept", "spare", "rejected", "no-evidence", "reverted", "open"}
    assert find_faint(FOLDER, {"text", "dim", "link", *kinds}) == {}


def test_the_data_is_what_log_tells_candidate_by_candidate(
    own_environ: dict[str, str], random_choices: random.Random, agentkit: Run, tmp_path: Path
) -> None:
    file(own_environ, make_nights(random_choices, 60))
    data = read_data(make_page(own_environ, tmp_path / "page.html"))
    told = agentkit("evolve", "log", "--all", "--json").stdout
    records = {record["id"]: record for record in map(json.loads, told.splitlines())}
    assert [one["id"] for one in data["candidates"]] == sorted(records)
    for one in data["candidates"]:
        record = records[str(one["id"])]
        for name in ("repository", "branch", "base", "parent", "commit", "proposer", "state", "reason", "batch"):
            assert one.get(name) == record[name]
        assert (one.get("kept", False), one.get("findings", [])) == (record["kept"], record["findings"])
        assert (one["cost"], round(float(str(one["duration"])), 3)) == (record["cost_usd"], record["duration_s"])
        metrics = {data["metrics"][spot][0]: now for spot, now, _, _ in one.get("metrics", [])}  # type: ignore[attr-defined,index]
        assert metrics == {name: pytest.approx(value, abs=1e-6) for name, value in record["metrics"].items()}
        verdict = record["verdict"] or {"regressed": [], "fixed": []}
        tests = one.get("tests", {})
        worse = tests.get("regressed", [0, []])[1]  # type: ignore[attr-defined]
        assert [row[0] for row in worse] == [test["id"] for test in verdict["regressed"]]
        assert tests.get("fixed", [0, []])[1] == verdict["fixed"]  # type: ignore[attr-defined]


def test_nothing_that_a_proposer_printed_or_was_told_is_on_the_page(
    own_environ: dict[str, str], tmp_path: Path
) -> None:
    hidden = {name: f"unheard-of {name}" for name in ("stdout", "stderr", "argv", "request", "subject", "allowed")}
    file(own_environ, [make_one(NOW - 60, REJECTED, **hidden)])
    assert "unheard-of" not in make_page(own_environ, tmp_path / "page.html")


def test_texts_that_would_end_the_script_or_fool_the_eye_are_only_texts(
    own_environ: dict[str, str], tmp_path: Path
) -> None:
    found: list[Candidate] = []
    for number, text in enumerate(HOSTILE):
        # What is no UTF-8 cannot stand in the archive; from a verdict, as an escape of JSON, it can.
        plain = text.encode("utf-8", "backslashreplace").decode()
        one = make_one(NOW - 60 + number, REJECTED, reason=plain, proposer=plain, repository=f"/srv/{plain}")
        found.append(replace(one, verdict=make_verdict(one, {text: (1.0, 2.0)}, why=text)))
    file(own_environ, found)
    page = make_page(own_environ, tmp_path / "page.html")
    data = read_data(page)
    assert [one["reason"] for one in data["candidates"]] == [show(text) for text in HOSTILE]
    whys = [one["tests"]["regressed"][1][0][3] for one in data["candidates"]]  # type: ignore[call-overload,index]
    assert whys == [show(text) for text in HOSTILE] == [name for name, _, _ in data["metrics"]]
    row = ["tr", *["td", "bdi"] * 7]
    elements = [tag for tag, _ in read("".join(compose())).seen]
    place = elements.index("tbody") + 1
    assert [tag for tag, _ in read(page).seen] == [*elements[:place], *row * len(HOSTILE), *elements[place:]]


def test_what_the_vault_knows_is_masked(own_environ: dict[str, str], agentkit: Run, tmp_path: Path) -> None:
    value = "".join(chr(97 + number * 7 % 26) for number in range(24))
    assert agentkit("vault", "init", "--new-recovery", str(tmp_path / "recovery.key")).returncode == 0
    assert agentkit("vault", "set", "shop/token", "--purpose", "orders", input=value).returncode == 0
    one = make_one(NOW - 60, REJECTED, reason=f"401 for {value}", proposer=f"mend {value}")
    file(own_environ, [replace(one, verdict=make_verdict(one, {}, why=f"{value} is refused"))])
    page = make_page(own_environ, tmp_path / "page.html")
    assert value not in page
    assert page.count("vault:shop/token") >= 3


def test_a_value_that_is_no_number_is_none(own_environ: dict[str, str], tmp_path: Path) -> None:
    one = make_one(NOW - 60, ACCEPTED, cost_usd=float("inf"))
    file(own_environ, [replace(one, verdict=make_verdict(one, {"speed": (3.0, float("nan"))}))])
    page = make_page(own_environ, tmp_path / "page.html")
    [told] = read_data(page)["candidates"]
    assert (told["metrics"], "cost" in told) == ([[0, None, 3.0, False]], False)
    assert not re.search(r"\b(NaN|Infinity)\b", page.partition('id="family">')[2].partition("</script>")[0])


def test_each_state_has_a_row_that_needs_no_script(own_environ: dict[str, str], tmp_path: Path) -> None:
    states = (ACCEPTED, REJECTED, NO_EVIDENCE, PROPOSED)
    file(own_environ, [make_one(NOW - 60 + number, state) for number, state in enumerate(states)])
    rows = re.findall(r"<tr><td>.*?</tr>", make_page(own_environ, tmp_path / "page.html"))
    cells = [re.findall(r"<bdi>(.*?)</bdi>", row) for row in rows]
    assert [row[2] for row in cells] == ["proposed", "no-evidence", "rejected", "accepted, kept"]
    assert cells[-1][0] == "2026-11-27 06:59 UTC"
    assert set(STATES) - set(states) == {"reverted"}


def test_of_very_many_the_newest_are_there_and_the_others_are_counted(
    own_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(treedata, "MOST", 3)
    found = [make_one(NOW - 60 + number, REJECTED) for number in range(5)]
    file(own_environ, found)
    data = read_data(make_page(own_environ, tmp_path / "page.html"))
    assert [one["id"] for one in data["candidates"]] == [one.id for one in found[2:]]
    assert data["older"] == 2


def test_without_an_archive_there_is_a_page_and_no_archive_is_made(own_environ: dict[str, str], tmp_path: Path) -> None:
    page = make_page(own_environ, tmp_path / "page.html")
    assert read_data(page)["candidates"] == []
    assert "Nothing was tried yet" in page
    assert not os.path.exists(f"{own_environ['AGENTKIT_HOME']}/evolve.db")


def test_the_file_is_replaced_as_a_whole_and_keeps_its_permissions(own_environ: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "www"
    folder.mkdir()
    page = folder / "page.html"
    write_page(own_environ, str(page), NOW)
    assert page.stat().st_mode & 0o777 == 0o600
    page.chmod(0o644)
    before = page.stat().st_ino
    (folder / "link").symlink_to("page.html")
    write_page(own_environ, str(folder / "link"), NOW + 1)
    assert (page.stat().st_mode & 0o777, page.stat().st_ino != before) == (0o644, True)
    assert (folder / "link").is_symlink()
    assert sorted(os.listdir(folder)) == ["link", "page.html"]


def test_what_is_no_regular_file_is_left_alone(own_environ: dict[str, str], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "null", "folder"):
        with pytest.raises(AgentkitError, match="no regular file") as caught:
            write_page(own_environ, str(tmp_path / name), NOW)
        assert caught.value.status == Exit.REFUSED
    assert (tmp_path / "pipe").is_fifo()
    assert Path("/dev/null").is_char_device()
    with pytest.raises(AgentkitError) as caught:
        write_page(own_environ, str(tmp_path / "missing/page.html"), NOW)
    assert caught.value.status == Exit.CANNOT_WRITE


def test_the_verb_draws_what_really_happened(machine: Machine) -> None:
    _, [kept] = machine.ask("try", "--propose", GOOD)
    _, [rejected] = machine.ask("try", "--propose", BAD)
    status, page, stderr = machine.call("evolve", "log", "--html", "-")
    assert (status, stderr) == (0, "")
    told = read_data(page)["candidates"]
    assert [one["id"] for one in told] == [kept["id"], rejected["id"]]
    assert told[1]["parent"] == told[0]["id"]
    assert [row[0] for row in told[1]["tests"]["regressed"][1]] == ["test_job::test_it_saves"]  # type: ignore[index,call-overload]
    before = machine.look()
    assert machine.call("evolve", "log", "--html", "../tree.html")[:2] == (0, "")
    assert (machine.folder / "tree.html").read_text().startswith("<!DOCTYPE html>")
    assert machine.look() == before
    for words in (("--json",), ("--state", "rejected")):
        status, _, stderr = machine.call("evolve", "log", "--html", "-", *words)
        assert (status, "--html" in stderr) == (Exit.USAGE, True)
