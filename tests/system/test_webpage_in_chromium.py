import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from urllib.parse import quote

import networkx as nx
import pytest

from agentkit.depmap.building import build
from agentkit.depmap.document import Document, Mapped
from agentkit.depmap.edge import Edge, needs
from tests.conftest import SEED
from tests.depmap.maps import edge, records
from tests.depmap.oracle import declare, make_graph
from tests.depmap.test_webpage import HOSTILE, show
from tests.system.chromium import Chromium, look_anew, start_chromium

Page = Callable[..., Path]
Run = Callable[..., "subprocess.CompletedProcess[str]"]
# What the list says that falls (or is needed): [distance, name], with all that is only shown when it is asked for.
LISTED = """(id => {
  const buttons = () => [...document.querySelectorAll(`#${id} .quiet:not([hidden])`)];
  for (let more; (more = buttons().find(one => /^show/.test(one.textContent)));) more.click();
  return [...document.querySelectorAll(`#${id} li[data-node]`)].map(row =>
    [Number(row.closest('ul').previousSibling.dataset.level), row.querySelector('a').title]);
})"""
# The way to each, as the buttons show it.
WAYS = """(() => {
  document.querySelectorAll('#falls .way-there').forEach(button => button.click());
  return [...document.querySelectorAll('#falls li[data-node]')].map(row =>
    [row.querySelector('a').title, [...row.querySelectorAll('.way a')].map(one => one.title)]);
})()"""
# What of the picture is lit, by the whole name, once the pointer is on a cell.
LIT = "[...document.querySelectorAll('.cell.on')].map(one => one.title).sort()"
# Cells that lie on each other, or whose text runs out of them.
CLASHES = """(() => {
  const boxes = [...document.querySelectorAll('.cell, .step')].map(one => [one, one.getBoundingClientRect()]);
  const found = boxes.filter(([one]) => one.scrollHeight > one.clientHeight + 4).map(([one]) => one.textContent);
  boxes.forEach(([one, a], index) => boxes.slice(index + 1).forEach(([other, b]) => {
    if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
      found.push(one.textContent + ' on ' + other.textContent);
  }));
  return found;
})()"""
STORY = [
    edge("job:/etc/cron.d/node#1", "file:/usr/local/bin/report", "exec", file="/etc/cron.d/node", line=1),
    edge("file:/usr/local/bin/report", "func:/usr/local/bin/report#ask", "call", file="/usr/local/bin/report", line=9),
    edge("func:/usr/local/bin/report#ask", "cmd:fail2ban-client", "exec", file="/usr/local/bin/report", line=4),
    edge("cmd:fail2ban-client", "unit:fail2ban.service", "connect", file="/lib/fail2ban.service", line=25),
    edge("unit:fail2ban.service", "unit:nftables.service", "partof", file="/lib/fail2ban.service", line=3),
    edge("unit:fail2ban.service", "unit:network.target", "after", file="/lib/fail2ban.service", line=4),
    edge("func:/usr/local/bin/report#ask", "unknown:$x", "unknown", file="/usr/local/bin/report", line=5),
    edge("unit:nginx.service", "unit:sysinit.target"),
]
# What a timer starts falls with the timer; a target that wants a unit stays up.
TIMER = [
    edge("unit:backup.timer", "unit:backup.service", "triggers", file="/lib/backup.timer", line=5),
    edge("unit:backup.service", "unit:fail2ban.service", "wants", file="/lib/backup.service", line=2),
    edge("unit:multi-user.target", "unit:backup.service", "wants", file="/lib/multi-user.target", line=1),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """Return one browser for all that is asked here."""
    with start_chromium() as browser:
        yield browser


@pytest.fixture
def browser(chromium: Chromium) -> Iterator[Chromium]:
    with look_anew(chromium, 1280, 800) as browser:
        yield browser


@pytest.fixture
def page(own_environ: dict[str, str], tmp_path: Path) -> Page:
    """Return a function that makes a map of some edges and returns its page."""

    def make(edges: Sequence[Edge], *, documents: int = 1) -> Path:
        found = [Document("script", f"/etc/{number}") for number in range(documents)]
        build(own_environ, found, lambda _: Mapped(edges=tuple(edges)), stamp=str(hash(tuple(edges))), warn=print)
        path = tmp_path / "map.html"
        with path.open("wb") as file:
            words = [sys.executable, "-m", "agentkit", "depmap", "export", "--format", "html"]
            subprocess.run(words, stdout=file, timeout=120, check=True)
        return path

    return make


def read_list(browser: Chromium, which: str) -> list[tuple[int, str]]:
    return [(distance, name) for distance, name in browser.run(f"{LISTED}({json.dumps(which)})")]


def search(browser: Chromium, *keys: str) -> None:
    """Type into the search, from wherever the focus is; what was there before goes."""
    browser.run("document.activeElement.blur()")
    browser.press("/", *keys)


def read_title(browser: Chromium) -> str:
    name: str = browser.wait_for("document.title.includes(' on ') && document.title.split(' on ')[0]")
    return name


def test_a_click_shows_exactly_what_blast_prints_with_the_same_ways(
    browser: Chromium, page: Page, agentkit: Run
) -> None:
    choices = random.Random(SEED)
    asked = [([*STORY, *TIMER], ["unit:backup.timer", "unit:nftables.service", "job:/etc/cron.d/node#1"])]
    for _ in range(3):
        edges = declare(make_graph(choices), choices) or STORY
        names = sorted({one.source for one in edges} | {one.target for one in edges})
        asked.append((edges, choices.sample(names, min(4, len(names)))))
    for edges, names in asked:
        graph = nx.DiGraph([pair for pair in map(needs, edges) if pair])
        browser.open(page(edges))
        for name in names:
            search(browser, name, "Enter")
            browser.wait_for(f"document.title.startsWith({json.dumps(f'{name} on ')})")
            told = records(agentkit("depmap", "blast", "--json", name))
            assert read_list(browser, "falls") == [(one["distance"], one["node"]) for one in told]
            ways = {one["node"]: [one["of"], *one["via"], one["node"]] for one in told}  # type: ignore[misc]
            for node, way in browser.run(WAYS):
                # Of what falls directly the row itself is the way.
                assert way == ([] if len(ways[node]) == 2 else ways[node])
            assert browser.run("document.querySelector('#falls h2 .count').textContent") == str(len(told))
            away = nx.single_source_shortest_path_length(graph, name)
            assert read_list(browser, "needs") == sorted((far, other) for other, far in away.items() if other != name)


def test_the_whole_way_is_lit_under_the_pointer_and_a_click_makes_it_the_middle(browser: Chromium, page: Page) -> None:
    browser.open(page(STORY), "unit:fail2ban.service")
    way = ["unit:fail2ban.service", "cmd:fail2ban-client", "func:/usr/local/bin/report#ask"]
    spot = browser.run(
        "(box => [box.x + 20, box.y + 8])([...document.querySelectorAll('.cell')]"
        f".find(one => one.title === {json.dumps(way[-1])}).getBoundingClientRect())"
    )
    browser.ask("Input.dispatchMouseEvent", type="mouseMoved", x=spot[0], y=spot[1])
    browser.wait_for("document.querySelector('.sheet.lit')")
    assert browser.run(LIT) == sorted(way)
    assert browser.run("document.querySelectorAll('.line.on').length") == 2
    assert "exec line 4" in browser.run("document.querySelector('.told').textContent")
    for kind in ("mousePressed", "mouseReleased"):
        browser.ask("Input.dispatchMouseEvent", type=kind, x=spot[0], y=spot[1], button="left", clickCount=1)
    browser.wait_for("document.querySelector('.cell.own').title.startsWith('func:')")
    assert read_title(browser) == way[-1]
    assert read_list(browser, "falls") == [(1, "file:/usr/local/bin/report"), (2, "job:/etc/cron.d/node#1")]
    # Nothing falls along `after` and `unknown`: they are edges, and no more.
    assert {name for _, name in read_list(browser, "needs")} == {*way[:2], "unit:nftables.service"}
    assert browser.run("document.querySelector('#edges a[title=\"unknown:$x\"]') !== null")


def test_a_search_forgives_slips_counts_kinds_and_says_what_it_found(browser: Chromium, page: Page) -> None:
    browser.open(page(STORY))
    results = "[...document.querySelectorAll('#results li')].map(one => one.title)"
    for query, first, found in (
        ("fail2ban", "unit:fail2ban.service", "2 found"),
        ("REPORT ask", "func:/usr/local/bin/report#ask", "1 found"),
        ("fial2ban", "unit:fail2ban.service", "nearest"),
        ("nignx", "unit:nginx.service", "nearest"),
        ("nftabels.servce", "unit:nftables.service", "nearest"),
        ("qqqqqqqq", None, "nothing is called"),
    ):
        search(browser, query)
        shown = browser.run(results)
        assert (first is None) or first in shown[:2], (query, shown)
        told = browser.run("document.querySelector('#found').textContent")
        assert found in told
        assert browser.run("document.querySelector('#said').textContent") == told
    browser.press("Escape")
    browser.click("#kinds .chip[data-kind='unit']")
    assert {name.partition(":")[0] for name in browser.run(results)} == {"unit"}
    assert len(browser.run(results)) == 5
    assert browser.run("document.querySelector('#kinds [data-kind=unit]').getAttribute('aria-pressed')") == "true"


def test_keys_alone_lead_everywhere_and_back(browser: Chromium, page: Page) -> None:
    focus = "document.activeElement"
    browser.open(page(STORY))
    browser.press("/", "service", "ArrowDown")
    chosen = browser.run("document.querySelector('#results [aria-selected=true]').title")
    assert browser.run(f"document.getElementById({focus}.getAttribute('aria-activedescendant')).title") == chosen
    browser.press("Enter")
    assert read_title(browser) == chosen
    assert browser.run(f"{focus}.id") == "node"
    browser.press("/", "fail2ban.s", "Enter")
    browser.wait_for("document.title.startsWith('unit:fail2ban')")
    browser.press("b")
    assert browser.run(f"{focus}.title") == "cmd:fail2ban-client"
    browser.press("ArrowDown")
    assert browser.run(f"{focus}.title") == "func:/usr/local/bin/report#ask"
    browser.press("w")
    steps = "[...document.querySelectorAll('.way a')].map(one => one.title)"
    assert browser.run(steps) == ["unit:fail2ban.service", "cmd:fail2ban-client", "func:/usr/local/bin/report#ask"]
    browser.press("d")
    assert browser.run(f"{focus}.title") == "unit:nftables.service"
    browser.press("p", "ArrowRight", "ArrowRight")
    assert browser.run(f"{focus}.title") == "func:/usr/local/bin/report#ask"
    assert browser.run(f"{LIT}.length") == 3
    assert browser.run(f"getComputedStyle({focus}).outlineStyle") == "solid"
    browser.press("Enter")
    browser.wait_for("document.title.startsWith('func:')")
    browser.run("history.back()")
    browser.wait_for("document.title.startsWith('unit:fail2ban')")
    assert browser.run("document.querySelector('h1').textContent") == "unitfail2ban.service"
    browser.press("o")
    browser.wait_for("document.querySelector('.tiles')")
    browser.press("?")
    assert browser.run("document.querySelector('dialog').open")
    browser.press("Escape", "/", "x", "Escape", "Escape")
    assert browser.run(f"[document.querySelector('dialog').open, {focus}.id]") == [False, "node"]
    browser.press("?")
    browser.click("#letters")
    browser.press("Escape", "/", "?", "o")
    assert browser.run(f"[document.querySelector('dialog').open, {focus}.id]") == [False, "node"]
    browser.click("#ask")
    browser.click("#letters")
    browser.press("Escape", "/")
    assert browser.run(f"{focus}.id") == "query"
    browser.press("Escape")
    seen = []
    for _ in range(6):
        browser.press("Tab")
        seen.append(browser.run(f"{focus}.tagName"))
    assert "BODY" not in seen[:5]


def test_an_address_opens_its_node_and_one_that_is_none_is_searched(browser: Chromium, page: Page) -> None:
    path = page(STORY)
    for address, node in (
        ("unit:fail2ban.service", "unit:fail2ban.service"),
        ("func:/usr/local/bin/report%23ask", "func:/usr/local/bin/report#ask"),
        ("func:/usr/local/bin/report#ask", "func:/usr/local/bin/report#ask"),
        ("fail2ban.service", "unit:fail2ban.service"),
        ("report#ask", "func:/usr/local/bin/report#ask"),
    ):
        browser.open(path, address)
        assert read_title(browser) == node
    browser.open(path, "unit:fail2ban.servise")
    assert "not in this map" in browser.run("document.querySelector('[role=alert]').textContent")
    assert browser.run("document.querySelector('#results li').title") == "unit:fail2ban.service"
    browser.open(path, "%zz")
    assert browser.run("document.querySelector('.tiles') !== null")


def test_the_overview_counts_and_names_the_worst(browser: Chromium, page: Page) -> None:
    twins = [edge("cmd:a", "file:/opt/a/VERSION"), edge("cmd:b", "file:/opt/b/VERSION")]
    browser.open(page([*STORY, *twins, *(edge(f"cmd:c{number}", "host:db") for number in range(40))]))
    browser.wait_for("document.querySelector('.card') && !document.querySelector('[aria-busy]')")
    tiles = browser.run("[...document.querySelectorAll('.tiles dd')].map(one => one.textContent)")
    assert tiles == ["55", "50", "1", "0"]
    cards = browser.run(
        "Object.fromEntries([...document.querySelectorAll('.card')].map(card => ["
        "  card.querySelector('.kind').textContent, [...card.querySelectorAll('.row')].map(row => ["
        "    row.querySelector('a').title, row.querySelector('.count').textContent])]))"
    )
    assert next(iter(cards)) == "host"
    # One file that is called as another one is told with its folder.
    shown = browser.run(
        "[...document.querySelectorAll('.card .whole')].map(one => one.querySelector('.rest').textContent)"
    )
    assert shown == ["/opt/a/VERSION", "/opt/b/VERSION"]
    assert cards["host"] == [["host:db", "40"]]
    assert cards["unit"][:2] == [["unit:nftables.service", "5"], ["unit:fail2ban.service", "4"]]
    results = browser.run("[...document.querySelectorAll('#results li')].map(one => one.title)")
    assert results[:3] == ["host:db", "unit:nftables.service", "unit:fail2ban.service"]
    assert "eval" in browser.run("document.querySelector('#unknowns').textContent")
    # More than fit: the rest is said, and is in the list.
    browser.click(".card a[title='host:db']")
    browser.wait_for("document.title.startsWith('host:db')")
    assert browser.run("document.querySelector('.rest-of').textContent") == "and 29 more"
    assert len(read_list(browser, "falls")) == 40
    # Back, one reads on where one was.
    browser.run("window.scrollTo(0, 500)")
    browser.click("#falls a[title='cmd:c30']")
    browser.wait_for("document.title.startsWith('cmd:c30')")
    assert browser.run("window.scrollY") == 0
    browser.run("history.back()")
    browser.wait_for("document.title.startsWith('host:db') && window.scrollY > 100")


def test_names_that_are_markup_do_nothing(browser: Chromium, page: Page) -> None:
    path = page([edge("job:root", name, file=name.partition(":")[2] or "/x") for name in HOSTILE])
    elements = (
        "[...document.querySelectorAll('*')].map(one => one.tagName).filter(tag => /IMG|IFRAME|OBJECT/.test(tag))"
    )
    browser.open(path, "job:root")
    assert {name for _, name in read_list(browser, "needs")} == set(map(show, HOSTILE))
    scripts = browser.run("document.scripts.length")
    # Letters that run from right to left leave what is beside them where it is.
    isolations = "[...document.querySelectorAll('.row .rest')].map(one => getComputedStyle(one).unicodeBidi)"
    assert set(browser.run(isolations)) == {"isolate"}
    for name in map(show, HOSTILE):
        browser.run(f"location.hash = {json.dumps('#' + quote(name, safe=''))}")
        browser.wait_for(f"document.title.startsWith({json.dumps(name.rstrip(':') and name)})")
        assert read_list(browser, "falls") == [(1, "job:root")]
        search(browser, name[:30])
        assert browser.run("document.querySelectorAll('#results li').length") >= 1
        browser.press("Escape", "Escape")
    assert (browser.run(elements), browser.run("document.scripts.length")) == ([], scripts)


def test_names_are_as_short_as_they_can_be_and_what_stands_twice_is_told_once(browser: Chromium, page: Page) -> None:
    call = edge("py:shop.till:Till.pay", "py:shop.bank:send", "call", file="/opt/shop/till.py", line=3)
    script = "cmd:" + "print(1);" * 50
    browser.open(page([call, edge("py:shop.till", script, "exec")], documents=2), "py:shop.bank:send")
    cells = "[...document.querySelectorAll('.cell .rest')].map(one => one.textContent)"
    assert browser.run(cells) == ["bank:send", "till:Till.pay"]
    assert browser.run("document.querySelector('#edges h2').textContent") == "Edges 1"
    rows = browser.run("[...document.querySelectorAll('.edge-rows li')].map(one => one.textContent)")
    assert len(rows) == 1
    assert "/opt/shop/till.py:3" in rows[0]
    browser.press("o")
    browser.click("#results li[title^='cmd:print']")
    assert read_title(browser) == script
    assert browser.run("document.querySelector('h1 .rest').textContent") == script[4:]
    assert 0 < browser.run("document.querySelector('#results li[title^=cmd] .rest').textContent.length") < 200


def test_a_name_that_looks_like_a_number_of_the_page_is_a_name(browser: Chromium, page: Page) -> None:
    browser.open(page([edge("job:a", "~0"), edge("job:b", "~0")]))
    browser.click("#results li[title='~0']")
    assert read_title(browser) == "~0"


def test_of_a_way_of_thousands_of_steps_only_so_much_is_drawn_until_more_is_asked_for(
    browser: Chromium, page: Page
) -> None:
    chain = [edge(f"unit:u{number:04}", f"unit:u{number + 1:04}") for number in range(3000)]
    browser.open(page(chain), "unit:u3000")
    assert browser.run("document.querySelectorAll('*').length") < 2000
    last = "[...document.querySelectorAll('#falls .row a.name')].at(-1)"
    browser.run(f"{last}.dispatchEvent(new Event('focusin', {{bubbles: true}}))")
    told = browser.run("document.querySelector('.told').textContent")
    assert told.startswith("u3000 → u2999 ")
    assert "… 21 more …" in told
    assert told.count("→") < 22
    assert read_list(browser, "falls") == [(3000 - number, f"unit:u{number:04}") for number in range(2999, -1, -1)]


def test_it_fits_a_telephone_and_a_wide_screen_in_both_schemes(browser: Chromium, page: Page) -> None:
    many = [edge(f"file:/opt/{number}/{'long-name-' * 9}{number}", f"cmd:{number % 9}") for number in range(60)]
    path = page([*STORY, *many, *(edge(f"cmd:{number}", "unit:fail2ban.service") for number in range(9))])
    grounds = set()
    for width, is_dark in product((320, 400, 800, 1280, 1920), (False, True)):
        browser.look_like(width, 800, is_dark=is_dark)
        for address in ("", "unit:fail2ban.service", "cmd:3"):
            browser.open(path, address)
            assert browser.run("document.scrollingElement.scrollWidth") <= width
            assert browser.run(CLASHES) == []
        grounds.add(browser.run("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2
    browser.look_like(400, 800)
    browser.open(path)
    browser.press("/", "fail2ban.s", "Enter")
    assert read_title(browser) == "unit:fail2ban.service"
    assert browser.run("getComputedStyle(document.querySelector('#finder')).display") == "none"
    browser.ask("Emulation.setEmulatedMedia", media="print")
    assert browser.run("getComputedStyle(document.querySelector('header')).display") == "none"
    browser.ask("Emulation.setEmulatedMedia", media="")
