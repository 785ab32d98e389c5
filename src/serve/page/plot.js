// Three small plots as SVG. Colours come from the style sheet, so that light and dark both read well; the numbers of each
// plot stand in a table beside it.
import {el, number, svg} from "./dom.js";

const WIDTH = 720, LEFT = 170, RIGHT = 70, TOP = 34, ROW = 26, BOTTOM = 40, HEIGHT = 300;

// Ticks at 1, 2 or 5 times a power of ten, about four; the ends move out to the next tick.
function axis(low, high, from, to) {
  if (!(high > low)) { const half = Math.abs(low) * 0.1 || 0.5; low -= half; high += half; }
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough)), r = rough / power;
  const step = (r < 1.5 ? 1 : r < 3.5 ? 2 : r < 7.5 ? 5 : 10) * power;
  low = Math.floor(low / step) * step;
  high = Math.ceil(high / step) * step;
  const ticks = [];
  for (let i = 0; low + i * step <= high + step / 2; i++) ticks.push(low + i * step);
  return {ticks, at: (x) => from + (x - low) / (high - low) * (to - from), text: (t) => String(Number(t.toPrecision(4)))};
}

function text(x, y, anchor, name, words) {
  return svg("text", {x, y, "text-anchor": anchor, class: name}, words);
}

function line(x1, y1, x2, y2, name) {
  return svg("line", {x1, y1, x2, y2, class: name});
}

function paper(title, height) {
  return svg("svg", {viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": title, class: "plot"},
    text(8, 18, "start", "head", title));
}

// On a narrow screen a plot is scrolled, not shrunk until nobody can read it.
function framed(plot) {
  return el("div", {class: "scroll", tabindex: 0, role: "group", "aria-label": plot.getAttribute("aria-label")}, plot);
}

function short(name) {
  return name.length > 24 ? `${name.slice(0, 23)}…` : name;
}

// A dot with its interval for each point {name, value, low, high, control}.
export function intervals(title, points) {
  const bottom = TOP + ROW * points.length, p = paper(title, bottom + BOTTOM);
  const x = axis(Math.min(...points.map((d) => d.low ?? d.value)), Math.max(...points.map((d) => d.high ?? d.value)),
    LEFT, WIDTH - RIGHT);
  for (const t of x.ticks) p.append(line(x.at(t), TOP, x.at(t), bottom, "grid"), text(x.at(t), bottom + 16, "middle", "tick", x.text(t)));
  points.forEach((d, i) => {
    const y = TOP + ROW * (i + 0.5), kind = d.control ? "control" : "method";
    p.append(text(LEFT - 10, y + 4, "end", "label", short(d.name)));
    if (d.low !== null && d.low !== undefined) p.append(line(x.at(d.low), y, x.at(d.high), y, `whisker ${kind}`));
    p.append(svg("circle", {cx: x.at(d.value), cy: y, r: 4.5, class: kind}), text(WIDTH - 8, y + 4, "end", "tick", number(d.value)));
  });
  return framed(p);
}

// Curves {name, points: [[x, y] ...]} over a common axis, each with its name at its end.
export function curves(title, xName, list) {
  const p = paper(title, HEIGHT), all = list.flatMap((c) => c.points), bottom = HEIGHT - BOTTOM;
  const x = axis(Math.min(...all.map((d) => d[0])), Math.max(...all.map((d) => d[0])), 60, WIDTH - 110);
  const y = axis(Math.min(...all.map((d) => d[1])), Math.max(...all.map((d) => d[1])), bottom, TOP);
  for (const t of y.ticks) p.append(line(60, y.at(t), WIDTH - 110, y.at(t), "grid"), text(54, y.at(t) + 4, "end", "tick", y.text(t)));
  for (const t of x.ticks) p.append(text(x.at(t), bottom + 16, "middle", "tick", x.text(t)));
  p.append(text((WIDTH - 50) / 2, HEIGHT - 6, "middle", "tick", xName));
  list.forEach((c, i) => {
    const kind = `curve curve-${i % 4}`, end = c.points.at(-1);
    p.append(svg("polyline", {points: c.points.map((d) => `${x.at(d[0]).toFixed(1)},${y.at(d[1]).toFixed(1)}`).join(" "), class: kind}),
      svg("circle", {cx: x.at(end[0]), cy: y.at(end[1]), r: 3, class: kind}),
      text(x.at(end[0]) + 6, y.at(end[1]) + 4, "start", "label", c.name));
  });
  return framed(p);
}

// The last minutes of one number; decoration beside the number itself.
export function spark(values) {
  const p = svg("svg", {viewBox: "0 0 120 28", class: "spark", "aria-hidden": "true"}), top = Math.max(...values, 1e-9);
  const at = (v, i) => `${(i * 118 / Math.max(values.length - 1, 1) + 1).toFixed(1)},${(26 - 24 * v / top).toFixed(1)}`;
  if (values.length > 1) p.append(svg("polyline", {points: values.map(at).join(" "), class: "curve curve-0"}));
  return p;
}
