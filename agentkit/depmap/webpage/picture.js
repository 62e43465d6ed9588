// The picture: what a node needs to its left, what falls with it to its right, one column a step. Failure runs from left
// to right. Only as much is drawn as can be read; the lists below the picture have all of it.
"use strict";

const ROWS = 11; // in a column; what is more is said in a last row
const ROW = 30;
const BOX = 24;
const HEAD = 26;
const GAP = 40;
const NARROWEST = 150;
const WIDEST = 240;

// Draw into `place`, which is `width` wide, and tell `tellWay(node, isBlast)` of which node the way is looked at.
function drawPicture(map, place, width, blast, needs, tellWay) {
  const columns = chooseColumns(map, width, blast, needs);
  const count = columns.length;
  const box = Math.max(NARROWEST, Math.min(WIDEST, Math.floor((width - GAP * (count - 1)) / count)));
  const rows = Math.max(...columns.map((column) => column.cells.length));
  const height = HEAD + rows * ROW;
  const total = count * box + (count - 1) * GAP;
  const lines = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ width: total, height, "aria-hidden": "true" })) {
    lines.setAttribute(name, value);
  }
  const sheet = make("div", { className: "sheet" }, lines);
  sheet.style.width = `${total}px`;
  sheet.style.height = `${height}px`;
  columns.forEach((column, index) => {
    column.left = index * (box + GAP);
    const head = make("div", { className: "step" }, column.title);
    Object.assign(head.style, { left: `${column.left}px`, width: `${box}px` });
    sheet.append(head);
    const top = HEAD + ((rows - column.cells.length) * ROW) / 2;
    column.cells.forEach((cell, row) => {
      cell.top = top + row * ROW;
      cell.element = makeCell(map, cell, column);
      Object.assign(cell.element.style, { left: `${column.left}px`, top: `${cell.top}px`, width: `${box}px` });
      sheet.append(cell.element);
    });
  });
  const drawn = drawLines(map, lines, columns, box);
  listen(sheet, columns, drawn, tellWay);
  place.replaceChildren(sheet);
  // On a narrow screen the node itself is where one begins to read.
  const own = columns.find((column) => column.side === 0);
  place.scrollLeft = total > width ? Math.max(0, own.left - 12) : 0;
  return sheet;
}

// Return the columns from left to right: {side: -1 needs, 0 the node, 1 falls; distance; cells}.
function chooseColumns(map, width, blast, needs) {
  const fits = Math.max(3, Math.min(6, Math.floor((width + GAP) / (NARROWEST + GAP))));
  const left = Math.min(needs.levels.length, Math.max(fits > 4 ? 2 : 1, fits - 1 - blast.levels.length));
  const right = Math.min(blast.levels.length, fits - 1 - left);
  const own = { side: 0, distance: 0, title: "", cells: [{ node: blast.node, side: 0 }] };
  const before = makeSide(map, needs, left).reverse();
  return [...before, own, ...makeSide(map, blast, right)];
}

// Return the columns of one side, the nearest first. Of more nodes than there are rows those are drawn that most others
// come behind.
function makeSide(map, found, count) {
  const side = found.isBlast ? 1 : -1;
  const behind = countBehind(found);
  const columns = [];
  let last = [found.node];
  for (let index = 0; index < count; index++) {
    const level = found.levels[index];
    const most = level.length <= ROWS + 1 ? level.length : ROWS;
    const chosen = takeFirst(level, most, (a, b) => behind[b] - behind[a] || a - b);
    const spots = new Map(last.map((node, row) => [node, row]));
    const middle = new Map(chosen.map((node) => [node, findMiddle(map, found, node, spots)]));
    chosen.sort((a, b) => middle.get(a) - middle.get(b) || a - b);
    const cells = chosen.map((node) => ({ node, side }));
    if (level.length > most) cells.push({ more: level.length - most, side, level: index + 1 });
    const isLast = index + 1 === count;
    const further = isLast ? found.levels.slice(count).reduce((sum, one) => sum + one.length, 0) : 0;
    if (further) cells.push({ further, side, level: index + 2 });
    columns.push({ side, distance: index + 1, found, cells, title: titleOf(side, index + 1, level.length) });
    last = chosen;
  }
  return columns;
}

function titleOf(side, distance, count) {
  const number = tell(count);
  if (distance > 1) return `${distance} steps: ${number}`;
  return side > 0 ? `falls with it: ${number}` : `depends on: ${number}`;
}

// Return the middle of the rows of those in the column before with which a node is tied, so that few lines cross.
function findMiddle(map, found, node, spots) {
  const { starts, edges } = found.isBlast ? map.byFaller : map.byNeeded;
  const ends = found.isBlast ? map.needed : map.faller;
  let [sum, count] = [0, 0];
  for (let spot = starts[node]; spot < starts[node + 1]; spot++) {
    const row = spots.get(ends[edges[spot]]);
    if (row === undefined) continue;
    sum += row;
    count++;
  }
  return count ? sum / count : spots.size;
}

function makeCell(map, cell, column) {
  if (cell.more || cell.further) {
    const number = tell(cell.further || cell.more);
    // The list below has them all.
    const open = () => goToLevel(cell.side > 0 ? "falls" : "needs", cell.level);
    const text = cell.further ? `${number} further on` : `and ${number} more`;
    return makeSmallButton(text, open, { className: "cell rest-of", tabIndex: -1 });
  }
  const own = column.side === 0;
  const properties = { className: own ? "cell own" : "cell", tabIndex: own ? 0 : -1, title: map.names[cell.node] };
  const name = makeName(map, cell.node, shorten(map.names[cell.node]));
  // Of a long name both parts are cut, but of neither is less left than tells it from others.
  for (const part of name[1].children) part.style.minWidth = `${Math.min(4, part.textContent.length) / 2}em`;
  const kind = { "data-kind": map.kinds[map.kindOf[cell.node]].name };
  return make("a", { ...properties, ...kind, href: `#${toAddress(map, cell.node)}` }, ...name);
}

// Draw a line for each dependency between neighbouring columns; return [{near, far, path}] with the cells of each.
function drawLines(map, lines, columns, box) {
  const drawn = [];
  for (let index = 1; index < columns.length; index++) {
    const [left, right] = [columns[index - 1], columns[index]];
    const [near, far] = right.side > 0 ? [left, right] : [right, left];
    for (const tie of tieCells(map, near, far)) {
      const [from, to] = near === left ? [tie.near, tie.far] : [tie.far, tie.near];
      const path = document.createElementNS(lines.namespaceURI, "path");
      const [x1, y1, x2, y2] = [left.left + box, from.top + BOX / 2, right.left, to.top + BOX / 2];
      path.setAttribute("d", `M${x1} ${y1}C${x1 + GAP / 2} ${y1} ${x2 - GAP / 2} ${y2} ${x2} ${y2}`);
      path.setAttribute("class", tie.isUnsure ? "line unsure" : "line");
      lines.append(path);
      drawn.push({ ...tie, path });
    }
  }
  return drawn;
}

// Return [{near, far, isUnsure}]: each two cells of neighbouring columns between which there is a dependency. The cell
// that stands for all that was not drawn has the lines of all of them.
function tieCells(map, near, far) {
  const isBlast = far.side > 0;
  const { starts, edges } = isBlast ? map.byNeeded : map.byFaller;
  const ends = isBlast ? map.faller : map.needed;
  const cellOf = new Map(far.cells.map((cell) => [cell.node, cell]));
  const rest = far.cells.find((cell) => cell.more);
  const ties = new Map();
  for (const cell of near.cells) {
    for (let spot = starts[cell.node]; spot < starts[cell.node + 1]; spot++) {
      const node = ends[edges[spot]];
      const other = cellOf.get(node) || (far.found.distance[node] === far.distance && rest);
      if (!other) continue;
      const key = `${cell.node} ${far.cells.indexOf(other)}`;
      const isUnsure = map.details[map.detail[edges[spot]]][4] < 1 && (ties.get(key)?.isUnsure ?? true);
      ties.set(key, { near: cell, far: other, isUnsure });
    }
  }
  const tied = new Set([...ties.values()].map((tie) => tie.far));
  const nearRest = near.cells.find((cell) => cell.more);
  const loose = far.cells.filter((cell) => nearRest && !cell.further && !tied.has(cell));
  return [...ties.values(), ...loose.map((cell) => ({ near: nearRest, far: cell, isUnsure: false }))];
}

// Light the way up to the cell that the pointer or the focus is on; move between cells by arrows.
function listen(sheet, columns, drawn, tellWay) {
  const cells = columns.flatMap((column) => column.cells.map((cell) => Object.assign(cell, { column })));
  const cellOf = (target) => cells.find((cell) => cell.element === target?.closest?.(".cell"));
  const light = (cell) => {
    const way = cell?.node === undefined || !cell.side ? null : tellWay(cell.node, cell.side > 0);
    sheet.classList.toggle("lit", Boolean(way));
    // What was not drawn is passed through its common cell.
    const isDrawn = (node) => cells.some((other) => other.node === node && other.side === cell.side);
    const stepOf = (other) => {
      if (!way || (other.side && other.side !== cell.side)) return -1;
      return other.more && !isDrawn(way[other.level]) ? (way[other.level] === undefined ? -1 : other.level) : way.indexOf(other.node);
    };
    for (const other of cells) other.element.classList.toggle("on", stepOf(other) >= 0);
    for (const { near, far, path } of drawn) {
      path.classList.toggle("on", stepOf(near) >= 0 && stepOf(far) === stepOf(near) + 1);
    }
  };
  sheet.addEventListener("pointerover", (event) => light(cellOf(event.target)));
  sheet.addEventListener("pointerleave", () => light(cellOf(document.activeElement)));
  sheet.addEventListener("focusin", (event) => light(cellOf(event.target)));
  sheet.addEventListener("focusout", () => light(null));
  sheet.lightUp = (node, side) => light({ node, side });
  sheet.addEventListener("keydown", (event) => {
    const from = cellOf(event.target);
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!from || !step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const column = columns[columns.indexOf(from.column) + step[0]];
    if (!column) return;
    const nearest = (a, b) => Math.abs(a.top - from.top) - Math.abs(b.top - from.top);
    const row = column.cells.findIndex((cell) => cell.element === from.element) + step[1];
    const next = step[0] ? column.cells.slice().sort(nearest)[0] : column.cells[row];
    if (!next) return;
    from.element.tabIndex = -1;
    next.element.tabIndex = 0;
    next.element.focus();
  });
}
