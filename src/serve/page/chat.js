// A talk that ends in recommendations: the models "recommend:RUN" of /v1/chat/completions.
import {events, get} from "./api.js";
import {el, replace, status} from "./dom.js";

export const title = "Chat";
export const about = "Say what you liked; titles in what you write become your history.";

const HELLO = "Tell me some titles that you liked, and I say what may come next.";
let talk = []; // [{role, content}]: stays while the page does

// What stands under an answer: which run it is from, and what was not as it should be.
function note(from) {
  const words = [`${from.variant}, ${from.run}`, from.degraded ? `degraded: ${from.degraded}` : "",
    from.repairs ? `titles put right: ${from.repairs}` : ""];
  return el("span", {class: "dim"}, words.filter(Boolean).join("; "));
}

export function show(place) {
  const said = status(), log = el("ol", {class: "talk", tabindex: 0, "aria-live": "polite", "aria-label": "The talk"});
  const model = el("select", {id: "model"});
  const input = el("textarea", {id: "say", rows: 3, maxlength: 4000});
  const send = el("button", {}, "Send");
  const stop = el("button", {type: "button", hidden: true, onclick: () => asked?.abort()}, "Stop");
  let asked = null;

  function bubble(message) {
    const text = el("span", {class: "said"}, message.content);
    log.append(el("li", {class: message.role}, el("span", {class: "who dim"}, message.role === "user" ? "you" : "lorec"), text));
    log.lastChild.scrollIntoView({block: "nearest"});
    return text;
  }

  async function answer(signal) {
    let line = null, all = "";
    for await (const e of events("v1/chat/completions", {model: model.value, messages: talk, stream: true}, signal)) {
      all += e.choices?.[0]?.delta?.content ?? "";
      if (all) {
        line ??= bubble({role: "assistant", content: ""});
        line.textContent = all;
      }
      if (e.lorec && line) line.after(note(e.lorec));
      log.lastChild.scrollIntoView({block: "nearest"});
    }
    return all;
  }

  async function say() {
    const text = input.value.trim();
    if (!text || asked) return;
    input.value = "";
    said.textContent = "";
    talk.push({role: "user", content: text});
    bubble(talk.at(-1));
    asked = new AbortController();
    send.hidden = true;
    stop.hidden = false;
    log.setAttribute("aria-busy", "true");
    try {
      talk.push({role: "assistant", content: await answer(asked.signal)});
    } catch (e) {
      said.textContent = e.name === "AbortError" ? "Stopped." : e.message;
      talk.pop(); // the question was not answered; it may be asked again
      input.value = text;
    }
    log.removeAttribute("aria-busy");
    asked = null;
    send.hidden = false;
    stop.hidden = true;
    input.focus();
  }

  async function start() {
    try {
      const ids = (await get("v1/models")).data.map((m) => m.id), first = ids.filter((id) => id.startsWith("recommend:"));
      replace(model, [...first, ...ids.filter((id) => !first.includes(id))].map((id) => el("option", {value: id}, id)));
    } catch (e) { said.textContent = e.message; }
  }

  input.addEventListener("keydown", (e) => {
    if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
    e.preventDefault();
    say();
  });
  place.append(
    el("p", {}, el("label", {for: "model"}, "With"), " ", model), log,
    el("form", {class: "say", onsubmit: (e) => { e.preventDefault(); say(); }},
      el("label", {for: "say"}, "What you liked, or what you are looking for"), input,
      el("p", {class: "row"}, send, stop,
        el("button", {type: "button", onclick: () => { talk = []; replace(log); bubble({role: "assistant", content: HELLO}); }}, "Begin anew"),
        el("span", {class: "dim"}, "Enter sends, Shift+Enter begins a line"))), said);
  bubble({role: "assistant", content: HELLO});
  talk.forEach(bubble);
  start();
  return () => asked?.abort();
}
