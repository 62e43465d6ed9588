// How a name is shown: its kind, then what it is called.
"use strict";

function makeKind(kind) {
  return make("span", { className: "kind", "data-kind": kind }, kind || "?");
}

// Before what stands in a file, its name: func:/opt/run.sh#main, py:run:main.
const INSIDE = { func: "#", py: ":" };

// Right-to-left letters in a name must not move the text around it, hence <bdi>. A function is a part of its own: where
// there is little room it is the last to be cut.
function makeName(map, node, text = restOf(map.names[node])) {
  const kind = map.kinds[map.kindOf[node]].name;
  const spot = Object.hasOwn(INSIDE, kind) ? text.indexOf(INSIDE[kind]) : -1;
  const parts = spot < 0 ? [text || "\u201c\u201d"] : [text.slice(0, spot), text.slice(spot)];
  const rest = make("bdi", { className: "rest" }, make("span", {}, parts[0]), parts[1] && make("span", {}, parts[1]));
  return [makeKind(kind), rest];
}

function linkTo(map, node, text = cut(restOf(map.names[node]))) {
  const address = `#${toAddress(map, node)}`;
  return make("a", { className: "name", href: address, title: map.names[node] }, ...makeName(map, node, text));
}
