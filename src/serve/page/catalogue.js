// Items by words of their titles; picking some makes a history to recommend from.
import {get, word} from "./api.js";
import {count, el, replace, status} from "./dom.js";
import {picks} from "./picks.js";

export const title = "Catalogue";
export const about = "Words of a title find it, in any order. Pick a few, and see what would come next.";

const PAGE = 20;

function row(item) {
  const button = el("button", {type: "button", "aria-pressed": String(picks.has(item.id)),
    onclick: () => picks.toggle(item)}, "Pick");
  button.dataset.id = item.id;
  return el("li", {},
    el("span", {class: "title"}, item.title),
    el("span", {class: "dim"}, [item.categories.join(", "), `${count(item.popularity)} times`].filter(Boolean).join(" · ")),
    el("span", {class: "actions"}, button));
}

export function show(place) {
  let asked = null, timer = 0;
  const input = el("input", {type: "search", id: "q", autocomplete: "off", spellcheck: "false"});
  const said = status(), list = el("ul", {class: "items"});
  const more = el("button", {type: "button", hidden: true, onclick: () => find(list.children.length)}, "More");
  const basket = el("ul", {class: "picks"}), next = el("p", {class: "row"});

  async function find(offset) {
    asked?.abort();
    asked = new AbortController();
    try {
      const found = await get(`v1/items?q=${word(input.value)}&n=${PAGE}&offset=${offset}`, asked.signal);
      if (offset) list.append(...found.items.map(row));
      else replace(list, found.items.map(row));
      more.hidden = list.children.length >= found.total;
      said.textContent = input.value.trim() === "" ? `${count(found.total)} items, popular ones first`
        : found.total === 0 ? "No title has these words." : `${count(found.total)} found`;
    } catch (e) {
      if (e.name !== "AbortError") said.textContent = e.message;
    }
  }

  function tellPicks() {
    for (const b of list.querySelectorAll("button")) b.setAttribute("aria-pressed", String(picks.has(b.dataset.id)));
    replace(basket, picks.all().map((p) => el("li", {}, el("span", {class: "title"}, p.title),
      el("button", {type: "button", "aria-label": `Take ${p.title} out`, onclick: () => picks.toggle(p)}, "\u00d7"))));
    replace(next, picks.all().length
      ? [el("a", {class: "button", href: "#person?picks=1"}, "What comes next?"),
        el("button", {type: "button", onclick: () => picks.clear()}, "Forget all")]
      : el("span", {class: "dim"}, "Nothing is picked yet."));
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => find(0), 150);
  });
  place.append(
    el("form", {role: "search", onsubmit: (e) => { e.preventDefault(); find(0); }},
      el("label", {for: "q"}, "Words of a title"), input),
    el("div", {class: "two"},
      el("section", {"aria-label": "Found"}, said, list, more),
      el("section", {"aria-labelledby": "picked"}, el("h2", {id: "picked"}, "Picked"), basket, next)));
  const forget = picks.watch(tellPicks);
  tellPicks();
  find(0);
  return () => { forget(); clearTimeout(timer); asked?.abort(); };
}
