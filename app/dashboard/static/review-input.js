// Keys, pointer and comment field: which of them means what to do.

const DOUBLE_CLICK_MS = 350;

// Calls `does[action]` or, for a button that decides, `decide(kind, label)`.
// The answer tells when somebody last did something, and whether by keyboard.
export function listen({ root, keys, does, article, decide, finishComment }) {
  const last = { isKeyboard: true, at: Date.now() };
  let lastClick = 0;

  function press(name) {
    const button = article()?.querySelector(`[data-do="${name}"]`);
    if (button && !button.hidden) decide(button.dataset.kind, button.dataset.label ?? null);
  }

  function typing(event, field) {
    if (event.key === "Escape") {
      event.preventDefault();
      field.blur();
      article()?.querySelector("h2")?.focus({ preventScroll: true });
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing && field.matches("[data-comment]")) {
      event.preventDefault();
      field.blur();
      finishComment(field.value.trim());
    }
  }

  // In a regression a digit begins the right number.
  function beginsNumber(event) {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    return keys.isOn && isPlain && /^[-0-9.,]$/.test(event.key) && article()?.matches("[data-regression]");
  }

  document.addEventListener("keydown", (event) => {
    Object.assign(last, { isKeyboard: true, at: Date.now() });
    const field = event.target.closest?.("input, select, textarea, [contenteditable]");
    if (field) { typing(event, field); return; }
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    // Space and enter belong to what has the focus.
    if (["Enter", " "].includes(event.key) && event.target.closest?.("a, button, summary, [data-hero][tabindex]")) return;
    if (event.key === "Enter" && !article()) {
      event.preventDefault();
      document.querySelector("#place .btn.primary:not([hidden]), #place [data-do=look-again]")?.click();
      return;
    }
    if (beginsNumber(event)) { article().querySelector("[data-find]").focus(); return; } // the key is typed there
    const action = keys.actionOf(event);
    if (!action) return;
    event.preventDefault();
    // A key held down decides one item, not a row of them.
    if (event.repeat && action !== "back" && action !== "forward") return;
    if (does[action]) does[action](); else press(action);
  });

  root.addEventListener("pointerdown", () => { Object.assign(last, { isKeyboard: false, at: Date.now() }); });
  root.addEventListener("click", (event) => {
    if (event.target.closest("[data-hero] img")) { does.zoom(event); return; }
    const button = event.target.closest("[data-do]");
    // The second half of a double click would fall on the next item.
    const isSecondHalf = event.detail > 1 && event.timeStamp - lastClick < DOUBLE_CLICK_MS;
    lastClick = event.timeStamp;
    if (!button || isSecondHalf) return;
    if (button.dataset.kind) decide(button.dataset.kind, button.dataset.label ?? null);
    else does[button.dataset.do]?.();
  });
  document.getElementById("help").addEventListener("click", does.help);
  return last;
}
