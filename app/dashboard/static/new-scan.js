// The page of a new scan beyond a form: the cost comes by itself, and what was typed stays.
"use strict";

const LOOK_AGAIN_MS = 1000;

function replaceParts(fresh) {
  document.getElementById("cost").replaceChildren(...fresh.getElementById("cost").childNodes);
  // A dry run may find a field at fault that the form alone could not.
  for (const place of fresh.querySelectorAll(".problem")) {
    document.getElementById(place.id).replaceChildren(...place.childNodes);
  }
  for (const field of fresh.querySelectorAll("[aria-describedby][id]")) {
    if (field.hasAttribute("aria-invalid")) document.getElementById(field.id).setAttribute("aria-invalid", "true");
  }
}

async function lookAgain() {
  if (!document.querySelector("[data-waiting]")) return;
  if (!document.hidden) {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected || !answer.ok) { location.reload(); return; }
      replaceParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch { /* the service is away for a moment */ }
  }
  setTimeout(lookAgain, LOOK_AGAIN_MS);
}

setTimeout(lookAgain, LOOK_AGAIN_MS);
