// The lists of a node: what falls with it and what it needs, by distance, with the way there; and its edges.
"use strict";

// Rows of a distance, of a list as a whole and of edges, until a person asks for more: what is not seen costs time too.
const SHOWN = 30;
const SHOWN_AT_ALL = 90;
const SHOWN_LEVELS = 40;
const SHOWN_EDGES = 40;

// Return the section with all that was found, the nearest first. `look(node)` is called for what is pointed at.
function makeReach(map, found, look) {
  const id = found.isBlast ? "falls" : "needs";
  const section = make("section", { id, className: "reach", "aria-labelledby": `${id}-title` });
  const title = found.isBlast ? "Falls with it" : "It depends on";
  const nothing = found.isBlast ? "Nothing falls with it." : "It depends on nothing.";
  const heading = make("h2", { id: `${id}-title`, tabIndex: -1 }, title, " ", countOf(found.count));
  if (!found.count) {
    section.append(heading, make("p", { className: "dim" }, nothing));
    return section;
  }
  const wanted = new Set();
  const groups = make("div", { className: "groups" });
  const draw = () => groups.replaceChildren(...makeGroups(map, found, wanted, look));
  section.append(heading, makeKindChips(map, found, wanted, draw), groups);
  draw();
  return section;
}

function makeKindChips(map, found, wanted, redraw) {
  const counts = new Map();
  for (const level of found.levels) {
    for (const node of level) counts.set(map.kindOf[node], (counts.get(map.kindOf[node]) || 0) + 1);
  }
  const kinds = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  const chips = kinds.map(([kind, count]) => makeChip(map.kinds[kind].name, count, wanted, redraw));
  return make("div", { className: "chips", role: "group", "aria-label": "only of these kinds" }, ...chips);
}

// Return a button that takes a kind into the set of wanted ones and out of it again.
function makeChip(kind, count, wanted, redraw) {
  const chip = make("button", { type: "button", className: "chip", "data-kind": kind }, kind || "?", " ", countOf(count));
  chip.setAttribute("aria-pressed", wanted.has(kind));
  chip.addEventListener("click", () => {
    if (!wanted.delete(kind)) wanted.add(kind);
    chip.setAttribute("aria-pressed", wanted.has(kind));
    redraw();
  });
  return chip;
}

function makeGroups(map, found, wanted, look) {
  const isWanted = (node) => !wanted.size || wanted.has(map.kinds[map.kindOf[node]].name);
  const levels = found.levels.map((level, index) => [index, level.filter(isWanted)]).filter(([, nodes]) => nodes.length);
  const groups = make("div");
  let room = SHOWN_AT_ALL;
  const button = fillList(groups, levels, SHOWN_LEVELS, ([index, nodes]) => {
    const steps = index ? `${index + 1} steps away` : "directly";
    const heading = make("h3", { "data-level": index + 1, tabIndex: -1 }, steps, " ", countOf(nodes.length));
    const list = make("ul", { className: "rows" });
    const most = Math.max(3, Math.min(SHOWN, room));
    room -= Math.min(most, nodes.length);
    const button = fillList(list, nodes, most, (node) => makeRow(map, found, node, look));
    return make("div", {}, heading, list, button);
  });
  return [groups, button];
}

// Return a row: the node, by which edge it is tied to the one before it, and a button for the whole way.
function makeRow(map, found, node, look) {
  const row = make("li", { className: "row", "data-node": node });
  if (found.before[node] !== found.node) {
    const open = (event) => toggleWay(map, found, node, row, event.target);
    const label = { "aria-expanded": "false", "aria-label": `the way to ${map.names[node]}` };
    row.append(makeSmallButton("way", open, { className: "quiet way-there", ...label }));
  }
  row.append(linkTo(map, node), makeBy(map, found, node));
  row.addEventListener("pointerenter", () => look(node));
  row.addEventListener("focusin", () => look(node));
  row.addEventListener("pointerleave", () => look(null));
  row.addEventListener("focusout", () => look(null));
  return row;
}

// Return by which edge a node is tied to the one before it. Who falls names the file already, most of the time.
function makeBy(map, found, node) {
  const edge = tellEdge(map, found.edgeTo[node]);
  const isOwn = edge.line && isIn(map, node, edge.file);
  const place = make("bdi", {}, isOwn ? `line ${edge.line}` : edge.place);
  return make("span", { className: "by", title: edge.place }, make("b", {}, edge.kind), " ", place);
}

function toggleWay(map, found, node, row, button) {
  const shown = row.querySelector(".way");
  button.setAttribute("aria-expanded", !shown);
  if (shown) shown.remove();
  else row.append(makeWay(map, found, node));
}

// Return the way as a list: each step is who falls (or is needed) next, by which edge, and where that stands.
function makeWay(map, found, node) {
  const steps = wayTo(found, node).map((one, index) => {
    return make("li", {}, linkTo(map, one), index && makeBy(map, found, one));
  });
  return make("ol", { className: "way", "aria-label": found.isBlast ? "it falls by this way" : "it is needed by this way" }, ...steps);
}

// Return the section with all edges of a node, those from it first.
function makeEdges(map, node) {
  const edgesOf = ({ starts, edges }) => dropTwins(map, edges.subarray(starts[node], starts[node + 1]));
  const from = edgesOf(map.bySource);
  const to = edgesOf(map.byTarget).filter((edge) => map.source[edge] !== node);
  const heading = make("h2", { tabIndex: -1 }, "Edges ", countOf(from.length + to.length));
  const section = make("section", { id: "edges", className: "edges" }, heading);
  for (const [title, edges, ends] of [["leads to", from, map.target], ["is led to by", to, map.source]]) {
    if (!edges.length) continue;
    const list = make("ul", { className: "rows edge-rows" });
    const button = fillList(list, edges, SHOWN_EDGES, (edge) => makeEdgeRow(map, edge, ends[edge]));
    section.append(make("h3", {}, title, " ", countOf(edges.length)), list, button);
  }
  return section;
}

// A module that two documents of the map reach is read for each: its edges are there twice, side by side.
function dropTwins(map, edges) {
  const columns = [map.file, map.line, map.source, map.target, map.detail, map.inFunction];
  const isTwin = (edge, other) => columns.every((column) => column[edge] === column[other]);
  return Array.from(edges).filter((edge, place) => !place || !isTwin(edge, edges[place - 1]));
}

function makeEdgeRow(map, edge, other) {
  const told = tellEdge(map, edge);
  const how = told.confidence < 1 ? `${told.how} ${Math.round(told.confidence * 100)} %` : told.how;
  const notes = [told.rule, told.via && `via ${told.via}`, how, !told.falls && "nothing falls along it", told.reason];
  return make(
    "li",
    { className: told.confidence < 1 ? "row unsure" : "row" },
    make("b", { className: "edge-kind" }, told.kind),
    linkTo(map, other),
    make("bdi", { className: "by" }, told.place),
    make("span", { className: "notes" }, notes.filter(Boolean).join(" \u00b7 ")),
  );
}

// Bring a distance of one of the lists to where it is seen.
function goToLevel(id, level) {
  const heading = document.querySelector(`#${id} h3[data-level="${level}"]`) || document.querySelector(`#${id} h2`);
  heading?.scrollIntoView({ block: "start" });
  heading?.focus({ preventScroll: true });
}
