// The search: results while one types, kinds as filters, everything by keys (a combobox with a list, WAI-ARIA 1.2).
"use strict";

const RESULTS = 100;

// Set up the search; `open(node)` is called for the one that is chosen.
function setUpFinder(map, open) {
  const [query, list, found, more, kinds] = ["query", "results", "found", "more", "kinds"].map(byId);
  const wanted = new Set();
  let [nodes, active, shown] = [[], -1, 0];

  const chips = map.kinds.map((kind) => makeChip(kind.name, kind.count, wanted, () => refresh()));
  const inOrder = map.kinds.map((_, number) => number).sort((a, b) => map.kinds[b].count - map.kinds[a].count);
  kinds.append(...inOrder.map((number) => chips[number]));

  function refresh(isTyped = true) {
    const result = searchNodes(map, query.value, wanted);
    nodes = result.nodes;
    [active, shown] = [-1, 0];
    list.replaceChildren();
    list.scrollTop = 0;
    showMore();
    chips.forEach((chip, number) => {
      const count = result.counts[number];
      chip.querySelector(".count").textContent = tell(count);
      chip.classList.toggle("empty", !count);
      chip.setAttribute("aria-pressed", wanted.has(map.kinds[number].name));
    });
    const text = query.value.trim();
    found.textContent = tellFound(text, result.isNear);
    activate(text && nodes.length ? 0 : -1);
    if (isTyped) announce(found.textContent);
  }

  function tellFound(text, isNear) {
    if (isNear) return `nothing is called \u201c${text}\u201d${nodes.length ? "; nearest:" : ""}`;
    const what = text ? "found" : wanted.size ? [...wanted].join(", ") : "in the map";
    // Among what was found, how well it fits comes before how much falls with it.
    return `${tell(nodes.length)} ${what}${map.estimate && !text ? ", the worst first" : ""}`;
  }

  function showMore() {
    const items = nodes.slice(shown, shown + RESULTS).map((node, index) => {
      const name = map.names[node];
      const properties = { id: `result-${shown + index}`, role: "option", "aria-selected": "false", title: name };
      return make("li", properties, ...makeName(map, node, cut(restOf(name))));
    });
    list.append(...items);
    shown += items.length;
    more.hidden = shown >= nodes.length;
    more.textContent = `show ${Math.min(RESULTS, nodes.length - shown)} of ${tell(nodes.length - shown)} more`;
  }

  function activate(index) {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = index;
    const option = list.children[active];
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) query.setAttribute("aria-activedescendant", option.id);
    else query.removeAttribute("aria-activedescendant");
  }

  function take(index) {
    if (nodes[index] === undefined) return;
    activate(index);
    leave();
    open(nodes[index]);
  }

  // On a narrow screen what was found lies over the page only as long as one searches.
  function leave() {
    document.body.classList.remove("finding");
    query.blur();
  }

  query.addEventListener("input", () => refresh());
  query.addEventListener("focus", () => document.body.classList.add("finding"));
  query.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (steps) {
      event.preventDefault();
      if (active + steps >= shown && shown < nodes.length) showMore();
      if (nodes.length) activate(Math.max(0, Math.min(shown - 1, active + steps)));
    } else if (event.key === "Enter") {
      take(Math.max(0, active));
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (query.value) {
        query.value = "";
        refresh();
      } else {
        leave();
        byId("node")?.focus({ preventScroll: true });
      }
    }
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("li");
    if (option) take(Array.prototype.indexOf.call(list.children, option));
  });
  // A press on the list must not take the focus from the search, or a narrow screen hides the list before the click.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  more.addEventListener("click", () => showMore());
  byId("close").addEventListener("click", leave);
  refresh(false);

  return {
    leave,
    choose(kind) {
      wanted.clear();
      wanted.add(kind);
      query.value = "";
      refresh();
      document.body.classList.add("finding");
      query.focus();
    },
    // The worst come first, once it is known which those are; whoever is reading is not disturbed.
    sort() {
      if (document.activeElement !== query && list.scrollTop === 0 && shown <= RESULTS) refresh(false);
    },
    fill(text) {
      query.value = text;
      refresh();
    },
  };
}
