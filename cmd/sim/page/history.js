// ---- what clients saw ------------------------------------------------------------------------------
// The other tab is Porcupine's own page, in a frame, so that its script and style stay out of this
// one's. It is built when somebody looks at it.

const picture = JSON.parse($("picture").textContent);

function showTab(history) {
  document.body.classList.toggle("clients", history);
  $("tabRun").setAttribute("aria-selected", String(!history));
  $("tabClients").setAttribute("aria-selected", String(history));
  if (!history) return $("scroll").focus({ preventScroll: true });
  if ($("picked").firstChild) return;
  // It measures its words when it is loaded, and can only do that where there is something to be seen.
  requestAnimationFrame(() => requestAnimationFrame(() => {
    if ($("picked").firstChild) return;
    const frame = element("iframe");
    frame.title = "Porcupine's picture of the history";
    frame.srcdoc = picture.page;
    $("picked").append(frame);
  }));
}

if (picture.page) {
  $("tabs").hidden = false;
  $("note").textContent = picture.note;
  $("tabRun").addEventListener("click", () => showTab(false));
  $("tabClients").addEventListener("click", () => showTab(true));
  if (location.hash === "#clients" || run.verdict === "linearizability") showTab(true);
}
