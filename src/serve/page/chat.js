// A talk that ends in recommendations: the models "recommend:RUN" of /v1/chat/completions. A server without them is asked
// for lists by titles.
import {Failed, events, get, post, word} from "./api.js";
import {el, replace, status} from "./dom.js";

export const title = "Chat";
export const about = "Say what you liked; titles in what you write become your history.";

const HELLO = "Tell me some titles that you liked, and I say what may come next.";
let talk = []; // [{role, content}]: stays while the page does
let heard = []; // items that were recognised, for servers without a chat

// One title a line, or between commas or quotes.
function phrases(text) {
  const quoted = [...text.matchAll(/["“]([^"”]+)["”]/g)].map((m) => m[1]);
  return (quoted.length ? quoted : text.split(/[\n,;]+/)).map((s) => s.trim()).filter(Boolean);
}

async function answerByLists(text) {
  const unknown = [];
  for (const phrase of phrases(text)) {
    const {items} = await get(`v1/items?q=${word(phrase)}&n=1`);
    if (!items.length) unknown.push(phrase);
    else if (!heard.some((h) => h.id === items[0].id)) heard.push(items[0]);
  }
  if (!heard.length) return `I know no title with the words ${unknown.map((u) => `"${u}"`).join(", ")}. One title a line is best.`;
  const answer = await post("v1/recommend", {history: heard.map((h) => h.id), k: 5, reasons: true});
  const lines = answer.items.map((item, i) => `${i + 1}. ${item.title}${item.reason ? ` - ${item.reason}` : ""}`);
  return [`After ${heard.map((h) => h.title).join("; ")}:`, ...lines,
    ...(unknown.length ? [`(I know nothing of ${unknown.map((u) => `"${u}"`).join(", ")}.)`] : [])].join("\n");
}

export function show(place) {
  const said = status(), log = el("ol", {class: "talk", "aria-live": "polite", "aria-label": "The talk"});
  const model = el("select", {id: "model"});
  const input = el("textarea", {id: "say", rows: 3, maxlength: 4000});
  const send = el("button", {}, "Send");
  const stop = el("button", {type: "button", hidden: true, onclick: () => asked?.abort()}, "Stop");
  let asked = null, lists = false;

  function bubble(message) {
    const text = el("span", {class: "said"}, message.content);
    log.append(el("li", {class: message.role}, el("span", {class: "who dim"}, message.role === "user" ? "you" : "lorec"), text));
    log.lastChild.scrollIntoView({block: "nearest"});
    return text;
  }

  async function answer(text, signal) {
    if (lists) return bubble({role: "assistant", content: await answerByLists(text)}).textContent;
    let line = null, all = "";
    for await (const e of events("v1/chat/completions", {model: model.value, messages: talk, stream: true}, signal)) {
      all += e.choices?.[0]?.delta?.content ?? "";
      if (!all) continue;
      line ??= bubble({role: "assistant", content: ""});
      line.textContent = all;
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
      talk.push({role: "assistant", content: await answer(text, asked.signal)});
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
      const {data} = await get("v1/models");
      const ids = data.map((m) => m.id), first = ids.filter((id) => id.startsWith("recommend:"));
      replace(model, [...first, ...ids.filter((id) => !first.includes(id))].map((id) => el("option", {value: id}, id)));
      lists = !ids.length;
    } catch (e) {
      if (!(e instanceof Failed) || e.status !== 404) { said.textContent = e.message; return; }
      lists = true;
    }
    if (lists) replace(model, el("option", {value: ""}, "lists by title"));
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
        el("button", {type: "button", onclick: () => { talk = []; heard = []; replace(log); bubble({role: "assistant", content: HELLO}); }}, "Begin anew"),
        el("span", {class: "dim"}, "Enter sends, Shift+Enter begins a line"))), said);
  bubble({role: "assistant", content: HELLO});
  talk.forEach(bubble);
  start();
  return () => asked?.abort();
}
