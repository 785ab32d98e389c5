// The leaderboard: finished runs, one table a protocol, with intervals, differences against the controls and plots.
import {get, word} from "./api.js";
import {count, duration, el, number, replace, status, table} from "./dom.js";
import {intervals} from "./plot.js";

export const title = "Runs";
export const about = "Finished runs. Only numbers of one protocol stand in one table; intervals are 95% over users.";

// The rows of one run's result: each method with its mean over seeds and the interval of its first seed.
function rowsOf(run, result) {
  return result.summary.filter((s) => s.seeds.length).map((s) => {
    const first = result.results.find((r) => r.method === s.method && r.status === "ok");
    return {run, method: s.method, control: s.role === "control", seeds: s.seeds, metrics: s.metrics, vs: s.vs, first};
  });
}

// Controls come with every run: the same numbers are told once.
function distinct(rows) {
  const seen = new Set();
  return rows.filter((r) => {
    const id = JSON.stringify([r.method, r.first.options, r.metrics]);
    return !seen.has(id) && seen.add(id);
  });
}

function interval(row, metric) {
  const m = row.metrics[metric];
  if (!m || m.mean === null) return null;
  if (row.seeds.length > 1) return {value: m.mean, low: m.mean - m.sd, high: m.mean + m.sd};
  const [low, high] = row.first.ci95[metric] ?? [null, null];
  return {value: m.mean, low, high};
}

function cell(row, metric, best) {
  const m = interval(row, metric);
  if (!m) return null;
  const spread = row.seeds.length > 1 ? `± ${number(row.metrics[metric].sd)}` : m.low === null ? "" : `${number(m.low)} – ${number(m.high)}`;
  return el("span", {class: m.value === best ? "best" : null}, number(m.value), spread ? el("span", {class: "ci"}, spread) : null);
}

function name(row) {
  return row.control ? `${row.method} (control)` : row.method;
}

function board(group, metric) {
  const rows = [...group.rows].sort((a, b) => (interval(b, metric)?.value ?? -Infinity) - (interval(a, metric)?.value ?? -Infinity));
  const best = Object.fromEntries(group.metrics.map((m) => [m, Math.max(...rows.map((r) => interval(r, m)?.value ?? -Infinity))]));
  const several = new Set(rows.map((r) => r.run)).size > 1;
  const points = rows.filter((r) => interval(r, metric)).map((r) => ({name: r.method, control: r.control, ...interval(r, metric)}));
  const differences = rows.flatMap((r) => Object.entries(r.vs).filter(([, of]) => of[metric]).map(([control, of]) => {
    const d = of[metric], sign = d.delta > 0 ? "+" : "";
    return {cells: [r.method, control, `${sign}${number(d.delta)}`, `${number(d.ci95[0])} – ${number(d.ci95[1])}`, d.p_holm.toPrecision(2)]};
  }));
  return [
    table(`Judged on ${count(group.users)} users`, ["method", ...group.metrics, "training", "memory", ...(several ? ["run"] : [])],
      rows.map((r) => ({class: r.control ? "control" : null, cells: [name(r), ...group.metrics.map((m) => cell(r, m, best[m])),
        duration(r.first.cost.train_s), `${count(r.first.cost.rss_mib)} MiB`, ...(several ? [r.run] : [])]}))),
    points.length ? intervals(`${metric}, with 95% intervals (or ± sd over seeds)`, points) : null,
    differences.length ? table(`Differences on ${metric}, paired per user, p after Holm`,
      ["method", "against", "difference", "95% interval", "p"], differences) : null,
    el("details", {}, el("summary", {}, "Settings"),
      rows.map((r) => el("div", {}, el("h3", {}, `${r.method}, ${r.run}`), el("pre", {tabindex: 0}, JSON.stringify(r.first.options, null, 1))))),
  ];
}

function section(group, i) {
  const body = el("div", {});
  const select = el("select", {id: `metric-${i}`, onchange: () => replace(body, board(group, select.value))},
    group.metrics.map((m) => el("option", {value: m}, m)));
  const first = group.metrics.find((m) => m.startsWith("ndcg")) ?? group.metrics[0];
  if (first) select.value = first;
  replace(body, board(group, first));
  return el("section", {"aria-label": `${group.data}, protocol ${group.protocol}`}, // the same data may stand in several
    el("h2", {}, group.data),
    el("p", {class: "dim"}, "protocol ", el("code", {}, group.protocol)),
    el("p", {}, el("label", {for: select.id}, "Sorted and drawn by"), " ", select), body);
}

export function show(place) {
  const said = status(), boards = el("div", {});
  place.append(said, boards);
  const gone = new AbortController();
  (async () => {
    try {
      const {runs} = await get("v1/runs", gone.signal), groups = new Map();
      const finished = runs.filter((r) => r.finished);
      for (const r of finished) {
        const result = await get(`v1/runs/${word(r.run)}/result`, gone.signal), id = result.protocol.id;
        if (!groups.has(id))
          groups.set(id, {protocol: id, data: result.data.name, users: result.protocol.users, metrics: result.metrics, rows: []});
        groups.get(id).rows.push(...rowsOf(r.run, result));
      }
      for (const g of groups.values()) g.rows = distinct(g.rows);
      said.textContent = `${finished.length} finished ${finished.length === 1 ? "run" : "runs"}`;
      const shown = [...groups.values()].filter((g) => g.rows.length).sort((a, b) => b.rows.length - a.rows.length);
      replace(boards, shown.length ? shown.map(section)
        : el("p", {}, "No run here is finished yet; ", el("a", {href: "#training"}, "Training"), " shows those under way."));
    } catch (e) {
      if (e.name !== "AbortError") said.textContent = e.message;
    }
  })();
  return () => gone.abort();
}
