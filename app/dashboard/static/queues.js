// Pages of queues: how many items a form means, as it is filled; and work as it is done.
"use strict";

const PAUSE_MS = 350;
let counting = null; // the look in progress
let pause = 0;

// Put the fresh parts of an answer in the place of the old ones; what was typed stays.
function showCount(fresh) {
  document.getElementById("preview").replaceChildren(...fresh.getElementById("preview").childNodes);
  for (const place of document.querySelectorAll(".problem")) {
    place.replaceChildren(...(fresh.getElementById(place.id)?.childNodes ?? []));
  }
  for (const field of document.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  for (const wrong of fresh.querySelectorAll("[aria-invalid][id]")) document.getElementById(wrong.id)?.setAttribute("aria-invalid", "true");
}

async function count(form) {
  counting?.abort();
  counting = new AbortController();
  const body = new URLSearchParams(new FormData(form));
  body.set("do", "count");
  document.getElementById("preview").setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, { method: "POST", body, signal: counting.signal, headers: { Accept: "text/html" } });
    if (answer.redirected) { location.reload(); return; }
    showCount(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch (error) {
    if (error.name === "AbortError") return;
    document.getElementById("preview").textContent = "It could not be counted just now: the button below tries again.";
  }
  document.getElementById("preview").removeAttribute("aria-busy");
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-count]");
  if (!form) return;
  clearTimeout(pause);
  pause = setTimeout(count, PAUSE_MS, form);
});

// The form that one meets first is counted at once.
const counted = document.querySelector("form[data-count]");
if (counted && !document.getElementById("preview").hasChildNodes()) count(counted);

// The page's live part is fetched anew when the queue's events say that something changed.
const follow = document.querySelector("[data-follow]");
const FRESH_MS = 1500; // not more often than this, however many people work
let events = null;
let last = "";
let due = 0;
let again = 0;

function showLive(html) {
  if (html === last) return; // what is looked at stays as it is
  last = html;
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("live");
  const old = document.getElementById("live");
  for (const open of old.querySelectorAll("details[open][id]")) {
    const same = fresh.querySelector(`#${CSS.escape(open.id)}`);
    if (same) same.open = true;
  }
  const focused = old.contains(document.activeElement) && document.activeElement.id;
  old.replaceWith(fresh);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  fresh.querySelectorAll("img[data-picture]").forEach(sharpenSmall);
}

async function lookLive() {
  due = 0;
  try {
    const answer = await fetch(follow.dataset.follow, { headers: { Accept: "text/html" } });
    if (answer.redirected || answer.status === 404) { location.reload(); return; }
    if (!answer.ok) throw new Error(String(answer.status));
    showLive(await answer.text());
    follow.textContent = "follows by itself";
  } catch {
    follow.textContent = "not up to date: the service does not answer, trying again";
    due ||= setTimeout(lookLive, 4 * FRESH_MS);
  }
}

function followEvents() {
  events?.close();
  clearTimeout(due);
  clearTimeout(again);
  due = 0;
  if (document.hidden) return;
  events = new EventSource(follow.dataset.followEvents);
  // The first event comes at once: what happened while nobody looked is shown by it.
  events.addEventListener("progress", () => { due ||= setTimeout(lookLive, last ? FRESH_MS : 0); });
  events.addEventListener("error", () => {
    follow.textContent = "not up to date: connecting again";
    // After an answer such as a proxy's 502 a browser does not connect again by itself.
    if (events.readyState === EventSource.CLOSED) again = setTimeout(() => { followEvents(); lookLive(); }, 4 * FRESH_MS);
  });
}

if (follow) {
  followEvents();
  document.addEventListener("visibilitychange", followEvents);
  addEventListener("pagehide", () => events?.close());
}
