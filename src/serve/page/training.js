// Training as it goes on: the curve of each method's validations, the last words of the log; and training anew on what the
// server has learned since.
import {Failed, get, post, word} from "./api.js";
import {duration, el, number, replace, status, table} from "./dom.js";
import {curves} from "./plot.js";

export const title = "Training";
export const about = "The validations of a run, as they come. The curve is what early stopping looks at.";

const EVERY = 2000; // ms

function curvesOf(lines) {
  const byName = new Map();
  for (const l of lines.filter((l) => l.event === "validation")) {
    const name = l.seed === 1 ? l.method : `${l.method}, seed ${l.seed}`;
    if (!byName.has(name)) byName.set(name, {name, metric: l.metric, points: []});
    byName.get(name).points.push([l.validation, l.value]);
  }
  return [...byName.values()];
}

function stateOf(run) {
  if (run.finished) return "finished";
  return run.quiet_s === null ? "not begun" : `under way; last word ${duration(run.quiet_s || 0.5)} ago`;
}

function picture(lines) {
  const list = curvesOf(lines), results = lines.filter((l) => l.event === "result");
  return [
    list.length ? curves(`${list[0].metric} on validation`, "validation", list) : el("p", {class: "dim"}, "No validation yet."),
    list.length ? table("Validations", ["method", "validations", "last", "best", "at"], list.map((c) => {
      const best = c.points.reduce((a, b) => (b[1] > a[1] ? b : a));
      return {cells: [c.name, String(c.points.length), number(c.points.at(-1)[1]), number(best[1]), String(best[0])]};
    })) : null,
    results.length ? table("Finished", ["method", "seed", "state", "result"], results.map((r) =>
      ({cells: [r.method, String(r.seed), r.status, Object.entries(r.metrics ?? {}).map(([k, v]) => `${k} ${number(v)}`).join(", ")]}))) : null,
  ];
}

// POST /api/train, where the server has it.
async function trainer(place) {
  const said = status(), body = el("div", {});
  const tell = (t) => {
    const job = t.training, last = t.last;
    replace(body,
      el("p", {}, job ? `${t.state}: ${job.run}, ${duration(job.seconds)}, ${job.new_rows} new rows` : "Nothing is being trained."),
      job?.progress?.log ? el("p", {}, el("code", {}, job.progress.log)) : null,
      last ? el("details", {}, el("summary", {}, "The last training"), el("pre", {tabindex: 0}, JSON.stringify(last, null, 1))) : null);
  };
  const act = (path) => async () => {
    try { tell(await post(path, {})); said.textContent = ""; } catch (e) { said.textContent = e.message; }
  };
  try {
    tell(await get("api/train"));
  } catch (e) {
    if (e instanceof Failed && e.status === 404) return null;
    throw e;
  }
  place.append(el("section", {"aria-labelledby": "anew"}, el("h2", {id: "anew"}, "Train anew"),
    el("p", {class: "dim"}, "On the data and the feedback since. The new model is put into service only if it is no worse."),
    el("p", {class: "row"}, el("button", {type: "button", onclick: act("api/train")}, "Train"),
      el("button", {type: "button", onclick: act("api/rollback")}, "Back to the one before")), said, body));
  return async () => tell(await get("api/train"));
}

export function show(place, parameters) {
  const said = status(), body = el("div", {}), log = el("pre", {class: "log", tabindex: 0, "aria-label": "Last words of the log"});
  const select = el("select", {id: "run", onchange: () => restart()});
  let lines = [], next = 0, timer = 0, gone = false, follow = null;

  async function look() {
    clearTimeout(timer);
    try {
      const run = select.value, p = await get(`v1/runs/${word(run)}/progress?from=${next}`);
      if (gone || run !== select.value) return;
      if (p.lines.length || next === 0) {
        lines = [...lines, ...p.lines];
        replace(body, picture(lines));
      }
      next = p.next;
      const state = `${p.run.methods} on ${p.run.data}: ${stateOf(p.run)}`;
      if (said.textContent !== state) said.textContent = state;
      const words = p.log.join("\n");
      if (log.textContent !== words) { log.textContent = words; log.scrollTop = log.scrollHeight; }
      await follow?.();
      if (!p.run.finished || follow) timer = setTimeout(look, EVERY);
    } catch (e) {
      said.textContent = e.message;
      if (!gone) timer = setTimeout(look, 5 * EVERY);
    }
  }

  function restart() {
    lines = [];
    next = 0;
    look();
  }

  place.append(el("p", {}, el("label", {for: "run"}, "Run"), " ", select), said, body, el("h2", {}, "Log"), log);
  (async () => {
    try {
      const {runs} = await get("v1/runs");
      replace(select, runs.map((r) => el("option", {value: r.run}, r.finished ? r.run : `${r.run} (under way)`)));
      const wanted = parameters.get("run") ?? runs.find((r) => !r.finished)?.run;
      if (wanted && runs.some((r) => r.run === wanted)) select.value = wanted;
      follow = await trainer(place);
      if (!gone) look();
    } catch (e) { said.textContent = e.message; }
  })();
  return () => { gone = true; clearTimeout(timer); };
}
