"use strict";

/* Helpers. */

const ALL = (root, selector) => [...root.querySelectorAll(selector)];
const byId = (id) => document.getElementById(id);

/** An element with attributes and children; strings become text, not markup. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Whether a text contains every word of a query. */
function matches(text, query) {
  const lower = text.toLowerCase();
  return query.toLowerCase().split(/\s+/).every((word) => lower.includes(word));
}

/* Tables: sort by a header, filter rows by words. */

const UNITS = { "": 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 };
const NAMES = new Intl.Collator("en", { numeric: true });

/** The leading number of a cell, times the prefix of its unit: `1,234`, `0.5 [0.4, 0.6]`, `1.2 M`; otherwise NaN. */
function leadingNumber(text) {
  const found = /^([-+]?[\d,]*\.?\d+(?:e[-+]?\d+)?)\s?([kKMGTPE](?=\b|FLOP))?/.exec(text);
  return found ? Number(found[1].replace(/,/g, "")) * UNITS[found[2] ?? ""] : NaN;
}

/** Compares rows by a column; cells without a value are last in both directions. */
function comparison(column, numeric, direction) {
  const key = (row) => {
    const text = row.cells[column].textContent.trim();
    return numeric ? leadingNumber(text) : text;
  };
  const missing = (value) => (numeric ? Number.isNaN(value) : value === "" || value === "-");
  return (first, second) => {
    const [a, b] = [key(first), key(second)];
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    return direction * (numeric ? a - b : NAMES.compare(a, b));
  };
}

/** A header cycles through ascending, descending and original order; averages stay at the bottom. */
function makeSortable(table) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  const headers = ALL(table, "thead th");
  headers.forEach((header, column) => {
    header.querySelector("button").addEventListener("click", () => {
      const order = { null: "ascending", ascending: "descending" }[header.getAttribute("aria-sort")];
      headers.forEach((other) => other.removeAttribute("aria-sort"));
      const rows = [...original];
      if (order) {
        header.setAttribute("aria-sort", order);
        rows.sort(comparison(column, header.classList.contains("number"), order === "ascending" ? 1 : -1));
      }
      body.append(...rows);
    });
  });
}

function makeFilterable(sheet) {
  const input = sheet.querySelector(".filter input");
  if (!input) return;
  const rows = [...sheet.querySelector("tbody").rows];
  const texts = rows.map((row) => [...row.cells].map((cell) => cell.textContent).join(" "));
  input.addEventListener("input", () => {
    rows.forEach((row, index) => (row.hidden = !matches(texts[index], input.value)));
    const shown = rows.filter((row) => !row.hidden).length;
    sheet.querySelector(".filter output").textContent =
      shown === rows.length ? `${rows.length} rows` : `${shown} of ${rows.length} rows`;
  });
}

/* Figures: enlarge in a dialog, save as a file. */

function makeEnlargeable(figure, dialog) {
  const image = figure.querySelector("img");
  const open = () => {
    const large = dialog.querySelector("img");
    large.src = image.src;
    large.alt = image.alt;
    dialog.showModal();
  };
  figure.querySelector(".enlarge").addEventListener("click", open);
  image.addEventListener("click", open);
  // The link is filled on click: otherwise the page would contain the image twice.
  const save = figure.querySelector(".save");
  save.addEventListener("click", () => {
    save.href = image.src;
    save.download = `${figure.dataset.name}.svg`;
  });
}

/* Contents: mark the current section. */

function markContents() {
  const links = new Map(ALL(document, "nav a").map((link) => [link.hash.slice(1), link]));
  const seen = new Set();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) seen[isIntersecting ? "add" : "delete"](target.id);
      const current = [...links.keys()].find((id) => seen.has(id));
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(current)?.setAttribute("aria-current", "true");
    },
    { rootMargin: "-10% 0px -60% 0px" },
  );
  ALL(document, "main > section").forEach((section) => observer.observe(section));
}

/* Single runs: a panel with a curve and, if there is one, a video. */

const SVG = "http://www.w3.org/2000/svg";
const SIZE = { width: 320, height: 160, left: 40, right: 12, top: 10, bottom: 22 };
const BATCH = 60; // panels that are drawn at once

function drawing(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

/** A short form of a number: 1500000 -> 1.5M. */
function brief(number) {
  const [unit, scale] = [["M", 1e6], ["k", 1e3]].find(([, scale]) => Math.abs(number) >= scale) ?? ["", 1];
  return `${Number((number / scale).toPrecision(4))}${unit}`;
}

/** About `count` round numbers from low to high. */
function ticks([low, high], count) {
  const power = 10 ** Math.floor(Math.log10((high - low) / count));
  const step = power * [1, 2, 5, 10].find((factor) => power * factor * count >= (high - low) * 0.999);
  const first = Math.ceil(low / step - 1e-6);
  return Array.from({ length: Math.floor(high / step + 1e-6) - first + 1 }, (_, index) => (first + index) * step);
}

/** The lowest and the highest number of lists, widened if they are equal. */
function range(lists) {
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists) {
    for (const value of list) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return [0, 1];
  return low < high ? [low, high] : [low - 0.5, high + 0.5];
}

/** The curve of a run on the axes of its task. */
function chart(run, steps, axes, metric) {
  const { width, height, left, right, top, bottom } = SIZE;
  const at = (value, [low, high], from, to) => (from + ((value - low) / (high - low)) * (to - from)).toFixed(1);
  const x = (step) => at(step, axes.x, left, width - right);
  const y = (value) => at(value, axes.y, height - bottom, top);
  const last = run.values.length - 1;
  const label = last < 0 ? "no evaluations" : `${metric} ${brief(run.values[last])} at step ${brief(steps[last])}`;
  const svg = drawing("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const value of ticks(axes.y, 5)) {
    svg.append(drawing("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
    svg.append(drawing("text", { x: left - 5, y: Number(y(value)) + 3.5, "text-anchor": "end" }, brief(value)));
  }
  for (const step of ticks(axes.x, 5)) {
    svg.append(drawing("text", { x: x(step), y: height - 7, "text-anchor": "middle" }, brief(step)));
  }
  const base = height - bottom;
  svg.append(drawing("line", { class: "axis", x1: left, x2: width - right, y1: base, y2: base }));
  if (last < 0) {
    svg.append(drawing("text", { x: (left + width - right) / 2, y: height / 2, "text-anchor": "middle" }, label));
    return svg;
  }
  const points = run.values.map((value, index) => `${x(steps[index])},${y(value)}`).join(" ");
  svg.append(drawing("polyline", { points, stroke: run.color }));
  svg.append(drawing("circle", { cx: x(steps[last]), cy: y(run.values[last]), r: 3, fill: run.color }));
  return svg;
}

/** The video of a run; with reduced motion, it starts on a click. */
function film(run) {
  const step = run.videoStep === null ? "" : `step ${brief(run.videoStep)}`;
  const show = () => element("img", { src: run.video, alt: `Video of ${run.variant}, seed ${run.seed}, ${step}` });
  const box = element("div", { class: "film" });
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
    const button = element("button", { type: "button" }, "Play video");
    button.addEventListener("click", () => button.replaceWith(show()));
    box.append(button);
  } else {
    box.append(show());
  }
  box.append(element("span", {}, step));
  return box;
}

function panel(run, data, axes) {
  const title = element("figcaption", {}, element("strong", {}, run.variant), ` ${run.task}, seed ${run.seed}`);
  if (run.values.length) title.append(element("span", { class: "last" }, brief(run.values[run.values.length - 1])));
  if (run.state) title.append(element("span", { class: "state", "data-state": run.state }, run.state));
  const view = element("div", { class: "view" }, chart(run, data.grids[run.steps], axes, data.metric));
  if (run.video) view.append(film(run));
  return element("figure", { class: "panel" }, title, view, element("code", {}, run.folder));
}

function makeRuns(data) {
  const [form, panels, count, more] = ["run-choice", "run-panels", "run-count", "run-more"].map(byId);
  const [task, variant, words] = ["task", "variant", "words"].map((name) => form.elements[name]);
  for (const [select, key] of [[task, "task"], [variant, "variant"]]) {
    select.append(element("option", { value: "" }, `all ${key}s`));
    const names = [...new Set(data.runs.map((run) => run[key]))];
    // The index, because a name may be empty.
    names.forEach((name, index) => select.append(element("option", { value: index }, name)));
  }
  task.value = "0";
  const chosen = (select, name) => select.value === "" || select.selectedOptions[0].text === name;
  const text = (run) => `${run.task} ${run.variant} seed ${run.seed} ${run.state} ${run.folder}`;
  const axes = new Map(data.runs.map((run) => [run.task, { x: [], y: [] }]));
  for (const run of data.runs) {
    axes.get(run.task).x.push(data.grids[run.steps]);
    axes.get(run.task).y.push(run.values);
  }
  axes.forEach(({ x, y }, name) => axes.set(name, { x: range([[0], ...x]), y: range(y) }));
  let waiting = [];
  const draw = () => {
    const batch = waiting.splice(0, BATCH);
    panels.append(...batch.map((run) => panel(run, data, axes.get(run.task))));
    more.hidden = !waiting.length;
    more.textContent = `Show ${Math.min(BATCH, waiting.length)} more of ${waiting.length}`;
  };
  const choose = () => {
    const runs = data.runs.filter(
      (run) => chosen(task, run.task) && chosen(variant, run.variant) && matches(text(run), words.value),
    );
    const names = [task, variant].map((select) => select.selectedOptions[0].text).join(", ");
    const choice = words.value ? `${names}, “${words.value}”` : names;
    count.textContent = `${choice}: ${runs.length} of ${data.runs.length} runs`;
    panels.classList.toggle("films", runs.some((run) => run.video));
    panels.replaceChildren();
    waiting = runs;
    draw();
  };
  [task, variant].forEach((select) => select.addEventListener("change", choose));
  words.addEventListener("input", choose);
  form.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", draw);
  choose();
}

const dialog = byId("large");
dialog.addEventListener("click", () => dialog.close());
ALL(document, "figure.picture").forEach((figure) => makeEnlargeable(figure, dialog));
ALL(document, ".sheet").forEach((sheet) => {
  makeSortable(sheet.querySelector("table"));
  makeFilterable(sheet);
});
markContents();
if (byId("run-data")) makeRuns(JSON.parse(byId("run-data").textContent));
