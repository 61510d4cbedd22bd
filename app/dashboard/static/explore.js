// Looking around in a scan: the scatter, and the gallery that follows what is selected in it.
// Address and page say the same at any time, so that a selection can be shared and gone back to.

import { followPointer } from "./explore-lasso.js";
import { Plot, isAgreement } from "./explore-plot.js";
import { figure } from "./explore-scale.js";
import { legendEntry } from "./explore-signs.js";

const SWAPPED = ["plot-title", "axes", "ranges", "region", "selection"];
const RANGES = ["x_from", "x_to", "y_from", "y_to"];
const PICTURE_AFTER_MS = 120;
const at = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const place = at("plot");
const names = { x: place.dataset.x, y: place.dataset.y };
const plot = new Plot(at("canvas"), names);
const hint = [...at("under").childNodes];
let asking = null; // the page in progress
let pointsUrl = "";

// What is asked for now: axes, shapes, ranges and filter.
function query() {
  const found = new URLSearchParams();
  for (const [name, value] of new FormData(at("region"))) if (value) found.append(name, value);
  return found;
}

function shownSelection() {
  const asked = query();
  const ranges = Object.fromEntries(RANGES.filter((name) => asked.has(name)).map((name) => [name, Number(asked.get(name))]));
  const polygons = asked.getAll("polygon").map((text) => {
    const numbers = text.split(" ").map(Number);
    return numbers.flatMap((x, i) => (i % 2 ? [] : [[x, numbers[i + 1]]]));
  });
  return { ranges, polygons, positions: asked.getAll("position").map(Number) };
}

async function go(url, { keep = false } = {}) {
  asking?.abort();
  const mine = asking = new AbortController();
  at("selection").setAttribute("aria-busy", "true");
  const asked = new URL(url, location.href);
  const shown = asked.href;
  asked.searchParams.set("now", "yes"); // who waits for it anyway gets it at once
  try {
    const answer = await fetch(asked, { headers: { Accept: "text/html" }, signal: mine.signal });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    // An error's page, or the one to sign in: it is shown as such.
    if (answer.redirected || !fresh.getElementById("selection")) { location.assign(shown); return; }
    if (!keep) history.pushState(null, "", shown);
    swap(fresh);
  } catch (error) {
    if (error.name === "AbortError") return;
    at("selection").removeAttribute("aria-busy");
    at("under").textContent = "The service does not answer. Try again in a moment.";
  }
}

function swap(fresh) {
  const focused = document.activeElement?.id;
  for (const id of SWAPPED) at(id).replaceWith(fresh.getElementById(id));
  if (focused) at(focused)?.focus({ preventScroll: true });
  Object.assign(place.dataset, fresh.getElementById("plot").dataset);
  at("selection").querySelectorAll("img[data-picture]").forEach(sharpenSmall);
  look();
}

// Draws what the page says, after fetching the points if they are others.
async function look() {
  plot.selection = shownSelection();
  if (place.dataset.points === pointsUrl) { showPoints(plot.points); return; }
  const url = pointsUrl = place.dataset.points;
  at("plot-words").textContent = "Fetching the examples…";
  try {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(String(answer.status));
    const points = await answer.json();
    if (url === pointsUrl) showPoints(points);
  } catch {
    pointsUrl = "";
    at("plot-words").textContent = "The examples could not be fetched. Reload the page to try again.";
  }
}

function showPoints(points) {
  if (!points) return;
  Object.assign(names, { x: place.dataset.x, y: place.dataset.y });
  plot.show(points, place.dataset.colour);
  at("plot-words").textContent = inWords(points);
  at("legend").replaceChildren(...plot.signs.map((sign, i) => [sign, plot.of.filter((each) => each === i).length])
    .filter(([, count]) => count).map(([sign, count]) => legendEntry(sign, whole.format(count))));
  for (const [axis, range] of [["x", points.x_range], ["y", points.y_range]]) {
    for (const [i, end] of ["from", "to"].entries()) at(`${axis}_${end}`).placeholder = range ? figure(range[i]) : "";
  }
  place.dataset.ready = "yes";
}

const counted = (count) => `${whole.format(count)} ${count === 1 ? "example" : "examples"}`;

function inWords(points) {
  const count = counted(points.example_count);
  const parts = [points.example_count === 0 ? "No example fits the filter."
    : points.density ? `${count}, too many to draw each: the stronger the shade, the more. The ${whole.format(points.positions.length)} most suspicious are drawn on top.`
      : `${count}, a point each.`];
  if (isAgreement(points)) parts.push("On the dashed line the model says what was given.");
  if (points.placeless) parts.push(`${whole.format(points.placeless)} of the scan have no place here: a score is missing, or has no logarithm.`);
  return parts.join(" ");
}

// Replaces what is selected, or adds to it.
function select(change, adds) {
  const asked = query();
  if (!adds) for (const name of ["polygon", "position", ...RANGES]) asked.delete(name);
  change(asked);
  go(`${location.pathname}?${asked}`);
}

function choosePolygon(line, adds) {
  const numbers = line.flatMap(([x, y]) => [plot.x.value(x), plot.y.value(y)]);
  plot.selection.polygons = [...(adds ? plot.selection.polygons : []), line.map(([x, y]) => [plot.x.value(x), plot.y.value(y)])];
  plot.over([]);
  select((asked) => asked.append("polygon", numbers.join(" ")), adds);
}

function hasShape() {
  const { polygons, positions, ranges } = plot.selection;
  return polygons.length + positions.length + Object.keys(ranges).length > 0;
}

function clicked(where, adds) {
  const point = plot.nearest(where);
  if (point >= 0) { select((asked) => asked.append("position", plot.points.positions[point]), adds); return; }
  const cell = plot.cell(where);
  if (cell) choosePolygon(cell.corners, adds);
  else if (!adds && hasShape()) select(() => {}, false); // beside everything: nothing is meant
}

// Says what is under the pointer, with its picture where it is one.
let under = -1;
let pictureTimer = 0;
function hovered(where) {
  if (!plot.points) return;
  const point = where ? plot.nearest(where) : -1;
  const cell = where && point < 0 ? plot.cell(where) : null;
  if (point === under && !cell) return;
  under = cell ? null : point;
  clearTimeout(pictureTimer);
  if (cell) { at("under").textContent = `${counted(cell.count)} here`; return; }
  if (point < 0) { at("under").replaceChildren(...hint); return; }
  const { positions, xs, ys, given, classes, flagged } = plot.points;
  const parts = [`${names.x} ${figure(xs[point])}`, `${names.y} ${figure(ys[point])}`];
  if (given && classes) parts.unshift(`given ${classes[given[point]]}`);
  if (flagged[point]) parts.push("flagged");
  at("under").replaceChildren(parts.join(", "));
  if (place.dataset.pictures) {
    pictureTimer = setTimeout(() => {
      const picture = Object.assign(new Image(), { alt: "", src: `${place.dataset.pictures}/${positions[point]}/image` });
      picture.addEventListener("load", () => { if (point === under) { sharpenSmall(picture); at("under").prepend(picture); } });
    }, PICTURE_AFTER_MS);
  }
}

followPointer(at("canvas"), { drawing: (line) => plot.points && plot.over(line), drawn: (line, adds) => plot.x && choosePolygon(line, adds), clicked: (where, adds) => plot.x && clicked(where, adds), hovered });

const urlOf = (form) => {
  const found = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) found.append(name, value);
  return `${new URL(form.action).pathname}?${found}`;
};
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-soft]")) return;
  event.preventDefault();
  go(urlOf(event.target));
  for (const field of event.target.elements) field.disabled = false; // empty ones were left out
});
document.addEventListener("change", (event) => {
  const { form } = event.target;
  if (form?.matches("[data-soft]")) go(urlOf(form));
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("#selection a[data-soft], #selection .pages a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go(link.href);
});
addEventListener("popstate", () => go(location.href, { keep: true }));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.draw());
new ResizeObserver(() => plot.draw()).observe(place);
look();
