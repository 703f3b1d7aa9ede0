// What was typed and signed and is not saved yet: kept in this browser for its owner, for a day at most.
const PREFIX = "fieldsync.draft.";
const LASTS_MS = 24 * 3600 * 1000;
const owner = document.body.dataset.owner;
const key = PREFIX + owner;

function read(name) {
  try {
    const draft = JSON.parse(localStorage.getItem(name));
    const age = Date.now() - draft.at;
    return age >= 0 && age < LASTS_MS ? draft : null;
  } catch {
    return null;
  }
}

// Whoever is known here sees the end of everybody else's.
export function prune() {
  try {
    for (const name of Object.keys(localStorage)) {
      if (name.startsWith(PREFIX) && ((owner && name !== key) || !read(name))) localStorage.removeItem(name);
    }
  } catch { /* a browser that keeps nothing has nothing to erase */ }
}

export const load = () => (owner ? read(key) : null);

export function save(draft) {
  if (!owner) return;
  try {
    localStorage.setItem(key, JSON.stringify({ ...draft, at: Date.now() }));
  } catch { /* without room for it the form still is where it is */ }
}

export function drop() {
  try { localStorage.removeItem(key); } catch { /* as above */ }
}

export function dropOf(id) {
  if (load()?.id === id) drop();
}
