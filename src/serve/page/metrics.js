// Prometheus' text format, as far as a page needs it: {name: [{labels, value}]}.

export function parse(text) {
  const families = {};
  for (const line of text.split("\n")) {
    const m = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!m || line.startsWith("#")) continue;
    const labels = {};
    for (const [, name, value] of (m[2] ?? "").matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g))
      labels[name] = value.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
    (families[m[1]] ??= []).push({labels, value: m[3] === "+Inf" ? Infinity : Number(m[3])});
  }
  return families;
}

export function sum(families, name, where = {}) {
  return (families[name] ?? []).filter((s) => Object.entries(where).every(([k, v]) => s.labels[k] === v))
    .reduce((total, s) => total + s.value, 0);
}

// The q-quantile of what a histogram gained between two readings, in its unit; null where nothing came.
export function quantile(before, now, name, q, where = {}) {
  const bound = (s) => (s.labels.le === "+Inf" ? Infinity : Number(s.labels.le));
  const counts = new Map();
  for (const [families, sign] of [[now, 1], [before, -1]])
    for (const s of families[`${name}_bucket`] ?? [])
      if (Object.entries(where).every(([k, v]) => s.labels[k] === v))
        counts.set(bound(s), (counts.get(bound(s)) ?? 0) + sign * s.value);
  const buckets = [...counts].sort((a, b) => a[0] - b[0]), all = buckets.at(-1)?.[1] ?? 0;
  if (!(all > 0)) return null;
  let low = 0, below = 0;
  for (const [high, upTo] of buckets) {
    if (upTo >= q * all) return high === Infinity ? low : low + (high - low) * (q * all - below) / Math.max(upTo - below, 1e-9);
    low = high;
    below = upTo;
  }
  return low;
}
