// Items picked in the catalogue: a history of one's own. Kept until the tab is closed.

const read = () => { try { return JSON.parse(sessionStorage.getItem("lorec-picks")) ?? []; } catch { return []; } };
let list = read();
const watchers = new Set();

function changed() {
  try { sessionStorage.setItem("lorec-picks", JSON.stringify(list)); } catch { /* for this view only */ }
  for (const w of watchers) w();
}

export const picks = {
  all: () => list,
  has: (id) => list.some((p) => p.id === id),
  toggle(item) {
    list = picks.has(item.id) ? list.filter((p) => p.id !== item.id) : [...list, {id: item.id, title: item.title}];
    changed();
  },
  clear() {
    list = [];
    changed();
  },
  watch(f) {
    watchers.add(f);
    return () => watchers.delete(f);
  },
};
