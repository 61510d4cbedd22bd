// Any class by typing a part of its name.

const SHOWN_AT_ONCE = 8;
const classes = [...document.getElementById("classes").content.querySelectorAll("option")].map((option) => option.textContent);

// Those that begin with what was typed come first.
function fitting(typed) {
  const wanted = typed.trim().toLowerCase();
  const begins = [];
  const holds = [];
  for (const name of classes) {
    const at = name.toLowerCase().indexOf(wanted);
    if (at === 0) begins.push(name); else if (at > 0) holds.push(name);
    if (begins.length === SHOWN_AT_ONCE) break;
  }
  return [...begins, ...holds].slice(0, SHOWN_AT_ONCE);
}

// Makes an item's field find classes; `choose(label)` is called with the one picked.
export function finder(article, choose) {
  const input = article.querySelector("input[role=combobox]");
  if (!input || input.dataset.ready) return;
  input.dataset.ready = "yes";
  const list = article.querySelector("[data-found]");
  let active = 0;

  function draw() {
    const names = input.value.trim() ? fitting(input.value) : [];
    const isOpen = input.value.trim() !== "";
    list.hidden = !isOpen;
    input.setAttribute("aria-expanded", String(isOpen));
    active = Math.min(active, Math.max(names.length - 1, 0));
    list.replaceChildren(...names.map((name, index) => {
      const option = document.createElement("div");
      option.id = `${list.id}-${index}`;
      option.role = "option";
      option.textContent = name;
      option.setAttribute("aria-selected", String(index === active));
      return option;
    }));
    if (isOpen && !names.length) {
      const none = document.createElement("p");
      none.className = "muted";
      none.textContent = "No class fits.";
      list.append(none);
    }
    if (names.length) input.setAttribute("aria-activedescendant", `${list.id}-${active}`);
    else input.removeAttribute("aria-activedescendant");
    return names;
  }

  function close() { input.value = ""; active = 0; draw(); }

  input.addEventListener("input", () => { active = 0; draw(); });
  input.addEventListener("blur", () => setTimeout(() => { if (document.activeElement !== input) close(); }, 150));
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const names = event.key === "ArrowDown" || event.key === "ArrowUp" || event.key === "Enter" ? draw() : [];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (names.length) active = (active + (event.key === "ArrowDown" ? 1 : names.length - 1)) % names.length;
      draw();
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (names.length) { const name = names[active]; close(); input.blur(); choose(name); }
    }
  });
  // Before the field loses its focus, and the list with it.
  list.addEventListener("pointerdown", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) event.preventDefault();
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) { const name = option.textContent; close(); input.blur(); choose(name); }
  });
}
