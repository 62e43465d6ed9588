// What the data says: candidates, what became of each, which trees they make, and how numbers and times are told.
"use strict";

// Shape and colour tell the same, so that either is enough.
const KINDS = {
  kept: { label: "kept", mark: "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0 -12 0Z" },
  spare: { label: "accepted, not kept", mark: "M-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0 -11 0Z" },
  rejected: { label: "rejected", mark: "M-4.5 -4.5L4.5 4.5M4.5 -4.5L-4.5 4.5" },
  "no-evidence": { label: "no evidence", mark: "M0 -6L6 5H-6Z" },
  reverted: { label: "taken back", mark: "M-5.5 -5.5H5.5V5.5H-5.5ZM-5.5 5.5L5.5 -5.5" },
  open: { label: "under way", mark: "M0 -6.5L6.5 0L0 6.5L-6.5 0Z" },
};

function kindOf(one) {
  if (one.state === "accepted") return one.kept ? "kept" : "spare";
  return one.state === "proposed" ? "open" : one.state;
}

// Return {host, at, older, metrics, candidates, byId, byCommit, trees: [{name, repository, branch, members}]}.
function readFamily(text) {
  const family = JSON.parse(text);
  const trees = new Map();
  [family.byId, family.byCommit] = [new Map(), new Map()];
  family.candidates.forEach((one, number) => {
    one.number = number;
    one.kind = kindOf(one);
    one.isTrunk = Boolean(one.kept) || (one.state === "reverted" && Boolean(one.commit));
    // What was kept is on the trunk from the moment on at which it was accepted.
    one.time = one.isTrunk && one.ended ? one.ended : one.at;
    one.words = searchable(one);
    family.byId.set(one.id, one);
    if (one.commit) family.byCommit.set(one.commit, one);
    const key = JSON.stringify([one.repository, one.branch]);
    if (!trees.has(key)) trees.set(key, { repository: one.repository, branch: one.branch, members: [] });
    trees.get(key).members.push(one);
  });
  family.trees = [...trees.values()];
  const isOneBranch = (tree) => family.trees.filter((other) => other.repository === tree.repository).length === 1;
  for (const tree of family.trees) {
    tree.members.sort((a, b) => a.time - b.time || a.number - b.number);
    tree.members.forEach((one, place) => (one.place = place));
    tree.name = isOneBranch(tree) ? tree.repository : `${tree.repository}, ${shortBranch(tree.branch)}`;
  }
  // The one in which something happened last comes first.
  family.trees.sort((a, b) => b.members.at(-1).at - a.members.at(-1).at);
  return family;
}

function searchable(one) {
  const tests = Object.values(one.tests || {}).flatMap(([, rows]) => rows.flat());
  const told = [one.id, one.commit, one.batch, one.decision, one.mechanism, one.proposer, one.reason, KINDS[one.kind].label];
  return [...told, ...(one.findings || []), ...tests].filter(Boolean).join("\n").toLowerCase();
}

// Every word that was typed is somewhere in what is known of it.
function isFound(one, words) {
  return words.every((word) => one.words.includes(word));
}

function shortBranch(branch) {
  return branch.replace(/^refs\/heads\//, "");
}

function shortId(id) {
  return id.slice(0, 16);
}

const DAY_S = 86400;
const SMALLEST = 0.0001;

function tellCost(cost) {
  if (cost === undefined) return "\u2013";
  if (cost > 0 && cost < SMALLEST) return "<$0.0001";
  return `$${cost.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: cost < 1 ? 4 : 2 })}`;
}

function tellNumber(value) {
  const isPlain = value === 0 || (Math.abs(value) >= 1e-4 && Math.abs(value) < 1e9);
  return isPlain ? value.toLocaleString("en", { maximumSignificantDigits: 4 }) : value.toExponential(2);
}

function tellAmount(value, unit) {
  return unit ? `${tellNumber(value)}\u00a0${unit}` : tellNumber(value);
}

function tellDuration(seconds) {
  if (seconds === undefined) return "\u2013";
  if (seconds === 0) return "0\u00a0s";
  if (seconds < 9.95) return `${seconds.toFixed(1)}\u00a0s`;
  const whole = Math.round(seconds);
  if (whole < 120) return `${whole}\u00a0s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 120) return `${minutes}\u00a0min`;
  return `${Math.floor(minutes / 60)}\u00a0h ${minutes % 60}\u00a0min`;
}

const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const EXACT = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const YEAR = new Intl.DateTimeFormat("en-GB", { year: "numeric" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

// As short as the table and the tree need it: the year is that of the page.
function tellShortMoment(seconds, now) {
  const isSameYear = YEAR.format(seconds * 1000) === YEAR.format(now * 1000);
  return isSameYear ? `${DAY.format(seconds * 1000)}, ${CLOCK.format(seconds * 1000)}` : tellMoment(seconds);
}

// Return from when to when, as short as it can be said.
function tellSpan(from, to) {
  if (to === undefined || to - from < 60) return tellMoment(from);
  const isSameDay = DAY.format(from * 1000) === DAY.format(to * 1000);
  return `${tellMoment(from)} \u2013 ${isSameDay ? CLOCK.format(to * 1000) : tellMoment(to)}`;
}

function tellMoment(seconds) {
  return MOMENT.format(seconds * 1000);
}

// Return how many there are of each kind.
function countKinds(members) {
  const counts = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, 0]));
  for (const one of members) counts[one.kind]++;
  return counts;
}

function sumOf(members, name) {
  return members.reduce((sum, one) => sum + (one[name] || 0), 0);
}

// Return [{name, unit, direction, spot}] of the metrics by which any of these was measured.
function metricsOf(family, members) {
  const spots = new Set(members.flatMap((one) => (one.metrics || []).map((row) => row[0])));
  return [...spots].sort((a, b) => a - b).map((spot) => {
    const [name, unit, direction] = family.metrics[spot];
    return { name, unit, direction, spot };
  });
}

// Return {now, best, worse} of a candidate in one metric; undefined where it was not measured.
function measured(one, metric) {
  const row = (one.metrics || []).find((other) => other[0] === metric.spot);
  return row && row[1] !== null ? { now: row[1], best: row[2], worse: row[3] } : undefined;
}
