// What pages do beyond links and forms. Everything also works without it, by reloading.
"use strict";

const SMALL_IMAGE = 96;
const WATCHED_AT_ONCE = 3; // a browser opens six connections to a host; pages need some
const AWAY_MS = 3000;
const watching = new Map();

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

function duration(seconds) {
  if (seconds === null) return "";
  if (seconds < 9.95) return `${Math.max(seconds, 0).toFixed(1)} s`;
  const all = Math.round(seconds);
  for (const [unit, size, small, smallSize] of [["d", 86400, "h", 3600], ["h", 3600, "min", 60], ["min", 60, "s", 1]]) {
    if (all >= size) {
      const rest = Math.floor((all % size) / smallSize);
      return `${Math.floor(all / size)} ${unit}` + (rest ? ` ${rest} ${small}` : "");
    }
  }
  return `${all} s`;
}

// Put the fresh <main> of this page's address in the place of the old one, focus and scroll kept.
async function refresh() {
  let fresh;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected) { location.reload(); return; }
    if (answer.status >= 500) throw new Error(String(answer.status));
    fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    showAway();
    stopWatching.timer = setTimeout(refresh, AWAY_MS);
    return;
  }
  const focused = document.activeElement && document.activeElement.id;
  document.querySelector("main").replaceWith(fresh.querySelector("main"));
  document.title = fresh.title;
  if (focused && document.getElementById(focused)) document.getElementById(focused).focus();
  begin();
}

function showAway() {
  const id = "service-away";
  if (document.getElementById(id)) return;
  const notice = document.createElement("p");
  Object.assign(notice, { id, className: "notice suspect", textContent: "The service cannot be reached. What stands here may be old; it is asked for again by itself." });
  notice.setAttribute("role", "status");
  document.querySelector("main").prepend(notice);
}

function show(box, scan) {
  const p = scan.progress;
  const values = {
    done: whole.format(p.examples_done),
    count: whole.format(p.example_count),
    share: `${p.example_count ? Math.floor((100 * p.examples_done) / p.example_count) : 0} %`,
    speed: p.examples_per_second === null ? "" : `${whole.format(p.examples_per_second)} examples/s`,
    left: p.seconds_left === null ? "" : `about ${duration(p.seconds_left)} left`,
  };
  for (const place of box.querySelectorAll("[data-live]")) place.textContent = values[place.dataset.live];
  const bar = box.querySelector("progress");
  if (bar) { bar.max = Math.max(p.example_count, 1); bar.value = p.examples_done; }
}

function watch(box) {
  const source = new EventSource(box.dataset.events);
  const state = box.dataset.state;
  watching.set(box, source);
  source.addEventListener("progress", (event) => {
    const scan = JSON.parse(event.data);
    if (scan.status !== state) { stopWatching(); refresh(); return; }
    show(box, scan);
  });
  source.addEventListener("end", () => { stopWatching(); refresh(); });
  // After an answer such as a proxy's 502 a browser does not connect again by itself.
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return;
    clearTimeout(stopWatching.timer);
    stopWatching.timer = setTimeout(refresh, AWAY_MS);
  });
}

function stopWatching() {
  for (const source of watching.values()) source.close();
  watching.clear();
  clearTimeout(stopWatching.timer);
}

function begin() {
  stopWatching();
  if (document.hidden) return;
  const boxes = [...document.querySelectorAll("[data-events]")];
  boxes.slice(0, WATCHED_AT_ONCE).forEach(watch);
  const again = document.querySelector("main").dataset.refresh;
  if (again && boxes.length === 0 || boxes.length > WATCHED_AT_ONCE) {
    stopWatching.timer = setTimeout(refresh, 1000 * (again || 5));
  }
  document.querySelectorAll("img[data-picture]").forEach(sharpenSmall);
  document.querySelectorAll("a[data-fill]").forEach(fill);
}

// What takes a moment to find comes after the page: the same section of the link's page.
async function fill(link) {
  const id = link.dataset.fill;
  link.removeAttribute("data-fill");
  link.textContent = "Looking for it…";
  link.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(link.href, { headers: { Accept: "text/html" } });
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(id);
    if (!answer.ok || !found) throw new Error(String(answer.status));
    document.getElementById(id).replaceWith(found);
    found.querySelectorAll("img[data-picture]").forEach(sharpenSmall);
  } catch {
    link.textContent = "It could not be loaded: try again";
    link.removeAttribute("aria-busy");
  }
}

// Small pictures are shown as the pixels they are, not as a blur.
function sharpenSmall(image) {
  const look = () => image.classList.toggle("pixelated", Math.max(image.naturalWidth, image.naturalHeight) <= SMALL_IMAGE);
  if (image.complete && image.naturalWidth) look(); else image.addEventListener("load", look, { once: true });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.defaultPrevented) return;
  if (event.target.closest("input, select, textarea, [contenteditable]")) return;
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (target) { event.preventDefault(); target.click(); }
});

document.addEventListener("click", (event) => {
  const zoom = event.target.closest("[data-zoom]");
  if (zoom) {
    const on = document.getElementById(zoom.dataset.zoom).classList.toggle("zoomed");
    zoom.setAttribute("aria-pressed", String(on));
  }
});

// What is told once is there to be copied.
document.addEventListener("focusin", (event) => { if (event.target.matches("[data-select]")) event.target.select(); });

document.addEventListener("submit", (event) => {
  // Empty choices stay out of the address, so that it says only what is asked for.
  if (event.target.method === "get") {
    for (const field of event.target.elements) if (field.name && !field.value) field.disabled = true;
  }
});
addEventListener("pageshow", () => document.querySelectorAll("form :disabled").forEach((f) => { f.disabled = false; }));
document.addEventListener("visibilitychange", begin);
addEventListener("pagehide", stopWatching);
document.documentElement.classList.add("js");
begin();
