// What is known of one candidate, and the commands that tell more of it.
"use strict";

const TESTS = { fixed: "fixed", new: "new", missing: "no longer there", unstable: "known to change by themselves" };

function showPanel(family, one, choose) {
  const panel = byId("panel");
  panel.hidden = !one;
  if (!one) return;
  const heading = make("h2", {}, makeBadge(one), " ", make("code", {}, shortId(one.id)));
  const facts = tellFacts(family, one, choose).filter(([, value]) => value !== undefined && value !== "");
  const rows = facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value instanceof Node ? value : make("bdi", {}, value))]);
  const reason = make("p", { className: "reason" }, make("bdi", {}, one.reason || "no reason is known yet"));
  panel.replaceChildren(heading, reason, make("dl", { className: "facts" }, ...rows));
  panel.append(...makeMetricRows(family, one), ...makeTests(one), makeCommands(one));
}

function makeBadge(one) {
  return make("span", { className: `badge ${one.kind}` }, makeMark(one.kind), KINDS[one.kind].label);
}

function tellFacts(family, one, choose) {
  const time = make("span", { title: EXACT.format(one.at * 1000) }, tellSpan(one.at, one.ended));
  const isolation = { true: "yes", false: "no: it could see this machine" }[one.isolated];
  return [
    ["when", time],
    ["proposer", one.proposer],
    ["made from", makeFrom(family, one, choose)],
    ["commit", one.commit && make("code", {}, one.commit.slice(0, 12))],
    ["takes back", one.reverts && makeLink(family, one.reverts, choose)],
    ["cost", one.cost === undefined ? undefined : tellCost(one.cost)],
    ["took", tellDuration(one.duration)],
    ["isolated", isolation],
    ["cheat", one.mechanism],
    ["run", one.batch && make("code", {}, shortId(one.batch))],
    ["decision", one.decision],
    ["findings", one.findings && makeFindings(one.findings)],
    ["came as far as", one.open],
  ];
}

function makeFindings(findings) {
  const list = findings.map((finding) => make("li", {}, make("code", { title: finding }, finding.slice(0, 16))));
  return make("ul", {}, ...list);
}

// The candidate whose commit is the base; else the base is a person's commit.
function makeFrom(family, one, choose) {
  const parent = family.byId.get(one.parent) || family.byCommit.get(one.base);
  if (parent && parent !== one) return makeLink(family, parent.id, choose);
  return make("span", {}, make("code", {}, one.base.slice(0, 12)), one.parent ? "" : " of a person");
}

function makeLink(family, id, choose) {
  const other = family.byId.get(id);
  if (!other) return make("code", {}, shortId(id));
  return makeSmallButton(shortId(id), () => choose(other), { className: "quiet code" });
}

function makeMetricRows(family, one) {
  const rows = (one.metrics || []).map(([spot, now, best, isWorse]) => {
    const [name, unit] = family.metrics[spot];
    const told = now === null ? "not measured" : tellAmount(now, unit);
    const part = now !== null && best ? ` (${tellPart(best, now)})` : "";
    const cells = [name, `${told}${best !== null && now !== best ? part : ""}`, best === null ? "\u2013" : tellAmount(best, unit)];
    return make("tr", { className: isWorse ? "worse" : "" }, ...cells.map((cell) => make("td", {}, make("bdi", {}, cell))));
  });
  if (!rows.length) return [];
  const head = make("tr", {}, ...["metric", "this one", "best before"].map((text) => make("th", { scope: "col" }, text)));
  return [make("table", { className: "metrics" }, make("thead", {}, head), make("tbody", {}, ...rows))];
}

function makeTests(one) {
  const parts = [];
  const [count, worse] = one.tests?.regressed || [0, []];
  const items = worse.map(([id, was, now, why]) => {
    const told = why && make("bdi", { className: "why dim" }, why);
    return [make("bdi", { className: "test" }, id), ` ${was} \u2192 ${now}`, told];
  });
  if (count) parts.push(...makeTestList("regressed", count, items));
  for (const [name, title] of Object.entries(TESTS)) {
    const [count, tests] = one.tests?.[name] || [0, []];
    if (count) parts.push(...makeTestList(title, count, tests.map((id) => [make("bdi", { className: "test" }, id)])));
  }
  return parts;
}

function makeTestList(title, count, items) {
  const list = make("ul", { className: "tests" }, ...items.map((parts) => make("li", {}, ...parts)));
  if (count > items.length) list.append(make("li", { className: "dim" }, `and ${tell(count - items.length)} more`));
  return [make("h3", {}, `tests ${title} `, countOf(count)), list];
}

function makeCommands(one) {
  const id = shortId(one.id);
  const words = [`agentkit evolve show ${id}`, one.commit && `agentkit evolve diff ${id}`, one.kind === "kept" && `agentkit evolve revert ${id}`];
  const lines = words.filter(Boolean).map((text) => make("li", {}, make("code", { tabIndex: 0 }, text)));
  return make("div", {}, make("h3", {}, "to see more, or to take it back"), make("ul", { className: "commands" }, ...lines));
}
