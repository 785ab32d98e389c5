// What the server does now, from /metrics.
import {getText} from "./api.js";
import {count, duration, el, replace, status, table} from "./dom.js";
import {parse, quantile, sum} from "./metrics.js";
import {spark} from "./plot.js";

export const title = "Live";
export const about = "What the server does now, read from /metrics every two seconds.";

const EVERY = 2000, KEPT = 60; // two minutes
const LATENCY = "lorec_http_request_seconds";
const bytes = (x) => `${count(x / 1048576)} MiB`;
const rate = (x) => (x < 10 ? x.toFixed(1) : count(x));

// Each: a name, its number from two readings (seconds apart), and how it is written; null is nothing to tell.
const numbers = [
  ["requests a second", (b, n, s) => (sum(n, "lorec_http_requests_total") - sum(b, "lorec_http_requests_total")) / s, rate],
  ["half are answered within", (b, n) => quantile(b, n, LATENCY, 0.5), duration],
  ["99% are answered within", (b, n) => quantile(b, n, LATENCY, 0.99), duration],
  ["waiting for a model", (b, n) => sum(n, "lorec_queue_length", {queue: "model"}), count],
  ["waiting for the store", (b, n) => sum(n, "lorec_queue_length", {queue: "store"}), count],
  ["events stored, a second", (b, n, s) => (sum(n, "lorec_events_total") - sum(b, "lorec_events_total")) / s, rate],
  ["lists from the cache", (b, n) => {
    const hits = sum(n, "lorec_cache_hits_total"), all = hits + sum(n, "lorec_cache_misses_total");
    return all ? hits / all : null;
  }, (x) => `${(100 * x).toFixed(0)} %`],
  ["degraded answers", (b, n) => sum(n, "lorec_degraded_total"), count],
  ["refused, queue full", (b, n) => sum(n, "lorec_queue_full_total"), count],
  ["tokens written", (b, n) => sum(n, "lorec_tokens_completion_total"), count],
  ["memory", (b, n) => sum(n, "lorec_resident_bytes"), bytes],
  ["up for", (b, n) => sum(n, "lorec_uptime_seconds"), duration],
];

function routes(now) {
  const byRoute = new Map();
  for (const s of now.lorec_http_requests_total ?? []) {
    const id = `${s.labels.method} ${s.labels.route}`, r = byRoute.get(id) ?? {ok: 0, bad: 0, failed: 0};
    r[s.labels.code < "400" ? "ok" : s.labels.code < "500" ? "bad" : "failed"] += s.value;
    byRoute.set(id, r);
  }
  return [...byRoute].sort((a, b) => b[1].ok + b[1].bad - a[1].ok - a[1].bad)
    .map(([id, r]) => ({cells: [id, count(r.ok), count(r.bad), count(r.failed)]}));
}

export function show(place) {
  const said = status(), values = el("dl", {class: "numbers"}), byRoute = el("div", {});
  const past = numbers.map(() => []);
  let before = null, at = 0, timer = 0, gone = false;
  const shown = numbers.map(([name]) => {
    const value = el("span", {}), picture = el("span", {});
    values.append(el("div", {}, el("dt", {}, name), el("dd", {}, value, picture)));
    return {value, picture};
  });

  async function look() {
    try {
      const now = parse(await getText("metrics")), when = performance.now();
      if (gone) return;
      if (before) numbers.forEach(([, of, write], i) => {
        const x = of(before, now, (when - at) / 1000);
        past[i] = [...past[i], x ?? 0].slice(-KEPT);
        shown[i].value.textContent = x === null ? "-" : write(x);
        replace(shown[i].picture, spark(past[i]));
      });
      const rows = table("Answers since the start", ["address", "2xx, 3xx", "4xx", "5xx"], routes(now));
      if (!before) replace(byRoute, rows);
      else byRoute.querySelector("tbody").replaceWith(rows.querySelector("tbody")); // whoever scrolls there stays there
      [before, at] = [now, when];
      if (said.textContent) said.textContent = "";
    } catch (e) { said.textContent = e.message; }
    if (!gone) timer = setTimeout(look, EVERY);
  }

  place.append(said, values, byRoute);
  look();
  return () => { gone = true; clearTimeout(timer); };
}
