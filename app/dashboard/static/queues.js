// Pages of queues: how many items a form means, as it is filled.
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
