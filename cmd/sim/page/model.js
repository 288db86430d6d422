"use strict";
// One recorded stretch of a run: events in order, each with what it changed in the nodes, and the
// messages with the events at which they left and arrived. Everything shown is derived from
// that. The lanes have one column an event, not one a millisecond: idle time takes no room.

const run = JSON.parse(document.getElementById("run").textContent);
const $ = (id) => document.getElementById(id);
const ROLES = ["follower", "pre-candidate", "candidate", "leader"];
const LEADER = 3;
const ARRIVED = 1, LOST = 2, MISSED = 3; // fates; 0 is under way
const events = run.events;
const firstNumber = events.length ? events[0].i : 0;
const columnOf = (number) => number - firstNumber;

// ---- the state of all nodes after any event -------------------------------------------------

const FIELDS = ["up", "paused", "lost", "role", "term", "vote", "leader", "commit", "applied", "stored", "base", "last"];
const EVERY = 64; // events between two kept states

function emptyWorld() {
  const nodes = [];
  for (let n = 1; n <= run.nodes; n++) {
    const node = { id: n, log: [] }; // log[i] is [term, kind] of index i
    for (const f of FIELDS) node[f] = 0;
    nodes.push(node);
  }
  return { nodes, cut: new Set() };
}

function change(world, changes, links) {
  for (const c of changes || []) {
    const node = world.nodes[c.n - 1];
    FIELDS.forEach((f, k) => { node[f] = c.s[k]; });
    if (!c.f) continue;
    node.log.length = Math.min(node.log.length, c.f);
    let at = c.f;
    for (const [term, kind, count] of c.r || []) {
      for (let k = 0; k < count; k++) node.log[at++] = [term, kind];
    }
  }
  for (const [from, to, cut] of links || []) {
    if (cut) world.cut.add(from + ">" + to); else world.cut.delete(from + ">" + to);
  }
}

const copy = (world) => ({ nodes: world.nodes.map((n) => ({ ...n, log: n.log.slice() })), cut: new Set(world.cut) });

const kept = [];  // the world before event 0, EVERY, 2*EVERY…
const lives = []; // by node: stretches of one role, term and condition
const bands = []; // stretches in which two lanes don't hear each other

// begin walks once through all events.
(function begin() {
  const world = emptyWorld();
  change(world, run.start, run.cut);
  const open = [], cut = new Map();
  const look = (column) => {
    world.nodes.forEach((n, k) => {
      const l = open[k];
      if (l && l.up === n.up && l.paused === n.paused && l.role === n.role && l.term === n.term) return;
      if (l) l.to = column;
      open[k] = { from: column, to: events.length, up: n.up, paused: n.paused, role: n.role, term: n.term };
      (lives[k] = lives[k] || []).push(open[k]);
    });
    const now = cutPairs(world.cut);
    for (const [key, band] of cut) {
      if (now.get(key) !== band.both) { band.to = column; cut.delete(key); }
    }
    for (const [key, both] of now) {
      if (cut.has(key)) continue;
      const [a, b] = key.split("-").map(Number);
      const band = { a, b, both, from: column, to: events.length };
      bands.push(band);
      cut.set(key, band);
    }
  };
  look(0);
  events.forEach((e, column) => {
    if (column % EVERY === 0) kept.push(copy(world));
    change(world, e.c, e.l);
    if (e.c || e.l) look(column);
  });
})();

// cutPairs says between which lanes to draw a band: neighbours that don't hear each other, and pairs further
// apart if no neighbours between them show it already. The value tells whether both directions are cut.
function cutPairs(cut) {
  const pairs = new Map(), near = [];
  for (let d = 1; d < run.nodes; d++) {
    for (let a = 1; a + d <= run.nodes; a++) {
      const b = a + d, ab = cut.has(a + ">" + b), ba = cut.has(b + ">" + a);
      if (d === 1) near[a] = ab || ba;
      if (!ab && !ba) continue;
      let shown = false;
      for (let k = a; d > 1 && k < b; k++) shown = shown || near[k];
      if (!shown) pairs.set(a + "-" + b, ab && ba);
    }
  }
  return pairs;
}

function worldAfter(column) {
  const block = Math.floor(column / EVERY);
  const world = copy(kept[block]);
  for (let k = block * EVERY; k <= column; k++) change(world, events[k].c, events[k].l);
  return world;
}

function worldBefore(column) {
  if (column > 0) return worldAfter(column - 1);
  return copy(kept[0]);
}

// ---- messages by event -----------------------------------------------------------------------

const sentBy = new Map(), arrivesBy = new Map();
run.messages.forEach((m) => {
  const [, , , , sent, arrived] = m;
  if (!sentBy.has(sent)) sentBy.set(sent, []);
  sentBy.get(sent).push(m);
  if (arrived) arrivesBy.set(arrived, m);
});
const kindOf = (m) => run.kinds[m[0]] || "message " + m[0];
const isBeat = (m) => kindOf(m).startsWith("Heartbeat");
