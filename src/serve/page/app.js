// The views and the way between them: #name or #name?a=b in the address, so that the back button and links work.
import * as catalogue from "./catalogue.js";
import * as person from "./person.js";
import * as chat from "./chat.js";
import * as runs from "./runs.js";
import * as training from "./training.js";
import * as live from "./live.js";
import {el, replace} from "./dom.js";

const views = {catalogue, person, chat, runs, training, live}; // each: title, about, show(place, parameters) -> leave()
const main = document.getElementById("main");
let leave = null;

function address() {
  const [name, words] = location.hash.slice(1).split("?");
  return {name: Object.hasOwn(views, name) ? name : "catalogue", parameters: new URLSearchParams(words)};
}

function show(first) {
  if (location.hash === "#main") return; // the skip link: the view stays
  const {name, parameters} = address();
  const view = views[name];
  leave?.();
  const head = el("h1", {tabindex: -1}, view.title);
  const place = el("div", {class: `view ${name}`});
  replace(main, head, el("p", {class: "dim"}, view.about), place);
  document.title = `${view.title} - lorec`;
  for (const a of document.querySelectorAll("#views a"))
    if (a.hash === `#${name}`) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  leave = view.show(place, parameters) ?? null;
  if (!first) head.focus();
}

replace(document.getElementById("views"),
  Object.entries(views).map(([name, view]) => el("li", {}, el("a", {href: `#${name}`}, view.title))));
addEventListener("hashchange", () => show(false));
show(true);
