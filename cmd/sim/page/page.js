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
  if (document.body.classList.contains("clients")) return;
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
