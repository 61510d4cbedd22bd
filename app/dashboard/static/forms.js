// What longer forms do beyond being filled and sent.
"use strict";

// Whoever fills a choice's field means that choice.
document.addEventListener("input", (event) => {
  const picks = event.target.dataset.picks;
  if (picks) document.getElementById(picks).checked = true;
});

// A second click makes no second thing.
document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-once]");
  if (!form) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
addEventListener("pageshow", () => document.querySelectorAll("[data-sent]").forEach((form) => { delete form.dataset.sent; }));
