// What is told in words: how the last night went, what is filtered, and the table of the newest.
"use strict";

const SINCE = [["last 24 h", DAY_S], ["7 days", 7 * DAY_S], ["30 days", 30 * DAY_S], ["all", Infinity]];
const SHOWN_ROWS = 50;

// Say what became of a day's work; `open(kinds)` shows what such a number counts.
function tellNight(family, members, open) {
  const last = members.filter((one) => family.at - one.at <= DAY_S);
  const sum = byId("sum");
  const until = `the 24 hours before ${tellMoment(family.at)}`;
  if (!last.length) {
    const newest = members.at(-1);
    const ago = newest ? `; the newest of ${say(members.length, "candidate")} is from ${tellMoment(newest.at)}` : "";
    sum.replaceChildren(`Nothing was tried in ${until}${ago}.`);
    return;
  }
  const counts = countKinds(last);
  const kinds = Object.keys(KINDS).filter((kind) => counts[kind]);
  const makeCount = (text, wanted, name) => makeSmallButton(text, () => open(wanted), { className: `quiet told-kind ${name}` });
  const parts = kinds.flatMap((kind) => [", ", makeCount(`${tell(counts[kind])} ${KINDS[kind].label}`, [kind], kind)]);
  sum.replaceChildren(`In ${until}: `, makeCount(`${tell(last.length)} tried`, [], "all"), ...parts, ".");
}

// Say how a tree begins, where there is none.
function showNothing() {
  const picture = draw("svg", { viewBox: "0 0 120 60", "aria-hidden": "true" });
  picture.append(draw("path", { d: "M4 20H70", class: "trunk" }), draw("path", { d: "M70 20H116", class: "trunk thin" }));
  picture.append(draw("path", { d: "M74 20C92 20 92 28 92 48", class: "branch" }));
  picture.append(draw("path", { d: KINDS.kept.mark, class: "node kept", transform: "translate(70 20) scale(1.3)" }));
  picture.append(draw("path", { d: KINDS.rejected.mark, class: "node rejected", transform: "translate(92 48)" }));
  const how = make("code", {}, "agentkit evolve try --propose 'PROGRAM\u2026'");
  const text = "Each change that is tried will stand here: those kept along the trunk, all others below it.";
  const told = make("div", { className: "nothing" }, picture, make("h2", {}, "Nothing was tried yet"), make("p", {}, text), how);
  byId("query").closest(".search").hidden = true;
  byId("list").replaceWith(told);
}

// The figures that one wants first: how much was kept, what it cost, and how each metric moved.
function showTiles(family, members) {
  const counts = countKinds(members);
  const share = members.length ? `${Math.round((100 * counts.kept) / members.length)}\u00a0%` : "";
  const tiles = [["tried", tell(members.length)], ["kept", tell(counts.kept), share]];
  if (members.some((one) => one.cost !== undefined)) tiles.push(["cost", tellCost(sumOf(members, "cost"))]);
  tiles.push(["time at work", tellDuration(sumOf(members, "duration"))]);
  for (const metric of metricsOf(family, members).slice(0, 4)) {
    const kept = members.filter((one) => one.isTrunk && measured(one, metric));
    if (!kept.length) continue;
    const [first, last] = [measured(kept[0], metric), measured(kept.at(-1), metric).now];
    const from = first.best ?? first.now;
    const isBetter = metric.direction === "higher" ? last > from : last < from;
    const verdict = last === from ? "same" : isBetter ? "better" : "worse";
    const change = last === from || !from ? "" : tellPart(from, last);
    tiles.push([metric.name, tellAmount(last, metric.unit), change && `${change}, ${verdict}`, verdict]);
  }
  byId("tiles").replaceChildren(...tiles.map(([name, value, more, verdict]) => {
    const note = more && make("span", { className: `change ${verdict || ""}` }, more);
    return make("div", {}, make("dt", {}, make("bdi", {}, name)), make("dd", {}, value, " ", note));
  }));
}

function fillChips(id, items, isPressed, press) {
  const chips = items.map(([key, ...children]) => {
    const chip = make("button", { type: "button", className: "chip", "aria-pressed": String(isPressed(key)), "data-key": key }, ...children);
    chip.addEventListener("click", () => {
      press(key);
      byId(id).querySelector(`[data-key="${key}"]`)?.focus();
    });
    return chip;
  });
  byId(id).replaceChildren(...chips);
}

function showKinds(members, wanted, press) {
  const counts = countKinds(members);
  const kinds = Object.keys(KINDS).filter((kind) => counts[kind] || wanted.has(kind));
  const items = kinds.map((kind) => [kind, makeMark(kind), `${KINDS[kind].label} `, countOf(counts[kind])]);
  fillChips("kinds", items, (kind) => wanted.has(kind), press);
}

// Fill the table; `choose(one)` is called for the row that is chosen.
function showRows(members, now, choose) {
  const rows = byId("rows");
  const newest = members.slice().sort((a, b) => b.number - a.number);
  rows.replaceChildren();
  byId("found").textContent = tell(members.length);
  const button = fillList(rows, newest, SHOWN_ROWS, (one) => makeRow(one, now, choose));
  button.id = "more";
  byId("more").replaceWith(button);
}

function makeRow(one, now, choose) {
  const id = makeSmallButton(shortId(one.id), () => choose(one), { className: "quiet code" });
  const texts = [cut(one.proposer), cut(one.reason), tellCost(one.cost), tellDuration(one.duration)];
  const cells = [tellShortMoment(one.at, now), id, makeBadge(one), ...texts].map((cell) => (cell instanceof Node ? cell : make("bdi", {}, cell)));
  const names = ["when", "id", "state", "proposer", "why", "right", "right"];
  const row = make("tr", {}, ...cells.map((cell, place) => make("td", { className: names[place] }, cell)));
  row.dataset.id = one.id;
  row.addEventListener("click", (event) => event.target.closest("button") || choose(one));
  return row;
}
