// The map: read out of the page into arrays of numbers, so that a question about it touches no text.
"use strict";

const NONE = 0xffffffff;

// Return the map that the JSON text of mapdata.py says. Nodes and edges are numbers; an edge's `faller` is the one of
// its ends that falls with the other one, `needed`.
function readMap(text) {
  const data = JSON.parse(text);
  const count = data.edges.reduce((sum, piece) => sum + piece[2].length / 5, 0);
  const arrays = () => new Uint32Array(count);
  const map = {
    host: data.host, built: data.built, root: data.root,
    names: data.nodes, details: data.details, files: [], functions: [],
    source: arrays(), target: arrays(), line: arrays(), file: arrays(), inFunction: arrays(), detail: arrays(),
    faller: arrays(), needed: arrays(), edgeCount: count, nodeCount: data.nodes.length,
  };
  let edge = 0;
  for (const [file, functions, numbers] of data.edges) {
    const base = map.functions.length - 1; // in a piece the first function is number 1
    for (let spot = 0; spot < numbers.length; edge++) {
      const source = (map.source[edge] = numbers[spot++]);
      const target = (map.target[edge] = numbers[spot++]);
      map.line[edge] = numbers[spot++];
      const place = numbers[spot++];
      map.inFunction[edge] = place ? base + place : NONE;
      map.detail[edge] = numbers[spot++];
      map.file[edge] = map.files.length;
      const falls = data.details[map.detail[edge]][1];
      map.faller[edge] = falls ? (falls > 0 ? source : target) : NONE;
      map.needed[edge] = falls ? (falls > 0 ? target : source) : NONE;
    }
    map.files.push(file);
    for (const name of functions) map.functions.push(name);
  }
  map.bySource = groupEdges(map, map.source);
  map.byTarget = groupEdges(map, map.target);
  map.byFaller = groupEdges(map, map.faller);
  map.byNeeded = groupEdges(map, map.needed);
  map.otherNames = new Map(data.names.map(([node, ...names]) => [node, names]));
  map.remarks = groupRows(data.remarks);
  map.places = groupRows(data.defined);
  // Two names may look alike once what is invisible in them is written out: the first one has the name.
  map.byName = new Map();
  map.names.forEach((name, node) => map.byName.has(name) || map.byName.set(name, node));
  readKinds(map);
  return map;
}

// Return {starts, edges}: the edges of node n are edges[starts[n]] up to edges[starts[n + 1]], in their order.
function groupEdges(map, ends) {
  const starts = new Uint32Array(map.nodeCount + 1);
  for (let edge = 0; edge < map.edgeCount; edge++) if (ends[edge] !== NONE) starts[ends[edge] + 1]++;
  for (let node = 0; node < map.nodeCount; node++) starts[node + 1] += starts[node];
  const edges = new Uint32Array(starts[map.nodeCount]);
  const free = starts.slice();
  for (let edge = 0; edge < map.edgeCount; edge++) if (ends[edge] !== NONE) edges[free[ends[edge]]++] = edge;
  return { starts, edges };
}

function groupRows(rows) {
  const found = new Map();
  for (const [node, ...rest] of rows) {
    if (!found.has(node)) found.set(node, []);
    found.get(node).push(rest);
  }
  return found;
}

// The kind of a node is what stands before the first colon of its name.
function readKinds(map) {
  const numbers = new Map();
  map.kinds = [];
  map.kindOf = new Uint16Array(map.nodeCount);
  map.names.forEach((name, node) => {
    const kind = name.slice(0, Math.max(0, name.indexOf(":")));
    if (!numbers.has(kind)) {
      numbers.set(kind, map.kinds.length);
      map.kinds.push({ name: kind, count: 0 });
    }
    map.kindOf[node] = numbers.get(kind);
    map.kinds[map.kindOf[node]].count++;
  });
}

// Return the node that a name means: as it is shown, as it was written anywhere, or as much of it as only one has.
// Else undefined.
function findNode(map, name) {
  if (map.byName.has(name)) return map.byName.get(name);
  for (const fits of [
    (one) => one === name,
    (one) => one.endsWith(name) && /[:/]/.test(one[one.length - name.length - 1] || ""),
  ]) {
    const found = new Set();
    map.names.forEach((one, node) => {
      if (fits(one)) found.add(node);
    });
    for (const [node, names] of map.otherNames) if (names.some(fits)) found.add(node);
    if (found.size === 1) return [...found][0];
    if (found.size) return undefined;
  }
  return undefined;
}

// Return what stands behind the # of an address: the name, and a number where the name is another node's too.
function toAddress(map, node) {
  const name = map.names[node];
  if (map.byName.get(name) !== node) return `~${node}`;
  return encodeURIComponent(name).replace(/^~/, "%7E").replace(/%(3A|2F|40|2B|2C|3D|3B|24)/g, decodeURIComponent);
}

// Return the node of an address as toAddress writes it or as a person does; undefined where there is none.
function fromAddress(map, address) {
  const number = /^~(\d+)$/.exec(address);
  if (number && Number(number[1]) < map.nodeCount) return Number(number[1]);
  return findNode(map, decode(address));
}

function decode(address) {
  try {
    return decodeURIComponent(address);
  } catch {
    return address; // a person wrote a bare %
  }
}

// What stands behind the kind, and of that as much as tells a person which one: backup.sh#prune, nginx.service,
// times:format_instant.
function restOf(name) {
  return name.slice(name.indexOf(":") + 1);
}

function shorten(name) {
  const rest = restOf(name);
  if (name.startsWith("job:")) return rest;
  if (name.startsWith("py:")) return rest.replace(/^[^:]*\.(?=[^.:]+(:|$))/, "");
  return rest.slice(rest.lastIndexOf("/") + 1) || rest;
}

// Return where an edge stands, as the tables of the command line say it.
function tellPlace(map, edge) {
  const where = map.files[map.file[edge]] + (map.line[edge] ? `:${map.line[edge]}` : "");
  return map.inFunction[edge] === NONE ? where : `${where} ${map.functions[map.inFunction[edge]]}()`;
}

// Tell whether there is one file that a node stands in, and it is this one: to name it again would say nothing.
function isIn(map, node, file) {
  const places = map.places.get(node) || [];
  return restOf(map.names[node]).split("#")[0] === file || (places.length === 1 && places[0][0] === file);
}

// Return what an edge says about itself.
function tellEdge(map, edge) {
  const [kind, falls, rule, how, confidence, via, reason] = map.details[map.detail[edge]];
  const [file, line] = [map.files[map.file[edge]], map.line[edge]];
  return { kind, falls, rule, how, confidence, via, reason, file, line, place: tellPlace(map, edge) };
}
