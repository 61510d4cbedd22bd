// One key map for all views: known by `?`, changed there, kept in this browser.

export const ACTIONS = [
  ["right", "the label is right", "a"],
  ["accept", "accept the suggestion", "x"],
  ["find", "find a class, or type a number", "/"],
  ["unusable", "not usable", "u"],
  ["unsure", "unsure", "n"],
  ["skip", "skip", " "],
  ["comment", "comment", "f"],
  ["undo", "undo", "Backspace"],
  ["back", "back through what I did", "ArrowLeft"],
  ["forward", "forward again", "ArrowRight"],
  ["zoom", "zoom", "z"],
  ["help", "show this", "?"],
];

const STORED = "cleantrace/keys";
const NAMED = ["Backspace", "Delete", "Insert", "ArrowLeft", "ArrowRight"];
const SHOWN = { " ": "␣", Backspace: "⌫", Delete: "del", Insert: "ins", ArrowLeft: "←", ArrowRight: "→" };
const SPOKEN = { " ": "space" };

export class KeyMap {
  constructor() {
    this.keys = Object.fromEntries(ACTIONS.map(([action, , key]) => [action, key]));
    this.isOn = true;
    try {
      const kept = JSON.parse(localStorage.getItem(STORED) || "{}");
      this.isOn = kept.isOn !== false;
      const own = Object.entries(kept.keys || {}).filter(([action, key]) => action in this.keys && isFree(key));
      const all = { ...this.keys, ...Object.fromEntries(own) };
      if (new Set(Object.values(all)).size === ACTIONS.length) this.keys = all;
    } catch { /* as delivered */ }
  }

  // The action that a key press means, `class1` to `class9` for digits; null if none.
  actionOf(event) {
    const isUndo = event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    if (isUndo) return "undo";
    if (!this.isOn || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
    const key = named(event.key);
    const action = Object.keys(this.keys).find((each) => this.keys[each] === key);
    if (action && !(event.shiftKey && /^(\p{L}| |[A-Z]\w+)$/u.test(event.key))) return action;
    const digit = /^[1-9]$/.test(event.key) ? event.key : /^Digit[1-9]$/.test(event.code) && !event.shiftKey ? event.code[5] : null;
    return digit ? `class${digit}` : null;
  }

  // Gives an action another key; what had it before gets the old one. Returns what to say.
  change(action, key) {
    const wanted = named(key);
    if (!isFree(wanted)) return "That key belongs to the browser, to typing or to the classes: choose another.";
    const other = Object.keys(this.keys).find((each) => each !== action && this.keys[each] === wanted);
    if (other) this.keys[other] = this.keys[action];
    this.keys[action] = wanted;
    this.#keep();
    return other ? `“${nameOf(other)}” now has the key ${shown(this.keys[other])}.` : "";
  }

  reset() {
    this.keys = Object.fromEntries(ACTIONS.map(([action, , key]) => [action, key]));
    this.#keep();
  }

  turn(isOn) { this.isOn = isOn; this.#keep(); }

  #keep() {
    try { localStorage.setItem(STORED, JSON.stringify({ keys: this.keys, isOn: this.isOn })); } catch { /* for this page */ }
  }

  // Writes the keys onto what they press.
  label(root) {
    for (const place of root.querySelectorAll("[data-key-of]")) {
      const key = this.keys[place.dataset.keyOf];
      place.textContent = shown(key);
      place.hidden = !this.isOn;
      const button = place.closest("button");
      if (this.isOn) button?.setAttribute("aria-keyshortcuts", SPOKEN[key] ?? key); else button?.removeAttribute("aria-keyshortcuts");
    }
  }
}

function named(key) { return key.length === 1 ? key.toLowerCase() : key; }
function isFree(key) {
  return typeof key === "string" && (NAMED.includes(key) || ([...key].length === 1 && !/[0-9]/.test(key)));
}
export function shown(key) { return SHOWN[key] ?? key; }
function nameOf(action) { return ACTIONS.find(([each]) => each === action)[1]; }

// The panel that `?` opens.
export function helpPanel(dialog, map, changed) {
  const rows = dialog.querySelector("tbody");
  const problem = dialog.querySelector("[data-problem]");
  const toggle = dialog.querySelector("[data-keys-on]");
  let waiting = null;

  function draw() {
    toggle.checked = map.isOn;
    rows.replaceChildren(...ACTIONS.map(([action, name]) => {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = name;
      const key = document.createElement("kbd");
      key.textContent = shown(map.keys[action]);
      const button = document.createElement("button");
      button.type = "button";
      button.className = "btn quiet";
      button.dataset.change = action;
      button.textContent = waiting === action ? "press a key …" : "change";
      button.setAttribute("aria-label", waiting === action ? `press the new key for ${name}` : `change the key for ${name}`);
      const cells = [key, button].map((content) => { const cell = document.createElement("td"); cell.append(content); return cell; });
      cells[1].className = "fit";
      row.append(head, ...cells);
      return row;
    }));
  }

  function wait(action) {
    const focused = action ?? waiting;
    waiting = action;
    draw();
    if (focused) rows.querySelector(`[data-change="${focused}"]`).focus();
  }

  dialog.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]") || event.target === dialog) dialog.close();
    const change = event.target.closest("[data-change]");
    if (change) { problem.textContent = ""; wait(change.dataset.change); }
    if (event.target.closest("[data-reset]")) { map.reset(); problem.textContent = "The keys are as delivered."; draw(); changed(); }
  });
  toggle.addEventListener("change", () => { map.turn(toggle.checked); changed(); });
  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (!waiting || ["Shift", "Control", "Alt", "Meta", "Tab"].includes(event.key)) return;
    event.preventDefault();
    if (event.key !== "Escape") { problem.textContent = map.change(waiting, event.key); changed(); }
    wait(null);
  });
  dialog.addEventListener("cancel", (event) => { if (waiting) { event.preventDefault(); wait(null); } });
  return () => { if (dialog.open) return dialog.close(); waiting = null; problem.textContent = ""; draw(); dialog.showModal(); };
}
