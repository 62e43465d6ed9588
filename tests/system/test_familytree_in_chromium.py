"""The family tree as a person meets it: drawn, chosen by pointer and keys, searched and filtered, on any screen."""

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest

from agentkit.evolve.candidate import ACCEPTED, NO_EVIDENCE, PROPOSED, REJECTED, REVERTED, Candidate
from agentkit.evolve.familytree.writing import write_page
from tests.evolve.archive import NOW, file, make_nights, make_one, make_verdict, sha
from tests.evolve.test_familytree import HOSTILE, show
from tests.system.chromium import Chromium, look_anew, start_chromium

Page = Callable[[Sequence[Candidate]], Path]
# Of each candidate in the tree, the oldest first: what it says, its kind, its place, whether it is faint.
NODES = """[...document.querySelectorAll('.tree .node')].map(one => {
  const [x, y] = one.getAttribute('transform').match(/[-0-9.]+/g).map(Number);
  return {label: one.getAttribute('aria-label'), kind: one.classList[1], x, y, off: one.classList.contains('off'),
    shape: one.getAttribute('d'), colour: getComputedStyle(one).stroke, fill: getComputedStyle(one).fill};
})"""
CHOSEN = "document.querySelector('#panel h2 code').textContent"
ROWS = "[...document.querySelectorAll('#rows tr')].map(row => row.dataset.id)"
PANEL = "document.querySelector('#panel').textContent"
# What is read and lies on something else that is read, or runs out of the screen.
CLASHES = """(() => {
  const read = [...document.querySelectorAll('.tick, .tiles div, .bars .chip')];
  const boxes = read.map(one => [one, one.getBoundingClientRect()]);
  const found = [];
  boxes.forEach(([one, a], index) => boxes.slice(index + 1).forEach(([other, b]) => {
    if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
      found.push(one.textContent + ' on ' + other.textContent);
  }));
  return found;
})()"""


def make_story() -> list[Candidate]:
    """Return one candidate of each kind, and two that were made from one that was kept."""
    at = NOW - 20_000
    first = make_one(at, ACCEPTED, cost_usd=0.25, is_isolated=0, findings=json.dumps(["f" * 64]), decision="d-1")
    spare = make_one(at + 60, ACCEPTED, kept=0, base=str(first.commit_id), parent=first.id)
    rejected = make_one(at + 120, REJECTED, base=str(first.commit_id), parent=first.id, proposer="codemod --quotes")
    nothing = make_one(at + 180, NO_EVIDENCE, base=str(first.commit_id), parent=first.id, commit_id=None)
    second = make_one(at + 240, REVERTED, base=str(first.commit_id), parent=first.id)
    back = make_one(at + 300, ACCEPTED, base=str(second.commit_id), parent=second.id, reverts=second.id)
    waiting = make_one(at + 360, PROPOSED, base=str(back.commit_id), parent=back.id)
    return [first, spare, replace(rejected, verdict=make_verdict(rejected, {})), nothing, second, back, waiting]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """Return one browser for all that is asked here."""
    with start_chromium() as browser:
        yield browser


@pytest.fixture
def browser(chromium: Chromium) -> Iterator[Chromium]:
    with look_anew(chromium, 1280, 900) as browser:
        yield browser


@pytest.fixture
def page(own_environ: dict[str, str], tmp_path: Path) -> Page:
    """Return a function that files candidates and returns their page."""

    def make(candidates: Sequence[Candidate]) -> Path:
        if candidates:
            file(own_environ, candidates)
        write_page(own_environ, str(tmp_path / "tree.html"), NOW)
        return tmp_path / "tree.html"

    return make


def read_nodes(browser: Chromium) -> list[dict[str, Any]]:
    return list(browser.run(NODES))


def click_node(browser: Chromium, number: int) -> None:
    spot = browser.run(
        "(box => [box.x + box.width / 2, box.y + box.height / 2])"
        f"(document.querySelectorAll('.tree .node')[{number}].getBoundingClientRect())"
    )
    for kind in ("mousePressed", "mouseReleased"):
        browser.ask("Input.dispatchMouseEvent", type=kind, x=spot[0], y=spot[1], button="left", clickCount=1)


def test_each_kind_has_a_shape_and_a_colour_of_its_own_and_the_legend_counts_and_filters(
    browser: Chromium, page: Page
) -> None:
    browser.open(page(make_story()))
    nodes = read_nodes(browser)
    kinds = ["kept", "spare", "rejected", "no-evidence", "reverted", "kept", "open"]
    assert [node["kind"] for node in nodes] == kinds
    looks = {node["kind"]: (node["shape"], node["fill"] == node["colour"]) for node in nodes}
    assert len({node["colour"] for node in nodes}) >= 6
    assert len({look[0] for look in looks.values()}) == 6
    chips = browser.run("[...document.querySelectorAll('#kinds .chip')].map(one => one.textContent)")
    assert chips == ["kept 2", "accepted, not kept 1", "rejected 1", "no evidence 1", "taken back 1", "under way 1"]
    browser.click("#kinds [data-key=rejected]")
    assert [node["off"] for node in read_nodes(browser)] == [kind != "rejected" for kind in kinds]
    assert len(browser.run(ROWS)) == 1
    assert browser.run("document.activeElement.dataset.key") == "rejected"
    assert browser.run("document.activeElement.getAttribute('aria-pressed')") == "true"
    browser.click("#kinds [data-key=kept]")
    assert len(browser.run(ROWS)) == 3
    browser.click("#home")
    assert not any(node["off"] for node in read_nodes(browser))


def test_time_runs_to_the_right_and_each_hangs_on_what_it_was_made_from(
    browser: Chromium, page: Page, random_choices: random.Random
) -> None:
    found = [*make_nights(random_choices, 60), make_one(NOW - 5, REJECTED, base=sha("an old base"))]
    browser.open(page(found))
    nodes = read_nodes(browser)
    kept_at = {one.id: one.ended_at if one.kept else one.at for one in found}
    in_order = sorted(found, key=lambda one: float(kept_at[one.id] or 0))
    assert all(left["x"] <= right["x"] for left, right in pairwise(nodes))
    trunk = {node["y"] for node, one in zip(nodes, in_order, strict=True) if one.kept}
    assert len(trunk) == 1
    assert all(node["y"] > min(trunk) for node, one in zip(nodes, in_order, strict=True) if not one.kept)
    places = {one.commit_id: node["x"] for node, one in zip(nodes, in_order, strict=True) if one.kept}
    for number in random_choices.sample(range(len(in_order)), 20):
        click_node(browser, number) if nodes[number]["x"] < 1200 else browser.run(
            f"location.hash = {json.dumps(in_order[number].id)}"
        )
        browser.wait_for(f"{CHOSEN} === {json.dumps(in_order[number].id[:16])}")
        begins = float(re.findall(r"[-\d.]+", browser.run("document.querySelector('.way').getAttribute('d')"))[0])
        base = in_order[number].base
        assert base not in places or begins == pytest.approx(places[base], abs=0.2)
        assert begins < nodes[number]["x"]


def test_a_click_tells_all_that_is_known_and_which_commands_tell_more(browser: Chromium, page: Page) -> None:
    first, spare, rejected, *_ = story = make_story()
    browser.open(page(story))
    click_node(browser, 2)
    browser.wait_for(f"{CHOSEN} === {json.dumps(rejected.id[:16])}")
    told = browser.run(PANEL)
    for text in (rejected.reason, "codemod --quotes", "pass → fail", "assert 2 == 1", "13\u00a0s", first.id[:16]):
        assert text in told
    commands = browser.run("[...document.querySelectorAll('.commands code')].map(one => one.textContent)")
    assert commands == [f"agentkit evolve show {rejected.id[:16]}", f"agentkit evolve diff {rejected.id[:16]}"]
    assert browser.run("location.hash") == f"#{rejected.id}"
    browser.click("#panel .facts .quiet")
    assert browser.run(CHOSEN) == first.id[:16]
    told = browser.run(PANEL)
    for text in ("$0.25", "no: it could see this machine", "of a person", "d-1", "f" * 16, "test_it_ends"):
        assert (text in told) == (text != "test_it_ends")
    assert f"agentkit evolve revert {first.id[:16]}" in told
    assert browser.run("document.querySelector('#rows tr.chosen').dataset.id") == first.id
    browser.click(f"#rows tr[data-id='{spare.id}'] td.why")
    assert browser.run(CHOSEN) == spare.id[:16]


def test_keys_alone_lead_to_every_candidate_and_up_and_down_the_family(browser: Chromium, page: Page) -> None:
    story = make_story()
    browser.open(page(story))
    browser.press("/")
    assert browser.run("document.activeElement.id") == "query"
    for _ in range(40):
        browser.press("Tab")
        if browser.run("document.activeElement.matches('.tree .node')"):
            break
    assert browser.run(CHOSEN) == story[5].id[:16]
    assert browser.run("parseFloat(getComputedStyle(document.querySelector('.ring')).strokeWidth)") > 3
    for key, number in (("ArrowRight", 6), ("ArrowUp", 5), ("ArrowUp", 4), ("ArrowLeft", 3), ("ArrowUp", 0)):
        browser.press(key)
        assert browser.run(CHOSEN) == story[number].id[:16]
        assert browser.run("document.activeElement === document.querySelector('.node[tabindex=\"0\"]')")
    browser.press("ArrowDown")
    assert browser.run(CHOSEN) == story[1].id[:16]
    assert browser.run("document.querySelector('#said').textContent").startswith("accepted, not kept, ")
    # One stop for the tab key, however many there are.
    assert browser.run("document.querySelectorAll('.node[tabindex=\"0\"]').length") == 1


def test_a_search_finds_by_any_word_that_is_known(browser: Chromium, page: Page) -> None:
    story = make_story()
    browser.open(page(story))
    for query, numbers in (
        ("codemod", [2]),
        ("HOLDS_ONE_LOCK pass", [2]),
        ("f" * 30, [0]),
        (story[3].id[:14], [3]),
        ("nothing worked", [5, 1, 0]),
        ("no such thing", []),
    ):
        browser.run("document.activeElement.blur()")
        browser.press("/", query)
        shown = browser.run(ROWS)
        assert shown == [story[number].id for number in numbers]
        assert [not node["off"] for node in read_nodes(browser)].count(True) == len(shown)
        assert browser.run("document.querySelector('#said').textContent").startswith(str(len(shown)))
        browser.press("Escape")
    assert len(browser.run(ROWS)) == len(story)


def test_the_best_of_each_metric_never_gets_worse_and_without_metrics_there_is_time_and_money(
    browser: Chromium, page: Page, random_choices: random.Random
) -> None:
    browser.open(page(make_nights(random_choices, 80)))
    titles = browser.run("[...document.querySelectorAll('.measure h3 bdi')].map(one => one.textContent)")
    assert titles == ["backup time", "lines", "cost, all together"]
    assert "lower is better · best 48\u00a0ms → " in browser.run("document.querySelector('.measure h3').textContent")
    for path in browser.run("[...document.querySelectorAll('.best')].map(one => one.getAttribute('d'))"):
        heights = [float(y) for y in re.findall(r"V([\d.]+)", path)]
        # Lower is better, and lower stands lower.
        assert heights == sorted(heights) != []
    spots = {round(node["x"], 1) for node in read_nodes(browser)}
    dots = browser.run("[...document.querySelectorAll('.dots')].map(one => one.getAttribute('d')).join('')")
    assert {float(x) for x in re.findall(r"M([\d.]+)", dots)} <= spots


def test_without_metrics_there_is_time_and_money(browser: Chromium, page: Page, random_choices: random.Random) -> None:
    browser.open(page(make_nights(random_choices, 10, is_measured=False)))
    titles = browser.run("[...document.querySelectorAll('.measure h3 bdi')].map(one => one.textContent)")
    assert titles == ["time for each", "cost of each", "cost, all together"]


def test_the_numbers_of_the_last_day_lead_to_what_they_count(browser: Chromium, page: Page) -> None:
    story = make_story()
    old = make_one(NOW - 86_400 * 3, REJECTED)
    browser.open(page([old, *story]))
    told = browser.run("document.querySelector('#sum').textContent")
    assert ": 7 tried, 2 kept, 1 accepted, not kept, 1 rejected, 1 no evidence, 1 taken back, 1 under way." in told
    browser.click("#sum .rejected")
    assert browser.run(ROWS) == [story[2].id]
    assert len(read_nodes(browser)) == len(story)
    browser.click("#sum .all")
    assert len(browser.run(ROWS)) == len(story)
    assert browser.run("document.activeElement.textContent") == "last 24 h"


def test_a_click_into_a_chart_chooses_what_was_measured_then(browser: Chromium, page: Page) -> None:
    story = make_story()
    browser.open(page(story))
    assert {node["label"].split(",")[0] for node in read_nodes(browser)} >= {"kept", "rejected"}
    x = read_nodes(browser)[0]["x"]
    box = browser.run("(box => [box.x, box.y])(document.querySelector('.chart').getBoundingClientRect())")
    for kind in ("mousePressed", "mouseReleased"):
        place = {"x": box[0] + x, "y": box[1] + 40}
        browser.ask("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)
    assert browser.run(CHOSEN) == story[0].id[:16]
    guides = set(browser.run("[...document.querySelectorAll('.guide')].map(one => one.getAttribute('d'))"))
    assert [float(guide[1:].partition(" ")[0]) for guide in guides] == [pytest.approx(x, abs=0.1)]


def test_texts_that_are_markup_do_nothing(browser: Chromium, page: Page) -> None:
    found = []
    for number, text in enumerate(HOSTILE):
        plain = text.encode("utf-8", "backslashreplace").decode()
        one = make_one(NOW - 60 + number, REJECTED, reason=plain, proposer=plain, decision=plain + str(number))
        found.append(replace(one, verdict=make_verdict(one, {text: (1.0, 2.0)}, why=text)))
    browser.open(page(found))
    scripts = browser.run("document.scripts.length")
    for number, one in enumerate(found):
        browser.run(f"location.hash = {json.dumps(one.id)}")
        browser.wait_for(f"{CHOSEN} === {json.dumps(one.id[:16])}")
        assert browser.run("document.querySelector('#panel .reason').textContent") == show(HOSTILE[number])
        assert show(HOSTILE[number]) in browser.run("document.querySelector('.tests').textContent")
    elements = "[...document.querySelectorAll('img, iframe, object, script:not([type])')].length"
    assert browser.run(elements) == scripts == browser.run("document.scripts.length")
    told = "[...document.querySelectorAll('#rows bdi, #panel bdi, .measure bdi')]"
    assert set(browser.run(f"{told}.map(one => getComputedStyle(one).unicodeBidi)")) == {"isolate"}


def test_of_several_repositories_one_is_drawn_and_an_address_leads_into_the_other(
    browser: Chromium, page: Page, random_choices: random.Random
) -> None:
    own = make_nights(random_choices, 12)
    other = make_one(NOW - 86_400 * 40, REJECTED, repository="/home/me/dotfiles")
    path = page([other, *own])
    browser.open(path)
    names = browser.run("[...document.querySelectorAll('#tree option')].map(one => one.textContent)")
    assert names == [f"/srv/scripts ({len(own)})", "/home/me/dotfiles (1)"]
    assert len(read_nodes(browser)) == len(own)
    browser.open(path, other.id)
    assert len(read_nodes(browser)) == 1
    assert browser.run(CHOSEN) == other.id[:16]
    assert browser.run("document.querySelector('#tree').value") == "1"
    browser.click("#since .chip")
    assert (len(read_nodes(browser)), browser.run(ROWS)) == (0, [])
    assert browser.run("document.querySelector('#panel').hidden")
    assert "nothing was tried in this time" in browser.run("document.querySelector('.tree').textContent")
    browser.click("#home")
    browser.click("#since .chip")
    assert len(read_nodes(browser)) == sum(NOW - one.at <= 86_400 for one in own)


def test_two_thousand_fit_and_are_all_there(browser: Chromium, page: Page, random_choices: random.Random) -> None:
    found = make_nights(random_choices, 2000, nights=60)
    path = page(found)
    for width, level in product((360, 1280), ("#fit", "#larger", "#smaller")):
        browser.look_like(width, 900)
        browser.open(path)
        browser.click(level)
        assert browser.run("document.querySelectorAll('.tree .node').length") == len(found)
        assert browser.run("document.scrollingElement.scrollWidth") <= width
        if level == "#fit":
            # Of the newest nobody has to go in search.
            rest = "(sheet => sheet.scrollWidth - sheet.clientWidth - sheet.scrollLeft)"
            assert browser.run(f"{rest}(document.querySelector('#sheet'))") <= 2
    assert browser.run("document.querySelectorAll('*').length") < 2 * len(found)
    newest = max(found, key=lambda one: one.id)
    assert browser.run(ROWS)[0] == newest.id
    browser.press("/", found[7].id[:16])
    browser.click("#rows tr")
    assert browser.run(CHOSEN) == found[7].id[:16]
    place = "(ring => ring.x >= 0 && ring.right <= innerWidth)(document.querySelector('.ring').getBoundingClientRect())"
    assert browser.run(place)


@pytest.mark.parametrize("count", [0, 1, 30])
def test_it_fits_every_screen_in_both_schemes_and_on_paper(
    browser: Chromium, page: Page, random_choices: random.Random, count: int
) -> None:
    found = make_nights(random_choices, count)
    path = page(found)
    grounds = set()
    for width, is_dark in product((320, 400, 800, 1280, 3840), (False, True)):
        browser.look_like(width, 900, is_dark=is_dark)
        browser.open(path)
        assert browser.run("document.scrollingElement.scrollWidth") <= width
        assert browser.run(CLASHES) == []
        assert len(read_nodes(browser)) == len(found)
        grounds.add(browser.run("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2
    assert ("Nothing was tried yet" in browser.run("document.querySelector('main').innerText")) == (count == 0)
    browser.ask("Emulation.setEmulatedMedia", media="print")
    assert browser.run("getComputedStyle(document.querySelector('header')).display") == "none"
    still = {"name": "prefers-reduced-motion", "value": "reduce"}
    browser.ask("Emulation.setEmulatedMedia", media="", features=[still])
    moves = "one => parseFloat(getComputedStyle(one).transitionDuration)"
    assert not browser.run(f"[...document.querySelectorAll('*')].some({moves})")


def test_without_scripts_the_newest_stand_in_a_table(browser: Chromium, page: Page) -> None:
    story = make_story()
    path = page(story)
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(path)
        text = browser.run("document.querySelector('main').innerText")
        assert story[2].reason in text
        assert text.count(" UTC") == len(story)
        assert "agentkit evolve log" in browser.run("document.body.innerText")
        assert browser.run("getComputedStyle(document.querySelector('#drawn')).display") == "none"
    finally:
        browser.ask("Emulation.setScriptExecutionDisabled", value=False)
