// Which nodes does a person mean by some letters, slips of the finger included?
"use strict";

const LONGEST_NEAR = 31; // the bits of a number on which JavaScript's operators work, but for the sign

// Return {nodes, counts, isNear}: the nodes of the wanted kinds that hold every word, best first, and how many of each
// kind do. Where none holds them as they are written, those that come nearest.
function searchNodes(map, query, wanted) {
  const words = fold(query).split(/\s+/).filter(Boolean);
  const texts = map.folded || (map.folded = foldNames(map));
  const found = words.length ? rankAll(texts, words.map((word) => (text) => rankOf(text, word))) : texts.map((_, node) => [node, 0]);
  if (found.length || !words.length) return { ...sortFound(map, found, wanted, !words.length), isNear: false };
  const near = rankAll(texts, words.map(makeMeasure));
  const least = near.reduce((best, [, rank]) => Math.min(best, rank), Infinity);
  const nearest = near.filter(([, rank]) => rank === least);
  return { ...sortFound(map, nearest, wanted, false), isNear: true };
}

function fold(text) {
  return text.toLowerCase();
}

// A node is found by its other names too: they stand behind the first one, each on a line of its own.
function foldNames(map) {
  const texts = map.names.map(fold);
  for (const [node, names] of map.otherNames) texts[node] += `\n${names.map(fold).join("\n")}`;
  return texts;
}

// Return [[node, rank], …] of those that every word fits.
function rankAll(texts, ranks) {
  const found = [];
  for (let node = 0; node < texts.length; node++) {
    let sum = 0;
    for (let word = 0; word < ranks.length && sum < Infinity; word++) sum += ranks[word](texts[node]);
    if (sum < Infinity) found.push([node, sum]);
  }
  return found;
}

// Return 0 where a part of the name is the word, 1 where one begins with it, 2 inside a part, Infinity nowhere.
function rankOf(text, word) {
  let best = Infinity;
  for (let at = text.indexOf(word); at >= 0 && best > 0; at = text.indexOf(word, at + 1)) {
    const begins = at === 0 || /[:/#\n]/.test(text[at - 1]);
    const ends = at + word.length === text.length || /[:#.\n]/.test(text[at + word.length]);
    best = Math.min(best, begins && ends ? 0 : begins ? 1 : 2);
  }
  return best;
}

// Return a function that tells with how few slips (a letter too many, too few, wrong, or two swapped) a text holds the
// word; Infinity where it takes more than a person makes. Bit-parallel: Myers, A Fast Bit-Vector Algorithm for
// Approximate String Matching (1999), with the swaps of Hyyrö, A Bit-Vector Algorithm for Computing Levenshtein and
// Damerau Edit Distances (2003).
function makeMeasure(word) {
  const allowed = word.length < 3 ? 0 : word.length < 6 ? 1 : word.length < 10 ? 2 : 3;
  if (word.length > LONGEST_NEAR || !allowed) return (text) => (text.includes(word) ? 0 : Infinity);
  const spots = new Int32Array(1 << 16); // of each letter (UTF-16) where it stands in the word, a bit a place
  for (let place = 0; place < word.length; place++) spots[word.charCodeAt(place)] |= 1 << place;
  const last = 1 << (word.length - 1);
  return (text) => {
    let [plus, minus, zero, before, distance, best] = [-1, 0, 0, 0, word.length, word.length];
    for (let place = 0; place < text.length; place++) {
      const equal = spots[text.charCodeAt(place)];
      const swapped = ((~zero & equal) << 1) & before;
      zero = (((equal & plus) + plus) ^ plus) | equal | minus | swapped;
      const up = minus | ~(zero | plus);
      const down = plus & zero;
      if (up & last) distance++;
      else if (down & last) best = Math.min(best, --distance);
      // A match may begin anywhere, so nothing is carried in from below.
      minus = (up << 1) & zero;
      plus = (down << 1) | ~(zero | (up << 1));
      before = equal;
    }
    return best <= allowed ? best : Infinity;
  };
}

// Sort by rank, then about how much falls with each, then the shorter name, then by name; as numbers, since there may be
// very many. Without words to rank by, length says nothing, and how much falls is all: so it is not rounded.
function sortFound(map, found, wanted, isAll) {
  const counts = map.kinds.map(() => 0);
  const keys = [];
  for (const [node, rank] of found) {
    const kind = map.kindOf[node];
    counts[kind]++;
    if (wanted.size && !wanted.has(map.kinds[kind].name)) continue;
    const mildness = map.estimate ? 64 - 3 * Math.log2(1 + map.estimate[node]) : 0;
    const length = Math.min(map.names[node].length, 999);
    const key = isAll ? Math.round(mildness * 1000) : (rank * 100 + Math.round(mildness)) * 1000 + length;
    keys.push(key * map.nodeCount + node);
  }
  const nodes = Array.from(Float64Array.from(keys).sort(), (key) => key % map.nodeCount);
  return { nodes, counts };
}
