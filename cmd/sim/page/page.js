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

// ---- what is shown -----------------------------------------------------------------------------

let picked = 0, width = 13, logShift = 0;
let beats = true, colours = null;
const TOP = 22, PLAN = 34, CALLERS = 26, LABEL = 66;

function palette() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name).trim();
  colours = {
    back: get("--back"), ink: get("--ink"), soft: get("--soft"), line: get("--line"), lane: get("--lane"), pick: get("--pick"),
    bad: get("--bad"), band: get("--band"), band2: get("--band2"), cell: get("--cell"), cellSoft: get("--cellSoft"), sat: get("--sat"),
  };
}

// Terms that follow each other get colours far apart; none is red, which is for what goes wrong.
const HUES = [212, 36, 140, 276, 62, 180, 318];
const hue = (term) => HUES[(term - 1) % HUES.length];
const termColour = (term) => (term ? `hsl(${hue(term)} ${colours.sat} ${colours.cell})` : colours.lane);
const termSoft = (term) => `hsl(${hue(term)} ${colours.sat} ${colours.cellSoft})`;

const clock = (ns) => (ns / 1e9).toFixed(6) + " s";
const name = (who) => (who === "-" ? "plan" : who[0] === "n" ? "node " + who.slice(1) : who[0] === "c" ? "client " + who.slice(1) : "subscriber " + who.slice(1));

function laneOf(who) {
  if (who === "-") return 0;
  return who[0] === "n" ? Number(who.slice(1)) : run.nodes + 1;
}

let height = 40; // of a node's lane
function yOf(lane) {
  if (lane === 0) return TOP + PLAN / 2;
  if (lane > run.nodes) return TOP + PLAN + run.nodes * height + CALLERS / 2;
  return TOP + PLAN + (lane - 0.5) * height;
}

// spread gives the lanes their length, so that there is something to scroll.
function spread() { $("space").style.width = LABEL + events.length * width + 40 + "px"; }

function draw() {
  const scroll = $("scroll"), canvas = $("lanes");
  const w = scroll.clientWidth, room = scroll.clientHeight;
  height = Math.max(34, Math.floor((room - TOP - PLAN - CALLERS - 4) / run.nodes));
  const h = TOP + PLAN + run.nodes * height + CALLERS;
  spread();
  $("space").style.height = h + "px";
  const ratio = window.devicePixelRatio || 1;
  canvas.width = w * ratio; canvas.height = h * ratio;
  canvas.style.width = w + "px"; canvas.style.height = h + "px";
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, w, h);
  g.font = "11px system-ui, sans-serif";
  g.textBaseline = "middle";
  const left = scroll.scrollLeft;
  const xOf = (column) => LABEL + (column + 0.5) * width - left;
  const from = Math.max(0, Math.floor(left / width) - 1), to = Math.min(events.length, Math.ceil((left + w - LABEL) / width) + 1);
  g.save();
  g.beginPath(); g.rect(LABEL, 0, w - LABEL, h); g.clip();
  drawTime(g, xOf, from, to, h);
  drawBands(g, xOf, from, to);
  drawPick(g, xOf, h);
  drawLives(g, xOf, from, to);
  drawMessages(g, xOf, from, to);
  drawEvents(g, xOf, from, to);
  g.restore();
  drawLabels(g, h);
}

function drawTime(g, xOf, from, to, h) {
  g.fillStyle = colours.soft; g.strokeStyle = colours.line; g.lineWidth = 1; g.textAlign = "left";
  const every = Math.max(1, Math.ceil(110 / width));
  for (let c = from - (from % every); c < to; c += every) {
    if (c < 0 || c >= events.length) continue;
    const x = Math.round(xOf(c)) + 0.5;
    g.beginPath(); g.moveTo(x, TOP - 6); g.lineTo(x, h); g.stroke();
    g.fillText((events[c].t / 1e9).toFixed(4) + " s", x + 3, TOP / 2);
  }
}

function drawBands(g, xOf, from, to) {
  for (const b of bands) {
    if (b.to < from || b.from > to) continue;
    const x0 = xOf(b.from), x1 = xOf(b.to), y0 = yOf(b.a), y1 = yOf(b.b);
    const top = y0 + height * 0.2, low = y1 - height * 0.2;
    g.fillStyle = b.both ? colours.band2 : colours.band;
    g.fillRect(x0, top, x1 - x0, low - top);
    if (b.both) continue;
    g.save(); // one way only: hatched
    g.beginPath(); g.rect(x0, top, x1 - x0, low - top); g.clip();
    g.strokeStyle = colours.band2; g.lineWidth = 2; g.beginPath();
    const start = Math.max(x0, LABEL - 40), end = Math.min(x1, g.canvas.width);
    for (let x = start - (start % 9) - (low - top); x < end; x += 9) { g.moveTo(x, low); g.lineTo(x + (low - top), top); }
    g.stroke(); g.restore();
  }
}

function drawPick(g, xOf, h) {
  g.fillStyle = colours.pick; g.globalAlpha = 0.16;
  g.fillRect(xOf(picked) - width / 2, TOP, width, h - TOP);
  g.globalAlpha = 1;
  if (run.at && events.length && run.at === events[events.length - 1].i) {
    const x = xOf(events.length - 1) + width / 2 + 1;
    g.fillStyle = colours.bad; g.fillRect(x, TOP, 3, h - TOP);
    g.textAlign = "left"; g.fillText("✕", x + 6, TOP + PLAN / 2);
  }
}

function drawLives(g, xOf, from, to) {
  for (const lane of [0, run.nodes + 1]) {
    g.strokeStyle = colours.line; g.lineWidth = 1;
    g.beginPath(); g.moveTo(xOf(from), yOf(lane)); g.lineTo(xOf(to), yOf(lane)); g.stroke();
  }
  lives.forEach((list, k) => {
    const y = yOf(k + 1);
    list.forEach((l, j) => {
      if (l.to < from || l.from > to) return;
      const x0 = xOf(l.from), x1 = xOf(l.to);
      const was = list[j - 1];
      if (!l.up) { // a gap; a cross where it died
        if (was && was.up) cross(g, x0, y, 5, colours.bad, 2.5);
        return;
      }
      g.strokeStyle = termColour(l.term);
      g.lineWidth = l.role === LEADER ? 7 : l.role ? 3 : 2;
      g.setLineDash(l.paused ? [1, 6] : l.role && l.role !== LEADER ? [7, 4] : []);
      g.beginPath(); g.moveTo(x0, y); g.lineTo(x1, y); g.stroke();
      g.setLineDash([]);
      if (was && !was.up) { // back again
        g.fillStyle = colours.ink;
        g.beginPath(); g.moveTo(x0 - 4, y - 6); g.lineTo(x0 + 4, y); g.lineTo(x0 - 4, y + 6); g.fill();
      }
    });
    // words at a change of role, where there is room
    let free = -1e9;
    list.forEach((l, j) => {
      if (!l.up || l.to < from || l.from > to) return;
      const was = list[j - 1];
      if (was && was.up && was.role === l.role && was.term === l.term) return;
      const words = l.paused ? "paused" : l.role || (was && was.up && was.role) ? ROLES[l.role] + ", term " + l.term : "term " + l.term;
      const x = xOf(l.from) + 3;
      if (x < free) return;
      g.font = (l.role === LEADER ? "600 " : "") + "10px system-ui, sans-serif";
      g.fillStyle = termColour(l.term); g.textAlign = "left";
      g.fillText(words, x, y - 12);
      free = x + g.measureText(words).width + 6;
      g.font = "11px system-ui, sans-serif";
    });
  });
}

function cross(g, x, y, size, colour, line) {
  g.strokeStyle = colour; g.lineWidth = line;
  g.beginPath();
  g.moveTo(x - size, y - size); g.lineTo(x + size, y + size);
  g.moveTo(x - size, y + size); g.lineTo(x + size, y - size);
  g.stroke();
}

function drawMessages(g, xOf, from, to) {
  const now = events[picked].i;
  const strong = [];
  for (const m of run.messages) {
    const sent = columnOf(m[4]), end = m[5] ? columnOf(m[5]) : sent + 40;
    if (end < from || sent > to) continue;
    if (m[4] === now || m[5] === now) { strong.push(m); continue; }
    if (beats || !isBeat(m)) arrow(g, xOf, m, false);
  }
  for (const m of strong) arrow(g, xOf, m, true);
}

function arrow(g, xOf, m, strong) {
  const [, term, a, b, sent, arrived, fate] = m;
  let x0 = xOf(columnOf(sent)), y0 = yOf(a), x1, y1 = yOf(b);
  if (columnOf(sent) < 0 && arrived) { // it left before the first event
    x0 = xOf(columnOf(arrived)) - Math.min(3 * width, xOf(columnOf(arrived)) - xOf(-0.5));
    y0 = y1 + (y0 - y1) * 0.4;
  }
  if (arrived) {
    x1 = xOf(columnOf(arrived));
  } else { // it ends on the way
    x1 = x0 + 0.35 * Math.max(24, Math.abs(y1 - y0));
    y1 = y0 + (y1 - y0) * 0.4;
  }
  const colour = fate === LOST || fate === MISSED ? colours.bad : termColour(term);
  g.strokeStyle = g.fillStyle = colour;
  g.globalAlpha = strong ? 1 : isBeat(m) ? 0.3 : 0.6;
  g.lineWidth = strong ? 2.5 : 1;
  g.setLineDash(fate === 0 ? [3, 3] : []);
  const turn = Math.atan2(y1 - y0, x1 - x0), head = strong ? 9 : 6;
  const ex = x1 - (fate === ARRIVED ? 4 * Math.cos(turn) : 0), ey = y1 - (fate === ARRIVED ? 4 * Math.sin(turn) : 0);
  g.beginPath(); g.moveTo(x0, y0); g.lineTo(ex, ey); g.stroke();
  g.setLineDash([]);
  if (fate === LOST || fate === MISSED) {
    g.globalAlpha = strong ? 1 : 0.85;
    cross(g, x1, y1, strong ? 5 : 3.5, colours.bad, strong ? 2.5 : 1.6);
  } else {
    g.beginPath(); g.moveTo(ex, ey);
    g.lineTo(ex - head * Math.cos(turn - 0.4), ey - head * Math.sin(turn - 0.4));
    g.lineTo(ex - head * Math.cos(turn + 0.4), ey - head * Math.sin(turn + 0.4));
    g.fill();
  }
  g.globalAlpha = 1;
  if (strong) {
    g.font = "600 10px system-ui, sans-serif"; g.textAlign = "left";
    const words = kindOf(m), size = g.measureText(words).width;
    const x = Math.max(LABEL + 2, (x0 + ex) / 2 + 5), y = (y0 + ey) / 2;
    g.fillStyle = colours.back; g.fillRect(x - 2, y - 7, size + 4, 14);
    g.fillStyle = colour; g.fillText(words, x, y);
    g.font = "11px system-ui, sans-serif";
  }
}

function drawEvents(g, xOf, from, to) {
  let free = -1e9;
  for (let c = from; c < to; c++) {
    const e = events[c], lane = laneOf(e.w), x = xOf(c), y = yOf(lane);
    if (lane === 0) {
      g.fillStyle = colours.ink;
      g.beginPath(); g.moveTo(x, y - 5); g.lineTo(x + 5, y); g.lineTo(x, y + 5); g.lineTo(x - 5, y); g.fill();
      if (x > free) {
        const plain = e.x.replace(/fault at=\S+ /, "");
        const words = plain.length > 42 ? plain.slice(0, 41) + "…" : plain;
        g.textAlign = "left"; g.fillStyle = colours.ink;
        g.fillText(words, x + 8, y - 8);
        free = x + 14 + g.measureText(words).width;
      }
    } else {
      g.fillStyle = lane > run.nodes ? colours.soft : colours.ink;
      g.beginPath(); g.arc(x, y, c === picked ? 5 : Math.min(2.6, width / 3), 0, 7); g.fill();
    }
    if (c === picked) {
      g.strokeStyle = colours.pick; g.lineWidth = 2.5;
      g.beginPath(); g.arc(x, y, 8, 0, 7); g.stroke();
    }
  }
}

function drawLabels(g, h) {
  g.fillStyle = colours.back; g.fillRect(0, 0, LABEL - 1, h);
  g.strokeStyle = colours.line; g.lineWidth = 1;
  g.beginPath(); g.moveTo(LABEL - 0.5, 0); g.lineTo(LABEL - 0.5, h); g.stroke();
  g.textAlign = "left";
  const world = shown;
  g.fillStyle = colours.soft;
  g.fillText("plan", 8, yOf(0));
  g.fillText("callers", 8, yOf(run.nodes + 1));
  for (const n of world.nodes) {
    g.fillStyle = n.up ? termColour(n.term) : colours.soft;
    g.font = "600 12px system-ui, sans-serif";
    g.fillText("n" + n.id, 8, yOf(n.id) - 5);
    g.font = "10px system-ui, sans-serif";
    const words = n.lost ? "lost" : !n.up ? "down" : n.paused ? "paused" : n.role === 1 ? "pre-cand." : ROLES[n.role];
    g.fillText(words, 8, yOf(n.id) + 8);
  }
  g.font = "11px system-ui, sans-serif";
}

// ---- tables and words ----------------------------------------------------------------------------

let shown = emptyWorld(), before = shown;

function element(tag, text, className) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (className) e.className = className;
  return e;
}

function fillNodes() {
  const table = $("nodes");
  table.replaceChildren();
  const who = laneOf(events[picked].w);
  const end = Math.max(1, ...shown.nodes.map((n) => n.last));
  const places = Math.max(6, Math.floor(($("logs").clientWidth - 400) / 26));
  logShift = Math.max(0, Math.min(logShift, end - places));
  fillHoles();
  const to = Math.max(places, end - logShift), from = to - places + 1;
  const head = element("tr");
  for (const h of ["", "", "term", "vote", "commit", "applied", "stored", "base"]) head.append(element("th", h));
  for (let i = from; i <= to; i++) head.append(element("th", i % 2 && i > 999 ? "" : i, "at"));
  table.append(head);
  shown.nodes.forEach((n, k) => {
    const was = before.nodes[k];
    const row = element("tr", undefined, (n.id === who ? "picked " : "") + (n.up ? "" : "down"));
    row.title = n.up ? "" : "down: what was last known of it";
    const role = n.lost ? "lost" : !n.up ? "down" : n.paused ? "paused" : ROLES[n.role];
    row.append(element("td", "n" + n.id, "name"));
    const cell = (text, fresh, className) => row.append(element("td", text, (fresh ? "new " : "") + (className || "")));
    cell(role, n.role !== was.role || n.up !== was.up, "role");
    cell(n.term, n.term !== was.term);
    cell(n.vote ? "n" + n.vote : "–", n.vote !== was.vote);
    for (const f of ["commit", "applied", "stored", "base"]) cell(n[f], n[f] !== was[f]);
    for (let i = from; i <= to; i++) row.append(place(n, was, i));
    row.addEventListener("click", () => pickLane(n.id, 1));
    table.append(row);
  });
}

// fillHoles names what disks lost and nobody gave back yet; it may lie far behind the places shown.
function fillHoles() {
  const list = $("holes");
  list.replaceChildren();
  for (const n of shown.nodes) {
    const lost = [];
    for (let i = n.base + 1; i <= n.last; i++) if (n.log[i] && n.log[i][1] === 0) lost.push(i);
    if (!lost.length) continue;
    const more = lost.length > 4 ? ` and ${lost.length - 4} more` : "";
    const button = element("button", `n${n.id} lost ${lost.slice(0, 4).join(", ")}${more}`);
    button.title = "show this place of the logs";
    button.addEventListener("click", () => {
      logShift = Math.max(0, Math.max(...shown.nodes.map((o) => o.last)) - lost[0] - 6);
      fillNodes();
    });
    list.append(button);
  }
}

// place draws one place of a node's log.
function place(node, was, i) {
  const td = element("td", undefined, "at"), entry = node.log[i];
  if (i <= node.base) {
    td.append(element("span", i === node.base ? "▮" : "", "cell gone"));
    td.title = `index ${i}: in a snapshot, which covers up to ${node.base}`;
    return td;
  }
  if (!entry || i > node.last) return td;
  const [term, kind] = entry, old = was.log[i];
  const words = [`index ${i}`, `term ${term}`, run.entries[kind]];
  const span = element("span", term, "cell");
  if (kind === 0) {
    span.className += " hole"; span.textContent = "?";
  } else if (i <= node.commit) {
    span.style.background = termColour(term); span.style.color = colours.back; words.push("committed");
  } else {
    span.style.background = termSoft(term); span.style.borderColor = termColour(term);
  }
  if (i > node.stored) { span.className += " wait"; words.push("not stored"); span.style.borderColor = termColour(term); }
  if (i <= node.applied) { span.className += " done"; words.push("applied"); }
  if (!old || old[0] !== term || old[1] !== kind || i > was.last) span.className += " fresh";
  td.title = words.join(", ");
  td.append(span);
  return td;
}

function fillSide() {
  const e = events[picked];
  $("head").textContent = `Event ${e.i} · ${clock(e.t)} · ${name(e.w)}`;
  const [first, ...rest] = e.x.split("; ");
  const what = $("what");
  what.replaceChildren(element("div", first));
  if (rest.length) {
    const list = element("ul");
    for (const r of rest) list.append(element("li", r.replace(/^> /, "→ ")));
    what.append(list);
  }
  fillWay(e);
  fillAfter(e);
  const around = $("around");
  around.replaceChildren();
  const from = Math.max(0, Math.min(picked - 8, events.length - 20));
  for (let c = from; c < Math.min(events.length, from + 20); c++) {
    const o = events[c], li = element("li", undefined, c === picked ? "picked" : "");
    li.append(element("b", `${o.i} ${o.w} `), o.x);
    li.title = o.x;
    li.addEventListener("click", () => pick(c));
    around.append(li);
  }
}

// fillWay links an event with where its messages come from and go to.
function fillWay(e) {
  const list = element("ul");
  const link = (text, column) => {
    const li = element("li"), b = element("button", text);
    if (column < 0 || column >= events.length) { li.append(element("span", text, "mono")); } else { b.addEventListener("click", () => pick(column)); li.append(b); }
    list.append(li);
  };
  const m = arrivesBy.get(e.i);
  if (m) link(`↖ sent by n${m[2]} at event ${m[4]}`, columnOf(m[4]));
  for (const s of sentBy.get(e.i) || []) {
    const words = `${kindOf(s)} to n${s[3]}`;
    if (s[6] === ARRIVED) link(`↘ ${words} arrives at event ${s[5]}`, columnOf(s[5]));
    else if (s[6] === MISSED) link(`✕ ${words} finds nobody at event ${s[5]}`, columnOf(s[5]));
    else list.append(element("li", s[6] === LOST ? `✕ ${words} is lost` : `⋯ ${words} is under way at the end`, s[6] === LOST ? "lost" : "mono"));
  }
  $("way").replaceChildren(...(list.childNodes.length ? [list] : []));
}

function fillAfter(e) {
  const lane = laneOf(e.w), n = shown.nodes[lane - 1];
  $("afterHead").textContent = n ? `Node ${n.id} after it` : "";
  $("after").replaceChildren();
  if (!n) return;
  const list = element("dl");
  const row = (term, text) => list.append(element("dt", term), element("dd", text));
  row("role", n.up ? ROLES[n.role] + (n.paused ? ", paused" : "") : n.lost ? "lost its identity" : "down (what was last known)");
  row("currentTerm", n.term);
  row("votedFor", n.vote ? "node " + n.vote : "nobody");
  row("leader", n.leader ? "node " + n.leader : "unknown");
  row("commitIndex", n.commit);
  row("lastApplied", n.applied);
  const tail = [];
  for (let i = Math.max(n.base + 1, n.last - 5); i <= n.last; i++) {
    if (n.log[i]) tail.push(`${i}/${n.log[i][0]} ${run.entries[n.log[i][1]]}`);
  }
  row("log", (n.base ? `behind ${n.base}, ` : "") + (n.last > n.base ? `up to ${n.last}, stored up to ${n.stored}` : "empty"));
  if (tail.length) row("its tail", tail.join(", "));
  const deaf = [], mute = [];
  for (const o of shown.nodes) {
    if (shown.cut.has(o.id + ">" + n.id)) deaf.push(o.id);
    if (shown.cut.has(n.id + ">" + o.id)) mute.push(o.id);
  }
  if (deaf.length) row("hears not", deaf.map((x) => "n" + x).join(", "));
  if (mute.length) row("reaches not", mute.map((x) => "n" + x).join(", "));
  $("after").append(list);
}

function fillHead() {
  const ok = run.verdict === "ok";
  $("verdict").textContent = ok ? "ok" : run.verdict;
  $("verdict").className = ok ? "" : "bad";
  $("sentence").textContent = ok ? "No judge spoke in this run." : run.sentence || "";
  $("reason").textContent = run.reason ? `Event ${run.at}: ${run.reason}` : "";
  if (run.report) $("reason").append(element("pre", run.report));
  const facts = $("facts"), command = element("code", run.repeat);
  const last = events[events.length - 1];
  facts.append(`seed ${run.seed} · events ${firstNumber} to ${last.i} of ${run.total} · `, command, " ");
  const button = element("button", "copy");
  button.addEventListener("click", () => {
    const range = document.createRange();
    range.selectNodeContents(command);
    getSelection().removeAllRanges(); getSelection().addRange(range);
    document.execCommand("copy");
    button.textContent = "copied";
  });
  facts.append(button);
  facts.title = "hash " + run.hash;
}

function fillLegend() {
  const legend = $("legend"), one = (text, className, style) => {
    const s = element("span"), c = element("span", "2", "cell " + className);
    Object.assign(c.style, style || {});
    s.append(c, " " + text);
    return s;
  };
  const full = { background: termColour(2), color: colours.back }, soft = { background: termSoft(2), borderColor: termColour(2) };
  const hole = one("lost", "hole");
  hole.firstChild.textContent = "?";
  const gone = one("in a snapshot", "gone");
  gone.firstChild.textContent = "▮";
  legend.replaceChildren(one("committed", "", full), one("and applied", "done", full), one("not yet", "", soft), one("not on disk", "wait", soft), hole, gone,
    element("span", "lines: leader thick, candidate dashed, paused dotted, down none"));
}

// ---- stepping --------------------------------------------------------------------------------------

function pick(column, keepView) {
  picked = Math.max(0, Math.min(events.length - 1, column));
  shown = worldAfter(picked);
  before = worldBefore(picked);
  $("goto").value = events[picked].i;
  fillNodes();
  fillSide();
  spread();
  if (!keepView) reveal();
  draw();
}

function reveal() {
  const scroll = $("scroll"), x = LABEL + picked * width;
  const margin = Math.min(160, scroll.clientWidth / 4);
  if (x - scroll.scrollLeft < LABEL + margin) scroll.scrollLeft = x - LABEL - margin;
  if (x - scroll.scrollLeft > scroll.clientWidth - margin) scroll.scrollLeft = x - scroll.clientWidth + margin;
}

// pickLane goes to the next (+1) or previous (-1) event of a lane.
function pickLane(lane, by) {
  for (let c = picked + by; c >= 0 && c < events.length; c += by) {
    if (laneOf(events[c].w) === lane) return pick(c);
  }
}

function find(by) {
  const text = $("find").value.toLowerCase();
  if (!text) return;
  for (let k = 1; k <= events.length; k++) {
    const c = (picked + by * k + events.length * 2) % events.length;
    if ((events[c].w + " " + events[c].x).toLowerCase().includes(text)) return pick(c);
  }
}

function zoom(factor) {
  const scroll = $("scroll"), x = picked * width - scroll.scrollLeft;
  width = Math.max(3, Math.min(60, Math.round(width * factor)));
  spread();
  scroll.scrollLeft = picked * width - x;
  draw();
}

const steps = {
  first: () => pick(0), last: () => pick(events.length - 1),
  back: () => pick(picked - 1), forth: () => pick(picked + 1),
  backLane: () => pickLane(laneOf(events[picked].w), -1), forthLane: () => pickLane(laneOf(events[picked].w), 1),
  narrow: () => zoom(1 / 1.4), wide: () => zoom(1.4),
  older: () => { logShift += 8; fillNodes(); }, newer: () => { logShift -= 8; fillNodes(); },
};
for (const id of Object.keys(steps)) $(id).addEventListener("click", steps[id]);

document.addEventListener("keydown", (k) => {
  const typing = k.target === $("goto") || k.target === $("find");
  if (typing) {
    if (k.key === "Escape") $("scroll").focus();
    if (k.key === "Enter" && k.target === $("find")) find(k.shiftKey ? -1 : 1);
    if (k.key === "Enter" && k.target === $("goto")) pick(columnOf(Number($("goto").value)));
    return;
  }
  if (k.ctrlKey || k.metaKey || k.altKey) return;
  const act = {
    ArrowLeft: k.shiftKey ? steps.backLane : steps.back, ArrowRight: k.shiftKey ? steps.forthLane : steps.forth,
    Home: steps.first, End: steps.last, PageUp: () => pick(picked - 25), PageDown: () => pick(picked + 25),
    "+": steps.wide, "=": steps.wide, "-": steps.narrow, "[": steps.older, "]": steps.newer,
    "/": () => $("find").focus(), g: () => $("goto").select(), h: () => $("beats").click(),
  }[k.key];
  if (!act) return;
  k.preventDefault();
  act();
});
$("goto").addEventListener("change", () => pick(columnOf(Number($("goto").value))));
$("beats").addEventListener("change", () => { beats = $("beats").checked; draw(); });
$("scroll").addEventListener("scroll", () => requestAnimationFrame(draw));
$("lanes").addEventListener("click", (m) => {
  const x = m.clientX - $("lanes").getBoundingClientRect().left - LABEL + $("scroll").scrollLeft;
  if (x >= $("scroll").scrollLeft) pick(Math.floor(x / width), true);
});
$("lanes").addEventListener("mousemove", (m) => {
  const x = m.clientX - $("lanes").getBoundingClientRect().left - LABEL + $("scroll").scrollLeft;
  const e = events[Math.floor(x / width)];
  $("lanes").title = e ? `${e.i} ${e.w}: ${e.x}` : "";
});
function restyle() { palette(); fillLegend(); fillNodes(); draw(); }
window.addEventListener("resize", restyle);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);

palette();
fillHead();
fillLegend();
const wanted = Number(location.hash.slice(1)); // page.html#1234 opens at that event
pick(wanted ? columnOf(wanted) : run.at ? events.length - 1 : 0);
$("scroll").focus({ preventScroll: true });
