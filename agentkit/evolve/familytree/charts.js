// Below the tree, on the same line of time: each metric with its best so far; of those without, time and money.
"use strict";

const CHART = 92;
const [TOP, BOTTOM] = [12, 80];

// Return the charts of a sheet as elements, one below the other.
function makeCharts(family, members, sheet) {
  const metrics = metricsOf(family, members);
  const charts = metrics.map((metric) => makeMetric(members, sheet, metric));
  const isPaid = members.some((one) => one.cost !== undefined);
  if (!metrics.length) charts.push(makeAmounts(members, sheet, "duration", "time for each", tellDuration));
  if (!metrics.length && isPaid) charts.push(makeAmounts(members, sheet, "cost", "cost of each", tellCost));
  if (isPaid) charts.push(makeSum(members, sheet));
  return charts;
}

function makeChart(sheet, title, told, [levels, ...parts], description) {
  const picture = draw("svg", { width: sheet.width, height: CHART, role: "img", "aria-label": description, class: "chart" });
  picture.append(draw("path", { d: "", class: "guide" }), ...parts);
  const heading = make("h3", {}, make("bdi", {}, title), " ", make("span", { className: "dim" }, ...told));
  return make("div", { className: "measure" }, heading, levels, picture);
}

// Return a function from values to y; what lies outside is drawn at the edge.
function scaleTo(low, high, isHigherUp = true) {
  const span = high - low || Math.abs(high) || 1;
  const [from, to] = high === low ? [low - span / 2, low + span / 2] : [low - span * 0.06, high + span * 0.06];
  return (value) => {
    const part = Math.min(1, Math.max(0, (value - from) / (to - from)));
    return round(isHigherUp ? BOTTOM - part * (BOTTOM - TOP) : TOP + part * (BOTTOM - TOP));
  };
}

// One that failed badly must not press all others into a line: the scale follows those that were kept.
function chooseRange(kept, all) {
  const [low, high] = [Math.min(...kept), Math.max(...kept)];
  const room = Math.max((high - low) * 0.75, Math.abs(high) * 0.1, Math.abs(low) * 0.1);
  return [Math.max(Math.min(...all), low - room), Math.min(Math.max(...all), high + room)];
}

function makeMetric(members, sheet, metric) {
  const isHigher = metric.direction === "higher";
  const isBetter = (value, than) => (isHigher ? value > than : value < than);
  const points = members.map((one) => ({ one, ...measured(one, metric) })).filter((point) => point.now !== undefined);
  const all = points.map((point) => point.now);
  const bests = points.map((point) => point.best).filter((value) => value !== null);
  const kept = points.filter((point) => point.one.isTrunk).map((point) => point.now);
  const [low, high] = all.length ? chooseRange(kept.length || bests.length ? [...kept, ...bests] : all, all.concat(bests)) : [0, 1];
  const y = scaleTo(low, high);
  const steps = [];
  for (const { one, now, best } of points) {
    const before = steps.at(-1)?.value;
    // The best that was accepted before this one was judged, which may be a person's.
    if (best !== null && (before === undefined || isBetter(best, before))) steps.push({ x: sheet.spots.get(one).x, value: best });
    const last = steps.at(-1)?.value;
    if (one.kind === "kept" && (last === undefined || isBetter(now, last))) steps.push({ x: sheet.spots.get(one).x, value: now });
  }
  const dots = drawDots(sheet, points.map(({ one, now }) => [one, y(now)]));
  const best = draw("path", { d: drawSteps(steps, y, sheet.columns.at(-1)?.x || 0), class: "best" });
  const outside = all.filter((value) => value < low || value > high).length;
  const told = [isHigher ? "higher is better" : "lower is better"];
  if (steps.length) told.push(...tellChange(steps, metric));
  if (outside) told.push(` \u00b7 ${outside} off the scale`);
  const description = `${metric.name}: ${told.map((part) => part.textContent ?? part).join("")}`;
  const scale = drawScale(sheet, y, low, high, (value) => tellAmount(value, metric.unit));
  return makeChart(sheet, metric.name, told, [...scale, best, ...dots], description);
}

function tellChange(steps, metric) {
  const [first, last] = [steps[0].value, steps.at(-1).value];
  const best = make("b", { className: "value" }, tellAmount(last, metric.unit));
  if (first === last) return [" \u00b7 best ", best];
  const part = first ? `, ${tellPart(first, last)}` : "";
  return [` \u00b7 best ${tellAmount(first, metric.unit)} \u2192 `, best, part];
}

function tellPart(first, last) {
  const part = ((last - first) / Math.abs(first)) * 100;
  const sign = part > 0 ? "+" : "\u2212";
  return `${sign}${Math.abs(part).toLocaleString("en", { maximumSignificantDigits: 3 })}\u00a0%`;
}

function drawSteps(steps, y, end) {
  if (!steps.length) return "";
  const parts = steps.map(({ x, value }, number) => (number ? `H${round(x)}V${y(value)}` : `M${round(x)} ${y(value)}`));
  return `${parts.join("")}H${round(end)}`;
}

// One path of dots a kind: thousands of elements would be slow to scroll.
function drawDots(sheet, places) {
  const paths = new Map();
  for (const [one, y] of places) {
    paths.set(one.kind, `${paths.get(one.kind) || ""}M${round(sheet.spots.get(one).x)} ${y}h0`);
  }
  const inOrder = [...paths].sort(([a], [b]) => (a === "kept") - (b === "kept"));
  const isSmall = sheet.size < 9;
  return inOrder.map(([kind, d]) => draw("path", { d, class: `dots ${kind}${isSmall ? " small" : ""}` }));
}

function drawScale(sheet, y, low, high, tellValue) {
  const values = high === low ? [low] : [high, low];
  const lines = values.map((value) => `M0 ${y(value)}H${round(sheet.width)}`).join("");
  const texts = values.map((value, number) => {
    const text = make("span", {}, tellValue(value));
    text.style.top = `${y(value) + (number || values.length === 1 ? 1 : -12)}px`;
    return text;
  });
  // Beside the picture, for they stay in sight when it is moved.
  return [make("div", { className: "levels", "aria-hidden": "true" }, ...texts), draw("path", { d: lines, class: "scale" })];
}

function makeAmounts(members, sheet, name, title, tellValue) {
  const known = members.filter((one) => one[name] !== undefined);
  const values = known.map((one) => one[name]);
  const high = Math.max(0, ...values);
  const y = scaleTo(0, high || 1);
  const stems = known.map((one) => `M${round(sheet.spots.get(one).x)} ${y(0)}V${y(one[name])}`).join("");
  const dots = drawDots(sheet, known.map((one) => [one, y(one[name])]));
  const middle = values.slice().sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const told = values.length > 1 ? [`median ${tellValue(middle)}, at most ${tellValue(high)}`] : values.map(tellValue);
  const parts = [...drawScale(sheet, y, 0, high || 1, tellValue), draw("path", { d: stems, class: "stems" }), ...dots];
  return makeChart(sheet, title, told, parts, `${title}: ${told[0]}`);
}

function makeSum(members, sheet) {
  let sum = 0;
  const steps = [{ x: sheet.columns[0].x, value: 0 }];
  // By columns: within one of them time runs downwards.
  for (const column of sheet.columns) {
    sum += sumOf(column.items, "cost");
    steps.push({ x: column.x, value: sum });
  }
  const y = scaleTo(0, sum || 1);
  const line = drawSteps(steps, y, steps.at(-1).x);
  const area = `${line}V${y(0)}H${round(steps[0].x)}Z`;
  const kept = members.filter((one) => one.kind === "kept").length;
  const each = kept ? ` \u00b7 ${tellCost(sum / kept)} for each that was kept` : " \u00b7 nothing was kept";
  const told = [make("b", { className: "value" }, tellCost(sum)), each];
  const lines = [draw("path", { d: area, class: "area" }), draw("path", { d: line, class: "sum-line" })];
  const parts = [...drawScale(sheet, y, 0, sum || 1, tellCost), ...lines];
  return makeChart(sheet, "cost, all together", told, parts, `cost, all together: ${tellCost(sum)}`);
}
