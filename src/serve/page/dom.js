// Elements by hand. Text always goes in as text: a title with markup in it is shown, never obeyed.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined));
  return node;
}

// el("p", {class: "dim"}, "text", otherElement): children are elements or texts.
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

export function replace(node, ...children) {
  node.replaceChildren(...children.flat().filter((c) => c !== null && c !== undefined));
}

// Columns of words begin at the left, columns of numbers end at the right.
function kinds(head, rows) {
  return head.map((_, i) => {
    const cells = rows.map((r) => r.cells[i]).filter((c) => c !== null && c !== undefined && c !== "");
    return cells.length && cells.every((c) => typeof c === "string" && !/^[-+±\d]/.test(c)) ? "words" : null;
  });
}

// A table from a head and rows of cells; a cell is a text, an element, or null for none. The first column names the row.
export function table(caption, head, rows) {
  const kind = kinds(head, rows);
  return el("div", {class: "scroll", tabindex: 0, role: "group", "aria-label": caption},
    el("table", {}, el("caption", {}, caption),
      el("thead", {}, el("tr", {}, head.map((h, i) => el("th", {scope: "col", class: kind[i]}, h)))),
      el("tbody", {}, rows.map((row) => el("tr", {class: row.class},
        row.cells.map((c, i) => el(i ? "td" : "th", i ? {class: kind[i]} : {scope: "row"}, c ?? "")))))));
}

// A line that is read out when it changes.
export function status() {
  return el("p", {class: "status dim", role: "status"});
}

export function number(x, digits = 4) {
  return x === null || x === undefined || Number.isNaN(x) ? "" : x.toFixed(digits);
}

export function count(x) {
  return Math.round(x).toLocaleString("en");
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 1) return `${Number((seconds * 1000).toPrecision(2))} ms`;
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function day(seconds) {
  return seconds === null || seconds === undefined ? "" : new Date(seconds * 1000).toISOString().slice(0, 10);
}
