// The page of one node: what it is, the picture, what falls with it, what it needs, its edges.
"use strict";

const HINT = "failure runs from left to right; point at something to see the way, click it to make it the middle";

// Show the node in `main`; return what falls with it, as `spread` does.
function showNode(map, main, node) {
  const blast = spread(map, node, true);
  const needs = spread(map, node, false);
  const place = make("div", { className: "picture", id: "picture", role: "group" });
  place.setAttribute("aria-label", "what it depends on, to the left, and what falls with it, to the right");
  const told = make("p", { className: "told" });
  let sheet = null;
  const tellWay = (one, isBlast) => {
    const found = isBlast ? blast : needs;
    told.replaceChildren(...tellSteps(map, found, one));
    return wayTo(found, one);
  };
  const look = (side) => (one) => {
    if (one === null) told.replaceChildren(HINT);
    sheet?.lightUp(one === null ? undefined : one, side);
  };
  const sides = blast.count && needs.count ? "reaches" : "reaches one";
  const lists = make("div", { className: sides }, makeReach(map, blast, look(1)), makeReach(map, needs, look(-1)));
  const picture = blast.count || needs.count ? [place, told] : [];
  main.replaceChildren(makeHead(map, node, blast, needs), ...picture, lists, makeEdges(map, node));
  const draw = () => {
    sheet = drawPicture(map, place, place.clientWidth - 24, blast, needs, tellWay);
    sheet.addEventListener("pointerleave", () => told.replaceChildren(HINT));
  };
  told.replaceChildren(HINT);
  if (picture.length) draw();
  return { blast, draw: picture.length ? draw : null };
}

const SHOWN_STEPS = 10; // at each end of a way

// Return the way in one line: with what it falls first, by which edge, and where.
function tellSteps(map, found, node) {
  const way = wayTo(found, node);
  return way.flatMap((one, index) => {
    const left = way.length - index;
    if (index >= SHOWN_STEPS && left > SHOWN_STEPS) return index === SHOWN_STEPS ? [` \u2026 ${tell(way.length - 2 * SHOWN_STEPS)} more \u2026 `] : [];
    const name = make("bdi", { className: "on-way" }, shorten(map.names[one]));
    if (!index) return [name];
    return [found.isBlast ? " \u2192 " : " \u2190 ", name, " ", makeBy(map, found, one)];
  });
}

function makeHead(map, node, blast, needs) {
  const heading = make("h1", { tabIndex: -1, id: "node" }, ...makeName(map, node));
  const steps = (found) => (found.levels.length > 1 ? `, up to ${found.levels.length} steps away` : "");
  const falls = blast.count ? `${say(blast.count, "thing falls", "things fall")} with it${steps(blast)}` : "Nothing falls with it";
  const depends = needs.count ? `it depends on ${say(needs.count, "thing")}${steps(needs)}` : "it depends on nothing";
  const head = make("div", { className: "head" }, heading);
  head.append(make("p", { className: "sum" }, make(blast.count ? "strong" : "span", {}, falls), ` \u00b7 ${depends}`));
  const facts = [];
  const names = map.otherNames.get(node);
  if (names) facts.push(["also", names.join(", ")]);
  const places = map.places.get(node) || [];
  const own = restOf(map.names[node]);
  const told = places.map(([file, line]) => (line ? `${file}:${line}` : file)).filter((place) => place !== own);
  if (told.length) facts.push(["defined", told.join(", ")]);
  for (const [remark] of map.remarks.get(node) || []) facts.push(["remark", remark]);
  if (facts.length) {
    const rows = facts.flatMap(([title, text]) => [make("dt", {}, title), make("dd", {}, make("bdi", {}, text))]);
    head.append(make("dl", { className: "facts" }, ...rows));
  }
  return head;
}
