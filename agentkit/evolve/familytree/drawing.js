// The tree itself: trunk, branches and candidates, which are chosen by pointer or keys.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

function draw(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function makeMark(kind) {
  const picture = draw("svg", { viewBox: "-8 -8 16 16", width: 14, height: 14, "aria-hidden": "true", class: "mark" });
  picture.append(draw("path", { d: KINDS[kind].mark, class: `node ${kind}` }));
  return picture;
}

// Return the picture of a sheet, and what moves in it: {picture, choose(one), dim(isShown), elements}.
function drawTree(family, sheet) {
  const label = "candidates by time; arrows left and right go through them, up to what one was made from, down to what was made from it";
  const size = { width: sheet.width, height: sheet.height, class: sheet.size < 9 ? "tree tiny" : "tree" };
  const picture = draw("svg", { ...size, role: "group", "aria-label": label });
  if (!sheet.columns.length) picture.append(draw("text", { x: MARGIN, y: TRUNK, class: "tick" }, "nothing was tried in this time"));
  drawTicks(picture, sheet);
  drawGroups(picture, sheet);
  drawTrunk(family, picture, sheet);
  drawBranches(picture, sheet);
  drawReverts(family, picture, sheet);
  const way = draw("path", { class: "way", d: "" });
  const ring = draw("circle", { class: "ring", r: Math.max(6, sheet.size / 2 + 2), cx: -99, cy: -99 });
  picture.append(way);
  const elements = new Map();
  const scale = Math.min(1, sheet.size / 16);
  for (const [one, { x, y }] of sheet.spots) {
    const grown = one.isTrunk ? Math.min(1.25, scale * 1.35) : scale;
    const node = draw("path", {
      d: KINDS[one.kind].mark,
      class: `node ${one.kind}`,
      transform: `translate(${round(x)} ${round(y)}) scale(${round(grown)})`,
      tabindex: -1,
      role: "button",
      "aria-label": `${KINDS[one.kind].label}, ${tellMoment(one.at)}, ${cut(one.proposer)}: ${cut(one.reason)}`,
    });
    elements.set(one, node);
    picture.append(node);
  }
  picture.append(ring);
  const choose = (one) => {
    const spot = sheet.spots.get(one);
    ring.setAttribute("cx", spot ? spot.x : -99);
    ring.setAttribute("cy", spot ? spot.y : -99);
    way.setAttribute("d", spot ? tellWayTo(sheet, spot) : "");
  };
  const dim = (isShown) => {
    for (const [one, node] of elements) node.classList.toggle("off", !isShown(one));
  };
  return { picture, elements, choose, dim };
}

function round(value) {
  return Math.round(value * 10) / 10;
}

function drawTicks(picture, sheet) {
  for (const { x, text, isDay, isLast } of chooseTicks(sheet)) {
    const place = { x: round(isLast ? sheet.width - 6 : x), y: 14 };
    picture.append(draw("text", { ...place, class: `tick${isLast ? " last" : ""}${isDay ? " day" : ""}` }, text));
    picture.append(draw("path", { d: `M${round(x)} 20V${TRUNK - 12}`, class: "tick-line" }));
  }
  const pauses = sheet.pauses.map(({ column, before }) => `M${round((column.x + before.x) / 2)} ${TRUNK - 8}V${round(sheet.height - 4)}`);
  picture.append(draw("path", { d: pauses.join(""), class: "pause" }));
}

// What one run tried is held together by a frame.
function drawGroups(picture, sheet) {
  const { columns, size } = sheet;
  for (let first = 0; first < columns.length; first++) {
    const column = columns[first];
    if (column.kind !== "stack" || column.next) continue;
    let last = first;
    while (columns[last + 1]?.next) last++;
    const most = Math.max(...columns.slice(first, last + 1).map((one) => one.items.length));
    if (most < 2 || !(column.batch || last > first)) continue;
    const box = { x: column.x - size / 2 - 2, y: TRUNK + BRANCH - size / 2 - 2, rx: Math.min(6, size / 3) };
    box.width = columns[last].x - column.x + size + 4;
    box.height = most * size + 4;
    for (const name of Object.keys(box)) box[name] = round(box[name]);
    const frame = draw("rect", { ...box, class: "group" });
    const count = columns.slice(first, last + 1).reduce((sum, one) => sum + one.items.length, 0);
    frame.append(draw("title", {}, `${say(count, "candidate")} ${column.batch ? "of one run" : "made from the same"}`));
    picture.append(frame);
  }
}

// A strong line from each that was kept to the next one; where a person's commits lie between, a thin one.
function drawTrunk(family, picture, sheet) {
  const [own, persons, bases, earlier] = [[], [], [], []];
  let tip = null;
  for (const column of sheet.columns) {
    if (column.kind === "stack") continue;
    const x = round(column.x);
    // What was kept before the time that is shown is no person's.
    if (family.byCommit.has(column.base)) earlier.push(`M${x - 4} ${TRUNK}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z`);
    else if (column.kind === "base") bases.push(`M${x} ${TRUNK - 4}l4 4l-4 4l-4 -4Z`);
    const before = column.before;
    if (before) {
      const isOwn = column.kind === "trunk" && column.from === before;
      if (isOwn) own.push(`M${round(before.x)} ${TRUNK}H${x}`);
      else persons.push(`M${round(before.x)} ${TRUNK}H${x}`);
      if (column.kind === "trunk" && !isOwn) own.push(arch(column.from.x, column.x));
    }
    tip = column;
  }
  const end = sheet.columns.at(-1);
  if (tip && end.x > tip.x) persons.push(`M${round(tip.x)} ${TRUNK}H${round(end.x)}`);
  picture.append(draw("path", { d: persons.join(""), class: "trunk thin" }), draw("path", { d: own.join(""), class: "trunk" }));
  for (const [marks, title] of [[bases, "commits of a person"], [earlier, "kept earlier"]]) {
    const base = draw("path", { d: marks.join(""), class: marks === earlier ? "base earlier" : "base" });
    base.append(draw("title", {}, title));
    picture.append(base);
  }
}

function arch(from, to) {
  const high = Math.min(22, 6 + Math.abs(to - from) / 6);
  return `M${round(from)} ${TRUNK}C${round(from)} ${TRUNK - high} ${round(to)} ${TRUNK - high} ${round(to)} ${TRUNK}`;
}

function drawBranches(picture, sheet) {
  const paths = sheet.columns.filter((column) => column.kind === "stack").map((column) => tellBranch(sheet, column, column.items.length - 1));
  picture.append(draw("path", { d: paths.join(""), class: "branch" }));
}

// Off the trunk where it lies on top of what was the newest then, else from where it really comes from.
function tellBranch(sheet, column, row) {
  const [x, top] = [round(column.x), TRUNK + BRANCH];
  const end = round(top + row * sheet.size);
  if (column.next) return row ? `M${x} ${top}V${end}` : "";
  if (!column.isOnTip) return `M${round(column.from.x)} ${TRUNK}C${round(column.from.x)} ${TRUNK + 26} ${x} ${TRUNK + 4} ${x} ${top}V${end}`;
  const left = round(Math.max(column.from.x, column.x - Math.max(6, sheet.size * 0.8)));
  return `M${left} ${TRUNK}C${x} ${TRUNK} ${x} ${TRUNK + 8} ${x} ${TRUNK + 18}V${end}`;
}

// Return the path from what a candidate was made from to itself.
function tellWayTo(sheet, { x, y, column }) {
  if (column.kind === "trunk") return column.from === column.before ? `M${round(column.from.x)} ${TRUNK}H${round(x)}` : arch(column.from.x, x);
  let first = column;
  while (first.next) first = first.next;
  const along = column.isOnTip ? `M${round(column.from.x)} ${TRUNK}H${round(Math.max(column.from.x, first.x - sheet.size))}` : "";
  if (first === column) return along + tellBranch(sheet, column, Math.round((y - TRUNK - BRANCH) / sheet.size));
  return `${along}${tellBranch(sheet, first, 0)}H${round(x)}V${round(y)}`;
}

// What takes another one back is tied to it.
function drawReverts(family, picture, sheet) {
  const paths = [];
  for (const [one, spot] of sheet.spots) {
    const back = one.reverts && sheet.spots.get(family.byId.get(one.reverts));
    if (back && spot.column.kind === "trunk" && back.column.kind === "trunk") paths.push(arch(back.x, spot.x));
  }
  picture.append(draw("path", { d: paths.join(""), class: "revert" }));
}

// Return the candidate nearest to a point of the picture, or to a time alone; undefined where none is near.
function findNearest(sheet, x, y) {
  let [found, least] = [undefined, Math.max(12, sheet.size * 0.75) ** 2];
  for (const [one, spot] of sheet.spots) {
    const distance = (spot.x - x) ** 2 + (y === undefined ? 0 : (spot.y - y) ** 2);
    if (distance < least) [found, least] = [one, distance];
  }
  return found;
}
