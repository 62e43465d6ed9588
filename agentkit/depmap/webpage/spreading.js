// What falls with a node, what a node needs, and with which nodes most others fall.
"use strict";

// Return {levels, before, edgeTo, distance, count}: the nodes one distance after the other, each list by name (that is
// by number), of each node the one before it, the first edge between the two and the distance (0: not found). Of several
// ways of one length it is the same one that `agentkit depmap blast` tells. `isBlast`: what falls with the node; else
// what the node falls with.
function spread(map, node, isBlast) {
  const { starts, edges } = isBlast ? map.byNeeded : map.byFaller;
  const ends = isBlast ? map.faller : map.needed;
  const before = new Uint32Array(map.nodeCount).fill(NONE);
  const edgeTo = new Uint32Array(map.nodeCount);
  const distance = new Uint32Array(map.nodeCount);
  const levels = [];
  let level = [node];
  let count = 0;
  before[node] = node;
  while (level.length) {
    const next = [];
    for (const one of level) {
      for (let spot = starts[one]; spot < starts[one + 1]; spot++) {
        const other = ends[edges[spot]];
        if (before[other] !== NONE) continue;
        before[other] = one;
        edgeTo[other] = edges[spot];
        distance[other] = levels.length + 1;
        next.push(other);
      }
    }
    level = next.sort((a, b) => a - b);
    if (level.length) levels.push(level);
    count += level.length;
  }
  return { node, isBlast, levels, before, edgeTo, distance, count };
}

// Return the nodes from the one that was asked for to this one, both included.
function wayTo(found, node) {
  const way = [node];
  while (way[way.length - 1] !== found.node) way.push(found.before[way[way.length - 1]]);
  return way.reverse();
}

// Return of each node how many others come behind it on the ways that were found.
function countBehind(found) {
  const behind = new Uint32Array(found.before.length);
  for (const level of found.levels.slice().reverse()) {
    for (const node of level) behind[found.before[node]] += behind[node] + 1;
  }
  return behind;
}

// Return the first so many of an order, of a list that may be too long to be sorted whole.
function takeFirst(items, most, compare) {
  const taken = [];
  for (const item of items) {
    if (taken.length === most && compare(item, taken[most - 1]) >= 0) continue;
    let spot = taken.length;
    while (spot && compare(item, taken[spot - 1]) < 0) spot--;
    taken.splice(spot, 0, item);
    if (taken.length > most) taken.pop();
  }
  return taken;
}

// How many nodes fall with each is too much to count one by one on a large map. So each node keeps the least SKETCH of
// the random numbers of those that fall with it, which estimates their count (Cohen, Size-Estimation Framework with
// Applications to Transitive Closure and Reachability, 1997); only those that seem the worst are counted.
const SKETCH = 24;

// Yield now and then while it works; return the estimate of each node, exact where it is below SKETCH.
function* estimateBlasts(map) {
  const { nodeCount: count } = map;
  const { starts, edges } = map.byFaller;
  const order = shuffle(count);
  const held = new Uint8Array(count);
  const estimate = new Float64Array(count);
  const seenBy = new Uint32Array(count).fill(NONE);
  let work = 0;
  for (let rank = 0; rank < count; rank++) {
    // Everything that this node falls with: each of those has it in its blast.
    const waiting = [order[rank]];
    seenBy[order[rank]] = rank;
    while (waiting.length) {
      const node = waiting.pop();
      for (let spot = starts[node]; spot < starts[node + 1]; spot++) {
        const other = map.needed[edges[spot]];
        work++;
        if (seenBy[other] === rank || held[other] === SKETCH) continue;
        seenBy[other] = rank;
        held[other]++;
        estimate[other] = held[other] < SKETCH ? held[other] : ((SKETCH - 1) * count) / (rank + 1);
        waiting.push(other);
      }
    }
    if (work > 50000) {
      work = 0;
      yield;
    }
  }
  return { estimate, isExact: (node) => held[node] < SKETCH };
}

// Yield now and then; return [[kind, [[node, count], …]], …]: of each kind the nodes with the largest blasts.
function* findWorst(map, most) {
  const { estimate, isExact } = yield* estimateBlasts(map);
  map.estimate = estimate;
  const byKind = map.kinds.map(() => []);
  for (let node = 0; node < map.nodeCount; node++) if (estimate[node]) byKind[map.kindOf[node]].push(node);
  const found = [];
  for (const [kind, nodes] of byKind.entries()) {
    nodes.sort((a, b) => estimate[b] - estimate[a] || a - b);
    const counted = [];
    // An estimate errs by a fifth: six times as many candidates as are wanted leave nothing out that matters.
    for (const node of nodes.slice(0, most * 6)) {
      if (!isExact(node)) estimate[node] = spread(map, node, true).count;
      counted.push([node, estimate[node]]);
      yield;
    }
    counted.sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    // What was only estimated comes after what was counted, also where the estimate was too high.
    for (const node of nodes.slice(most * 6)) estimate[node] = Math.min(estimate[node], counted[counted.length - 1][1]);
    if (counted.length) found.push([map.kinds[kind].name, counted.slice(0, most)]);
  }
  return found.sort((a, b) => b[1][0][1] - a[1][0][1]);
}

// Return the numbers below `count` in an order by chance that is the same each time (Fisher and Yates, xorshift).
function shuffle(count) {
  const order = Uint32Array.from({ length: count }, (_, node) => node);
  let state = 2463534242;
  for (let last = count - 1; last > 0; last--) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const other = (state >>> 0) % (last + 1);
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

// Run a generator in slices so short that the page answers in between, and hand over what it returns.
function runInSlices(generator, done) {
  const due = performance.now() + 8;
  let step = generator.next();
  while (!step.done && performance.now() < due) step = generator.next();
  if (step.done) done(step.value);
  else setTimeout(runInSlices, 0, generator, done);
}
