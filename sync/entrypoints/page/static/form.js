// The form with JavaScript: search in the lists, a pad to sign on, a draft, and saving without leaving the page, so
// that nothing typed or signed is lost whatever the answer is.
import { drop, load, save } from "./draft.js";
import { createPad } from "./pad.js";

const PATIENCE_MS = 30000;
let kept = { strokes: [], files: null };
let leaving = false;
let pad = null;

addEventListener("beforeunload", (event) => {
  if (pad?.touched && !leaving) event.preventDefault();
});

export function wake() {
  const form = document.getElementById("intervention");
  // Without scripts these search; here they would be what Enter presses.
  form.querySelectorAll(".no-js").forEach((each) => each.remove());
  form.querySelectorAll("[data-picks]").forEach((each) => wakePicks(form, each));
  wakeCustomer(form);
  pad = wakePad(form);
  const draft = "draft" in form.dataset ? load() : null;
  if (draft && form.dataset.fresh) restore(form, draft);
  if ("draft" in form.dataset) {
    let timer = 0;
    const later = () => { clearTimeout(timer); timer = setTimeout(() => remember(form), 250); };
    form.addEventListener("input", later);
    form.addEventListener("change", later);
    form.addEventListener("signed", later);
    addEventListener("pagehide", () => { if (timer && form.isConnected) remember(form); });
    if (!form.dataset.fresh) remember(form);
  }
  form.addEventListener("submit", (event) => { event.preventDefault(); send(form); });
  focusTrouble();
}

function focusTrouble() {
  const first = document.getElementById("problems") || document.getElementById("notice");
  first?.focus();
  // An answer in the summary leads to the field itself.
  document.querySelectorAll("#problems a").forEach((link) => link.addEventListener("click", (event) => {
    const place = document.getElementById(link.hash.slice(1));
    const field = place?.matches("input, select, textarea") ? place : place?.querySelector("input:not([type=hidden]), select, textarea") || place;
    if (!field) return;
    event.preventDefault();
    field.closest("details")?.setAttribute("open", "");
    place.scrollIntoView({ block: "center" });
    (place.id === "signature" && document.getElementById("ink") ? place : field).focus({ preventScroll: true });
  }));
}

// Lists to choose from

// One customer: the one that was named last, in the list or by its number.
function wakeCustomer(form) {
  const list = form.querySelector("select[name=company_id]");
  const number = document.getElementById("company_id-number");
  if (!list || !number) return;
  list.addEventListener("change", () => { if (list.value) number.value = ""; });
  number.addEventListener("input", () => { if (number.value) list.value = ""; });
}

const picked = (form, name) => [...form.querySelectorAll(`input[type=checkbox][name=${name}]:checked`)].map((box) => box.value);

function wakePicks(form, field) {
  const search = field.querySelector("input[type=search]");
  if (!search) return;
  let timer = 0;
  const later = () => { clearTimeout(timer); timer = setTimeout(() => fill(form, field, search.value), 150); };
  search.addEventListener("input", later);
  search.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
  if (field.dataset.picks === "site_ids") form.querySelector("select[name=company_id]")?.addEventListener("change", later);
}

async function fill(form, field, sought, chosen) {
  const name = field.dataset.picks;
  const before = picked(form, name);
  const box = field.querySelector(".choices");
  if (!box) return;
  const company = form.querySelector("select[name=company_id]")?.value ?? "";
  const query = new URLSearchParams({ q: sought, chosen: (chosen ?? before).join(","), company });
  try {
    const answer = await fetch(`/choices/${name}?${query}`, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    // What was ticked or unticked while the answer was on its way stays so.
    for (const each of box.querySelectorAll("input")) {
      if (each.checked === before.includes(each.value)) continue;
      const same = next.querySelector(`input[value="${CSS.escape(each.value)}"]`);
      if (same) same.checked = each.checked;
      else if (each.checked) next.body.prepend(each.closest("label"));
    }
    box.replaceChildren(...next.body.childNodes);
    box.scrollTop = 0;
  } catch { /* what is shown stays */ }
}

// Signature

function wakePad(form) {
  const place = document.getElementById("pad");
  if (!place) return null;
  place.hidden = false;
  document.getElementById("file-box").open = false;
  const file = document.getElementById("signature-file");
  const undo = document.getElementById("undo");
  const clear = document.getElementById("clear");
  const said = document.getElementById("pad-said");
  const made = createPad(document.getElementById("ink"), () => {
    undo.disabled = clear.disabled = !made.touched;
    said.textContent = made.touched && !made.signed ? said.dataset.short : "";
    // The last of the two that was given counts, and one of them alone.
    if (made.touched) file.value = "";
    form.dispatchEvent(new Event("signed"));
  });
  undo.addEventListener("click", () => made.undo());
  clear.addEventListener("click", () => { made.clear(); said.textContent = said.dataset.cleared; });
  file.addEventListener("change", () => { if (file.files.length && made.touched) made.clear(); });
  if (kept.strokes.length) made.strokes = kept.strokes;
  if (kept.files?.length) { file.files = kept.files; document.getElementById("file-box").open = true; }
  return made;
}

// Draft

function remember(form) {
  if (leaving) return;
  const texts = {};
  for (const field of form.elements) {
    if (field.id && "value" in field && !["checkbox", "file", "submit", "button", "search"].includes(field.type) && field.tagName !== "FIELDSET") texts[field.id] = field.value;
  }
  save({
    id: form.elements.namedItem("id").value,
    texts,
    picked: { site_ids: picked(form, "site_ids"), rule_ids: picked(form, "rule_ids") },
    strokes: pad?.strokes ?? [],
  });
}

function restore(form, draft) {
  form.elements.namedItem("id").value = draft.id;
  for (const [id, value] of Object.entries(draft.texts)) {
    const field = document.getElementById(id);
    if (!field) continue;
    field.value = value;
    if (value) field.closest("details.other")?.setAttribute("open", "");
  }
  for (const [name, chosen] of Object.entries(draft.picked)) {
    const field = document.getElementById(name);
    if (field && chosen.length) fill(form, field, "", chosen);
  }
  if (pad && draft.strokes.length) pad.strokes = draft.strokes;
  document.getElementById("draft").hidden = false;
  document.getElementById("draft-drop").addEventListener("click", () => { leaving = true; drop(); location.assign("/new"); });
}

// Saving

let saving = false;

async function send(form) {
  if (saving) return;
  saving = true;
  const button = document.getElementById("save");
  const before = button.textContent;
  button.textContent = form.dataset.saving;
  button.setAttribute("aria-disabled", "true");
  button.classList.add("busy");
  form.setAttribute("aria-busy", "true");
  try {
    if ("draft" in form.dataset) remember(form);
    const body = new FormData(form);
    if (pad?.signed) body.set("signature", await pad.image(), "signature.png");
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/html" }, signal: AbortSignal.timeout?.(PATIENCE_MS) });
    if (answer.redirected && answer.ok) {
      leaving = true;
      location.assign(answer.url);
      return;
    }
    await back(form, answer);
  } catch {
    tell(form, form.dataset.unsure, form.dataset.unsureText);
  }
  saving = false;
  const now = document.getElementById("save");
  now.textContent = before;
  now.removeAttribute("aria-disabled");
  now.classList.remove("busy");
  document.getElementById("intervention").removeAttribute("aria-busy");
}

// The same form again, with what is wrong: signature and file stay where they were, in this page.
async function back(form, answer) {
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!next.getElementById("intervention")) {
    if (answer.status === 413) return tell(form, form.dataset.large, form.dataset.largeText);
    const told = next.querySelector("main p")?.textContent;
    return tell(form, next.querySelector("main h1")?.textContent || form.dataset.unsure, told || form.dataset.unsureText);
  }
  kept = { strokes: pad?.strokes ?? [], files: document.getElementById("signature-file")?.files };
  document.querySelector("main").replaceWith(document.importNode(next.querySelector("main"), true));
  wake();
}

function tell(form, title, text) {
  document.getElementById("notice")?.remove();
  const notice = document.createElement("section");
  notice.id = "notice";
  notice.className = "notice bad";
  notice.tabIndex = -1;
  notice.setAttribute("role", "alert");
  notice.dataset.testid = "notice";
  const inside = document.createElement("div");
  const head = document.createElement("h2");
  const line = document.createElement("p");
  head.textContent = title;
  line.textContent = text;
  inside.append(head, line);
  notice.append(inside);
  form.before(notice);
  notice.focus();
  notice.scrollIntoView({ block: "center" });
}
