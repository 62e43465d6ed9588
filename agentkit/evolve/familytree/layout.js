// Where each candidate stands: time runs to the right along the trunk of those kept, and what was tried on top of each
// hangs below it. Long pauses are shortened, so that a night fills the screen and the day between two does not.
"use strict";

const SIZES = [26, 22, 18, 15, 12, 10, 8, 6.5, 5]; // the room for a candidate, in pixels
const SMALLEST_READ = 10;
const TRUNK = 52;
const BRANCH = 30; // from the trunk down to the first one that hangs
const DEPTH = 250;
const MARGIN = 28;
const PAUSE_S = 3 * 3600;
const WIDE_DAY = 160;

// Return {size, width, height, columns, spots: Map of candidate to {x, y}, bases, pauses}.
function layOut(members, width, wanted) {
  const sizes = wanted === undefined ? SIZES : [SIZES[wanted]];
  let sheet;
  for (const size of sizes) {
    sheet = place(members, size);
    if (sheet.width <= width) break;
  }
  stretch(sheet, width);
  sheet.level = SIZES.indexOf(sheet.size);
  sheet.isCut = sheet.width > width;
  return settle(sheet);
}

// As large as it fits, but never smaller than it can be read: then one scrolls, and begins at the newest.
function chooseLevel(members, width) {
  const sheet = layOut(members, width);
  return sheet.size < SMALLEST_READ ? SIZES.indexOf(SMALLEST_READ) : sheet.level;
}

function place(members, size) {
  const rows = Math.max(4, Math.floor(DEPTH / size));
  const columns = [];
  const known = new Map(); // what a commit is, on the trunk: a column
  let [tip, last] = [null, null];
  const add = (column) => {
    columns.push(column);
    last = column;
    return column;
  };
  for (const one of members) {
    let from = known.get(one.base);
    if (!from) {
      from = add({ kind: "base", base: one.base, items: [], time: one.at, before: tip });
      known.set(one.base, from);
      tip = from;
    }
    if (one.isTrunk) {
      tip = add({ kind: "trunk", items: [one], time: one.time, from, before: tip });
      if (one.commit) known.set(one.commit, tip);
      continue;
    }
    const group = `${one.base} ${one.batch || ""}`;
    const isSame = last.group === group && one.time - last.time < PAUSE_S;
    if (!isSame || last.items.length >= rows) {
      const isNext = isSame ? last : null;
      add({ kind: "stack", group, batch: one.batch, items: [], from, isOnTip: from === tip, next: isNext });
    }
    last.items.push(one);
    last.time = one.time;
  }
  return space({ size, rows, columns, known });
}

// Give each column its x. Those of one run stand close together.
function space(sheet) {
  const { columns, size } = sheet;
  const gap = Math.max(2, size * 0.55);
  let x = MARGIN;
  sheet.pauses = [];
  columns.forEach((column, number) => {
    const before = columns[number - 1];
    if (before) {
      const isPause = firstTime(column) - before.time >= PAUSE_S;
      column.isApart = !column.next;
      if (isPause && size >= 6) sheet.pauses.push({ column, before });
      x += column.next ? size : size + gap + (isPause ? Math.min(14, size) : 0);
    }
    column.x = x;
  });
  sheet.width = x + MARGIN;
  return sheet;
}

// Use the room that is left, up to where neighbours are no longer seen as such.
function stretch(sheet, width) {
  const apart = sheet.columns.filter((column) => column.isApart).length;
  const more = apart ? Math.max(0, Math.min(110, (width - sheet.width) / apart)) : 0;
  let moved = 0;
  for (const column of sheet.columns) {
    if (column.isApart) moved += more;
    column.x += moved;
  }
  sheet.width = Math.max(sheet.width + moved, width);
}

function settle(sheet) {
  sheet.spots = new Map();
  let deepest = 0;
  for (const column of sheet.columns) {
    column.items.forEach((one, row) => {
      const y = column.kind === "trunk" ? TRUNK : TRUNK + BRANCH + row * sheet.size;
      sheet.spots.set(one, { x: column.x, y, column });
      deepest = Math.max(deepest, y);
    });
  }
  sheet.height = Math.max(TRUNK + 14, deepest) + sheet.size / 2 + 10;
  return sheet;
}

function firstTime(column) {
  return column.items.length ? column.items[0].time : column.time;
}

// Return [{x, text, isDay, isLast}]: the days, as many as can be read side by side, and hours where one day is wide.
function chooseTicks(sheet) {
  const { columns } = sheet;
  if (!columns.length) return [];
  const isLong = columns.at(-1).time - columns[0].time > 300 * DAY_S;
  const tellDay = (time) => (isLong ? `${DAY.format(time * 1000)} ${YEAR.format(time * 1000)}` : DAY.format(time * 1000));
  const room = isLong ? 100 : 60;
  const ticks = [];
  let [told, free] = ["", -Infinity];
  for (const column of columns) {
    const time = firstTime(column);
    const text = tellDay(time);
    const isDay = text !== told;
    // At the right edge it ends there.
    const isLast = column.x > sheet.width - room;
    const left = isLast ? sheet.width - room : column.x;
    if (left < (isDay ? free : free + WIDE_DAY)) continue;
    told = text;
    ticks.push({ x: column.x, text: isDay ? text : CLOCK.format(time * 1000), isDay, isLast });
    free = left + room;
  }
  return ticks;
}
