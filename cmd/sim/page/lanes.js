// ---- the lanes: a canvas as wide as the window, redrawn at every step and scroll ------------------

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
