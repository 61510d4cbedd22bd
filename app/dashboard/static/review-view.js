// What is seen: the item in its place, what was said, counts, notices.

const SMALL_IMAGE = 96;
const SHOW_UNSAVED_AFTER_MS = 800;
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const at = (id) => document.getElementById(id);

let unsavedTimer = null;

export function say(text) {
  const place = at("said");
  // The same words twice are told twice.
  place.textContent = place.textContent === text ? `${text}\u200b` : text;
}

// Puts an item or a panel in its place. Whoever pressed one of its buttons by keyboard keeps it.
export function put(node, byKeyboard) {
  const place = at("place");
  if (place.firstElementChild === node && place.childElementCount === 1) return;
  const focused = place.contains(document.activeElement) ? document.activeElement.closest("[data-do]")?.dataset.do ?? "" : null;
  place.replaceChildren(node);
  place.setAttribute("aria-busy", "false");
  node.querySelectorAll("img[data-picture]").forEach(sharpenSmall);
  if (place.getBoundingClientRect().top < 0) at("review").scrollIntoView({ block: "start", behavior: "instant" });
  if (focused === null) return;
  const same = byKeyboard && focused ? node.querySelector(`[data-do="${focused}"]`) : null;
  (same || node.querySelector("h2"))?.focus({ preventScroll: true });
}

export function waiting(text) {
  const line = document.createElement("p");
  line.className = "muted waiting";
  line.textContent = text;
  const place = at("place");
  place.replaceChildren(line);
  place.setAttribute("aria-busy", "true");
}

function sharpenSmall(image) {
  const look = () => image.classList.toggle("pixelated", Math.max(image.naturalWidth, image.naturalHeight) <= SMALL_IMAGE);
  if (image.complete && image.naturalWidth) look(); else image.addEventListener("load", look, { once: true });
}

export async function fillEvidence(node, evidence) {
  const place = node.querySelector("[data-evidence-place]");
  if (!place || place.dataset.filled) return;
  const part = await evidence;
  if (part) {
    place.dataset.filled = "yes";
    part.removeAttribute("id");
    place.replaceChildren(part);
    part.querySelectorAll("img[data-picture]").forEach(sharpenSmall);
  } else {
    place.querySelector("p").textContent = "It could not be loaded. You can decide without it.";
  }
}

// Larger around where it was pressed, or around the middle.
export function zoom(article, event) {
  const hero = article.querySelector("[data-hero]");
  const box = hero.getBoundingClientRect();
  const isOn = hero.classList.toggle("zoomed");
  article.querySelector('[data-do="zoom"]').setAttribute("aria-pressed", String(isOn));
  if (isOn) { hero.tabIndex = 0; hero.role = "group"; hero.ariaLabel = "the item, enlarged: scroll to move"; }
  else { hero.removeAttribute("tabindex"); hero.removeAttribute("role"); hero.removeAttribute("aria-label"); }
  const x = event ? (event.clientX - box.left) / box.width : 0.5;
  const y = event ? (event.clientY - box.top) / box.height : 0.5;
  hero.scrollTo({ left: x * hero.scrollWidth - box.width / 2, top: y * hero.scrollHeight - hero.clientHeight / 2, behavior: "instant" });
  return isOn;
}

export function showCounts({ today, done, of }) {
  at("today").textContent = whole.format(today);
  at("done").textContent = whole.format(done);
  at("of").textContent = whole.format(of);
  const bar = at("progress");
  bar.max = Math.max(of, 1);
  bar.value = done;
}

// A decision that is saved in a blink is not worth a word.
export function showUnsaved(count, isInTrouble) {
  const pill = at("unsaved");
  const show = () => { pill.textContent = `not saved yet: ${count}`; pill.hidden = count === 0; };
  clearTimeout(unsavedTimer);
  if (count === 0 || isInTrouble || !pill.hidden) show();
  else unsavedTimer = setTimeout(show, SHOW_UNSAVED_AFTER_MS);
}

export function showNotice(text, link) {
  const place = at("notice");
  if (place.dataset.text === (text ?? "")) return;
  place.dataset.text = text ?? "";
  place.hidden = !text;
  place.textContent = text ?? "";
  if (text && link) {
    const anchor = document.createElement("a");
    anchor.href = link.href;
    anchor.target = "_blank";
    anchor.textContent = link.text;
    place.append(" ", anchor);
  }
}

export function showPast(text) {
  at("past").textContent = text ?? "";
  at("past").hidden = !text;
  at("review").classList.toggle("in-past", Boolean(text));
}

// Marks what I chose, where I look back at it.
export function markChosen(article, row) {
  for (const button of article.querySelectorAll("[data-kind]")) {
    const isChosen = Boolean(row) && button.dataset.kind === row.kind &&
      (row.kind !== "relabel" || sameLabel(button.dataset.label, row.label));
    button.classList.toggle("chosen", isChosen);
    if (row) button.setAttribute("aria-pressed", String(isChosen)); else button.removeAttribute("aria-pressed");
  }
}

function sameLabel(a, b) { return a === String(b) || (a !== "" && b !== "" && Number(a) === Number(b)); }

// Says who holds what until when, and offers what can be done about it.
export function nothingLeft(found, name) {
  const panel = at("nothing-left").content.cloneNode(true).firstElementChild;
  const parts = [];
  if (found.held_count) parts.push(`${count(found.held_count, "item is", "items are")} in somebody's hands and may come back.`);
  if (found.skipped) parts.push(`You skipped ${count(found.skipped, "item", "items")}.`);
  if (found.disputed) parts.push(`${count(found.disputed, "item waits", "items wait")} for an adjudicator.`);
  if (!parts.length) parts.push(`Everything in ${name} is decided.`);
  panel.querySelector("[data-why]").textContent = parts.join(" ");
  const takeUp = panel.querySelector('[data-do="take-up"]');
  takeUp.hidden = !found.skipped;
  takeUp.firstChild.data = found.skipped === 1 ? "Take up the skipped item " : `Take up the ${whole.format(found.skipped)} skipped items `;
  panel.querySelector('[data-do="look-again"] kbd').hidden = found.skipped > 0; // enter does the first
  panel.querySelector("[data-adjudicate-link]").hidden = !found.disputed || at("review").hasAttribute("data-adjudicate");
  const rows = found.held.map((each) => {
    const row = document.createElement("tr");
    const until = new Date(each.expires_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
    for (const text of [each.name, each.key, until]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      row.append(cell);
    }
    row.lastElementChild.dataset.name = "until";
    return row;
  });
  panel.querySelector("tbody").replaceChildren(...rows);
  panel.querySelector("[data-held]").hidden = !rows.length;
  const more = found.held_count - rows.length;
  panel.querySelector("[data-more-held]").textContent = more > 0 ? `and ${whole.format(more)} more` : "";
  return panel;
}

function count(number, one, many) { return `${whole.format(number)} ${number === 1 ? one : many}`; }
