// Keeps the overview up to date, and makes ticking a page of entries one click. Everything works without it.
const EVERY_MS = 1000; // at most one look in this time, however much happens
const CHARTS_MS = 60_000;

document.documentElement.classList.add("js");

if (new URL(location).searchParams.has("did")) {
  // Told once: whoever loads the page again is not told that it was done again.
  const plain = new URL(location);
  plain.searchParams.delete("did");
  history.replaceState(null, "", plain);
}
document.getElementById("refused")?.focus();

const all = document.getElementById("all");
if (all) {
  all.parentElement.hidden = false;
  const ticks = () => [...document.querySelectorAll('input[name="ids"]')];
  all.addEventListener("change", () => { for (const each of ticks()) each.checked = all.checked; });
  document.getElementById("chosen").addEventListener("change", (event) => {
    if (event.target === all) return;
    all.checked = ticks().every((each) => each.checked);
    all.indeterminate = !all.checked && ticks().some((each) => each.checked);
  });
}

const live = document.getElementById("live");
if (live) follow(live);

function follow(live) {
  const alarm = document.getElementById("alarm");
  const said = document.getElementById("said");
  let last = 0, timer = 0, busy = false, again = false, source;

  const soon = (ms = 0) => {
    if (timer || document.hidden) return;
    timer = setTimeout(refresh, Math.max(ms, last + EVERY_MS - performance.now()));
  };

  async function refresh() {
    timer = 0;
    if (busy) { again = true; return; }
    busy = true;
    last = performance.now();
    try {
      const answer = await fetch(live.dataset.fragment, { headers: { Accept: "text/html" } });
      if (answer.status === 401 || answer.status === 403) return location.reload();
      if (answer.ok) patch(live, await answer.text(), said);
      alarm.hidden = true;
    } catch {
      alarm.textContent = alarm.dataset.text;
      alarm.hidden = false;
      soon(5000);
    } finally {
      busy = false;
      if (again) { again = false; soon(); }
    }
  }

  async function redraw() {
    if (document.hidden) return;
    try {
      const answer = await fetch(live.dataset.charts, { headers: { Accept: "text/html" } });
      if (answer.ok) document.getElementById("charts").innerHTML = await answer.text();
    } catch { /* the next look tells that nothing answers */ }
  }

  function listen() {
    source = new EventSource(live.dataset.events);
    for (const name of ["entry", "status", "reset"]) source.addEventListener(name, () => soon(150));
    source.addEventListener("error", () => soon(1500));
  }

  listen();
  setInterval(redraw, CHARTS_MS);
  // Where no events come, looking now and then is enough.
  setInterval(() => {
    if (source.readyState === EventSource.CLOSED) listen();
    soon();
  }, 15_000);
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) { listen(); soon(); } });
  document.addEventListener("visibilitychange", () => soon());
}

// Only what differs is written, so that nobody who reads, types or tabs is disturbed; what is opened stays open.
function patch(live, text, said) {
  const next = new DOMParser().parseFromString(text, "text/html");
  const headline = document.getElementById("headline")?.textContent;
  const focused = document.activeElement;
  for (const part of next.querySelectorAll("[data-part]")) {
    const shown = document.getElementById(part.id);
    if (!shown) { live.append(document.importNode(part, true)); continue; }
    if (shown.contains(focused) && focused.matches("input, textarea, select")) continue;
    const opened = [...shown.querySelectorAll("details[open][id]")].map((each) => each.id);
    for (const id of opened) part.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
    if (shown.className !== part.className) shown.className = part.className;
    if (shown.innerHTML === part.innerHTML) continue;
    const typed = [...shown.querySelectorAll("input[id]")].map((each) => [each.id, each.value]);
    shown.replaceChildren(...document.importNode(part, true).childNodes);
    for (const [id, value] of typed) { const same = document.getElementById(id); if (same) same.value = value; }
  }
  if (focused?.id && document.activeElement !== focused) document.getElementById(focused.id)?.focus({ preventScroll: true });
  const now = document.getElementById("headline")?.textContent;
  if (now && now !== headline) said.textContent = now;
}
