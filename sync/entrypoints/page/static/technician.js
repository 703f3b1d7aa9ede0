// Keeps what is shown up to date, and wakes the form where there is one. Everything works without it.
import { prune, dropOf } from "./draft.js";

document.documentElement.classList.add("js");
prune();

const saved = document.getElementById("saved");
if (saved) {
  dropOf(saved.dataset.saved);
  saved.classList.add("saved-in");
  history.replaceState(null, "", location.pathname);
}

if (document.getElementById("intervention")) import("./form.js").then(({ wake }) => wake());

navigator.serviceWorker?.register("/service-worker.js").catch(() => {});

const live = document.getElementById("live");
if (live) follow(live);

function follow(live) {
  const alarm = document.getElementById("alarm");
  let timer = 0;
  let due = 0;
  let source;
  let busy = false;
  let again = false;

  // Never later than asked before: whatever keeps coming must not put it off for ever.
  function soon(ms = 300) {
    const at = Date.now() + ms;
    if (timer && due <= at) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(() => { timer = 0; refresh(); }, ms);
  }

  async function refresh() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(live.dataset.fragment, { headers: { Accept: "text/html" } });
      if (answer.status === 401) return location.reload();
      if (answer.ok) patch(live, await answer.text());
      tell(false);
    } catch {
      tell(true);
      soon(5000);
    } finally {
      busy = false;
      if (again) { again = false; soon(); }
    }
  }

  function tell(silent) {
    if (!silent) { alarm.hidden = true; return; }
    alarm.textContent = alarm.dataset.text;
    alarm.hidden = false;
  }

  function listen() {
    source = new EventSource(live.dataset.events);
    const only = live.dataset.only;
    source.addEventListener("entry", (event) => { if (!only || event.data.includes(only)) soon(); });
    source.addEventListener("status", () => soon());
    source.addEventListener("reset", () => soon());
    source.addEventListener("error", () => soon(1500));
    source.addEventListener("open", () => soon());
  }

  listen();
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) { listen(); soon(0); } });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(0); });
  // Where no events come, looking now and then is enough.
  setInterval(() => {
    if (document.hidden || source.readyState === EventSource.OPEN) return;
    if (source.readyState === EventSource.CLOSED) listen();
    soon(0);
  }, 15000);
}

// Only what differs is written, so that nothing flickers, and whoever is reading or tabbing stays where they are.
function patch(live, text) {
  const next = new DOMParser().parseFromString(text, "text/html");
  const focused = document.activeElement?.id;
  for (const part of next.querySelectorAll("[data-part]")) {
    const shown = document.getElementById(part.id);
    if (!shown) { live.append(document.importNode(part, true)); continue; }
    if (shown.className !== part.className) shown.className = part.className;
    for (const { name, value } of part.attributes) if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
    if (shown.innerHTML !== part.innerHTML) shown.replaceChildren(...document.importNode(part, true).childNodes);
  }
  const wanted = [...next.querySelectorAll("[data-part]")].map((part) => part.id).filter((id) => live.contains(document.getElementById(id)));
  const now = [...live.children].map((part) => part.id);
  if (wanted.join() !== now.join()) live.append(...wanted.map((id) => document.getElementById(id)));
  if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus({ preventScroll: true });
}
