// The start: how large the map is, with what most others fall, and what the map does not know.
"use strict";

const WORST = 5; // of each kind

// Show the overview in `main`; `choose(kind)` shows all nodes of a kind.
function showOverview(map, main, choose) {
  const reasons = countReasons(map);
  const unknown = [...reasons.values()].reduce((sum, count) => sum + count, 0);
  const tiles = [
    [map.nodeCount, map.nodeCount === 1 ? "thing" : "things"],
    [map.edgeCount, map.edgeCount === 1 ? "edge" : "edges"],
    [unknown, "not resolved"],
    [map.remarks.size, "read in part"],
  ];
  const tile = ([count, text]) => make("div", {}, make("dd", {}, tell(count)), make("dt", {}, text));
  const worst = make("div", { className: "cards", "aria-busy": "true" }, make("p", { className: "dim" }, "counting\u2026"));
  main.replaceChildren(
    make("h1", { tabIndex: -1, id: "node" }, "What falls when this falls"),
    make("p", { className: "sum" }, tellAge(map)),
    make("dl", { className: "tiles" }, ...tiles.map(tile)),
    make(
      "section",
      { id: "worst" },
      make("h2", {}, "Worst single points"),
      make("p", { className: "dim" }, "how many other things fall with each"),
      worst,
    ),
    makeUnknowns(map, reasons, unknown, choose),
    makeRemarks(map),
  );
  showWorst(map, choose);
}

// Fill in what takes a while to count; it may be there before the overview is, or after that has gone.
function showWorst(map, choose) {
  const place = document.querySelector("#worst .cards");
  if (!place || !map.worst) return;
  const cards = map.worst.map(([kind, counted]) => makeCard(map, kind, counted, map.worst[0][1][0][1], choose));
  place.replaceChildren(...(cards.length ? cards : [make("p", { className: "dim" }, "Nothing falls with anything.")]));
  place.removeAttribute("aria-busy");
}

function makeCard(map, kind, counted, most, choose) {
  const names = counted.map(([node]) => shorten(map.names[node]));
  const rows = counted.map(([node, count], place) => {
    const hasTwin = names.indexOf(names[place]) !== names.lastIndexOf(names[place]);
    const link = hasTwin ? linkTo(map, node) : linkTo(map, node, names[place]);
    link.classList.toggle("whole", hasTwin);
    const bar = make("span", { className: "bar", "aria-hidden": "true" });
    bar.style.width = `${Math.max(1, (100 * count) / most)}%`;
    return make("li", { className: "row" }, link, countOf(count), bar);
  });
  const total = tell(map.kinds.find((one) => one.name === kind).count);
  const all = makeSmallButton(`all ${total}`, () => choose(kind), { "aria-label": `all ${total} of kind ${kind}` });
  return make("div", { className: "card" }, make("h3", {}, makeKind(kind), all), make("ol", { className: "rows" }, ...rows));
}

function countReasons(map) {
  const counts = new Map();
  for (let edge = 0; edge < map.edgeCount; edge++) {
    const [kind, , , , , , reason] = map.details[map.detail[edge]];
    if (kind === "unknown") counts.set(reason || "no reason given", (counts.get(reason || "no reason given") || 0) + 1);
  }
  return counts;
}

function makeUnknowns(map, reasons, total, choose) {
  const section = make("section", { id: "unknowns" }, make("h2", {}, "Not resolved ", countOf(total)));
  if (!total) return section;
  const list = make("ul", { className: "rows reasons" });
  const button = fillList(list, [...reasons].sort((a, b) => b[1] - a[1]), 20, ([reason, count]) =>
    make("li", { className: "row" }, countOf(count), make("bdi", {}, reason)));
  section.append(
    make("p", { className: "dim" }, "what depends on these may be more than the map says ", makeSmallButton("list them", () => choose("unknown"))),
    list,
    button,
  );
  return section;
}

function makeRemarks(map) {
  if (!map.remarks.size) return "";
  const items = [...map.remarks].sort((a, b) => a[0] - b[0]);
  const list = make("ul", { className: "rows" });
  const button = fillList(list, items, 20, ([node, remarks]) =>
    make("li", { className: "row" }, linkTo(map, node), make("bdi", { className: "by" }, remarks.flat().join(", "))));
  return make("section", { id: "remarks" }, make("h2", {}, "Read in part ", countOf(map.remarks.size)), list, button);
}

// A map is of one hour; whoever opens the page a week later has to see that.
function tellAge(map) {
  const root = map.root === "/" ? "" : `, of the files in ${map.root}`;
  if (!map.built) return `${map.host}${root}: nothing was built, this is what is seen and declared`;
  const built = new Date(map.built);
  const date = built.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
  return `${map.host}${root}, as it was on ${date} UTC (${tellAgo(Date.now() - built)})`;
}

function tellAgo(milliseconds) {
  const minutes = Math.round(Math.abs(milliseconds) / 60000);
  const time = minutes < 90 ? `${minutes} min` : minutes < 2880 ? `${Math.round(minutes / 60)} h` : say(Math.round(minutes / 1440), "day");
  return milliseconds < -60000 ? `in ${time}: one of the clocks is wrong` : `${time} ago`;
}
