// One person: what they had, and what two methods would show next, side by side.
import {get, post, word} from "./api.js";
import {day, el, replace, status} from "./dom.js";
import {picks} from "./picks.js";

export const title = "People";
export const about = "What somebody had, and what two methods would show next. A like counts in the next answer.";

const SHOWN = 10;

function historyRow(h) {
  const facts = [day(h.time), h.rating ? `rated ${h.rating}` : "", h.from === "feedback" ? `${h.type}, just now` : ""];
  return el("li", {}, el("span", {class: "title"}, h.title), el("span", {class: "dim"}, facts.filter(Boolean).join(" · ")));
}

function listedRow(item, inBoth, react) {
  const button = (label, name, type) => el("button", {type: "button", "aria-label": `${name} ${item.title}`,
    onclick: () => react(item, type)}, label);
  return el("li", {class: inBoth ? "both" : null},
    el("span", {class: "title"}, item.title, inBoth ? el("span", {class: "mark", title: "in both lists"}, " = ") : null),
    el("span", {class: "dim"}, item.source, item.score === null ? "" : ` ${item.score.toPrecision(4)}`),
    item.reason ? el("span", {class: "reason"}, item.reason) : null,
    el("span", {class: "actions"}, button("Like", "Like", "like"), button("Not this", "Do not show again:", "read")));
}

export function show(place, parameters) {
  const own = parameters.has("picks");
  const said = status();
  const user = el("input", {id: "user", list: "users", autocomplete: "off", value: parameters.get("user") ?? ""});
  const known = el("datalist", {id: "users"});
  const whose = [["user", "a person of the data"], ["picks", "my picks"]].map(([value, text]) => el("label", {},
    el("input", {type: "radio", name: "whose", value, checked: (value === "picks") === own, onchange: () => refresh()}),
    ` ${text}`));
  const choice = ["A", "B"].map((letter) => el("select", {id: `method-${letter}`, onchange: () => refresh()}));
  const had = el("ol", {class: "items plain"}), lists = [el("ol", {class: "items"}), el("ol", {class: "items"})];
  const heads = ["a", "b"].map((letter) => el("h2", {id: `list-${letter}`}, "-"));
  const notes = [el("p", {class: "dim"}), el("p", {class: "dim"})];
  const sections = lists.map((l, i) => el("section", {"aria-labelledby": heads[i].id, hidden: true}, heads[i], notes[i], l));
  const hadHead = el("h2", {id: "had"}, "History");
  let methods = [], asked = null;

  const picked = () => place.querySelector("input[name=whose]:checked").value === "picks";

  async function tellHistory(signal) {
    if (picked()) {
      hadHead.textContent = "Picked";
      replace(had, picks.all().map((p) => el("li", {}, el("span", {class: "title"}, p.title))));
      return;
    }
    const person = await get(`v1/users/${word(user.value)}?n=15`, signal);
    hadHead.textContent = `History of ${person.total}, newest first`;
    replace(had, person.history.map(historyRow));
  }

  async function react(item, type) {
    try {
      if (picked()) { if (type === "like") picks.toggle(item); }
      else await post("api/feedback", [{FeedbackType: type, UserId: user.value, ItemId: item.id}]);
      await refresh();
      said.textContent = type === "like" ? `${item.title} is liked; the lists are new.` : `${item.title} is not shown again.`;
    } catch (e) { said.textContent = e.message; }
  }

  async function refresh() {
    asked?.abort();
    asked = new AbortController();
    const signal = asked.signal;
    if (!picked() && !user.value) return;
    if (picked() && !picks.all().length) { said.textContent = "Pick something in the catalogue first."; return; }
    const whom = picked() ? {history: picks.all().map((p) => p.id)} : {user: user.value};
    const question = (i) => post("v1/recommend", {...whom, method: methods[i].split ? methods[i].run : methods[i].method, k: SHOWN, reasons: true}, signal);
    try {
      const answers = await Promise.all(choice.map((c) => c.value === "" ? null : question(Number(c.value))));
      await tellHistory(signal);
      const ids = answers.map((a) => new Set(a?.items.map((item) => item.id)));
      answers.forEach((a, i) => {
        sections[i].hidden = !a;
        heads[i].textContent = a ? a.variant : "-";
        notes[i].textContent = a ? `${a.run}, ${a.took_ms} ms${a.degraded ? `, degraded: ${a.degraded}` : ""}` : "";
        replace(lists[i], (a?.items ?? []).map((item) => listedRow(item, ids[1 - i].has(item.id), react)));
      });
      const both = [...ids[0]].filter((id) => ids[1].has(id)).length;
      said.textContent = answers[1] ? `${both} of ${ids[0].size} titles are in both lists.` : "";
    } catch (e) {
      if (e.name !== "AbortError") said.textContent = e.message;
    }
  }

  async function suggest() {
    try {
      const {users} = await get(`v1/users?q=${word(user.value)}&n=12`);
      replace(known, users.map((u) => el("option", {value: u})));
      return users;
    } catch { return []; }
  }

  async function start() {
    try {
      ({methods} = await get("v1/methods"));
    } catch (e) { said.textContent = e.message; return; }
    choice.forEach((c, i) => replace(c, i ? el("option", {value: ""}, "none") : null,
      methods.map((m, k) => el("option", {value: k}, `${m.method} (${m.run})`))));
    choice[0].value = "0";
    choice[1].value = methods.length > 1 ? "1" : "";
    const users = await suggest();
    if (!user.value && users.length) user.value = users[0];
    refresh();
  }

  user.addEventListener("input", suggest);
  user.addEventListener("change", () => refresh());
  place.append(
    el("form", {class: "row", onsubmit: (e) => { e.preventDefault(); refresh(); }},
      el("fieldset", {}, el("legend", {}, "For whom"), whose),
      el("span", {}, el("label", {for: "user"}, "Person"), user, known),
      choice.map((c, i) => el("span", {}, el("label", {for: c.id}, `Method ${"AB"[i]}`), c)),
      el("button", {}, "Show")),
    said,
    el("div", {class: "three"},
      el("section", {"aria-labelledby": "had"}, hadHead, had), sections));
  start();
  return () => asked?.abort();
}
