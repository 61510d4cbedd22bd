// The items ahead: claimed, fetched and their pictures decoded before anybody asks.

export const AHEAD = 5;
const KEPT = 60;

export class Store {
  line = []; // positions to decide, the one on the page first
  nothingLeft = null;
  #nodes = new Map();
  #places = new Map();
  #evidence = new Map();
  #refilling = null;
  #again = false;

  // `isDecided(position)`: I decided it, whether or not the service knows yet.
  constructor(api, { isAdjudicating, isDecided, unsent, counted }) {
    Object.assign(this, { api, isAdjudicating, isDecided, unsent, counted });
  }

  node(position) { return this.#nodes.get(position) || null; }
  keep(position, node) { this.#nodes.set(position, node); preload(node); }

  leave(position) { this.line = this.line.filter((each) => each !== position); }
  putFirst(position) { this.leave(position); this.line.unshift(position); }

  // Claims what is wanting in the line. Asked again meanwhile, it looks once more.
  refill() {
    this.#again = true;
    this.#refilling ??= this.#work().finally(() => { this.#refilling = null; });
    return this.#refilling;
  }

  async #work() {
    while (this.#again) {
      this.#again = false;
      const asked = this.isAdjudicating ? "adjudicate=true" : `count=${Math.min(50, AHEAD + this.unsent())}`;
      const found = await this.api.post(`/next?${asked}`);
      found.items.forEach((item) => this.#places.set(item.position, item.place));
      const fresh = found.items.map((item) => item.position)
        .filter((position) => !this.isDecided(position) && !this.line.includes(position));
      await this.load(fresh);
      const [current, ...others] = this.line;
      const ordered = [...others, ...fresh.filter((p) => this.node(p) && !this.isDecided(p) && !this.line.includes(p))]
        .sort((a, b) => (this.#places.get(a) ?? 0) - (this.#places.get(b) ?? 0));
      this.line = current === undefined ? ordered : [current, ...ordered];
      this.nothingLeft = found.nothing_left;
    }
  }

  // Fetches those items that are not there yet, with the queue's counts.
  async load(positions) {
    const wanting = positions.filter((position) => !this.#nodes.has(position));
    if (!wanting.length) return;
    await this.#fetch(wanting);
    this.#shed();
  }

  loadCounts() { return this.#fetch([]); }

  // As the service has them, whatever is still on its way.
  async freshCounts() { return countsOf(await this.api.html("/parts?")); }

  forget(position) { this.#nodes.delete(position); this.#evidence.delete(position); }

  async #fetch(positions) {
    const unsent = this.unsent();
    const query = positions.map((position) => `position=${position}`).join("&");
    const page = await this.api.html(`/parts?${query}`);
    if (unsent === 0 && this.unsent() === 0) this.counted(countsOf(page));
    for (const node of page.querySelectorAll("article[data-position]")) {
      this.keep(Number(node.dataset.position), document.adoptNode(node));
    }
  }

  // Claims that the service no longer knows go, but the item on the page: there it will be told.
  keepOnly(held) {
    const [current, ...others] = this.line;
    if (current !== undefined) this.line = [current, ...others.filter((position) => held.has(position))];
  }

  // The evidence of an item as an element, or null if it cannot be had now.
  evidence(position) {
    const url = this.node(position)?.dataset.evidence;
    if (!url) return Promise.resolve(null);
    if (!this.#evidence.has(position)) {
      this.#evidence.set(position, this.api.html(url.slice(this.api.pages.length)).then((page) => {
        const part = document.adoptNode(page.querySelector("section"));
        for (const link of part.querySelectorAll("a")) { link.target = "_blank"; link.rel = "noopener"; }
        preload(part);
        return part;
      }).catch(() => { this.#evidence.delete(position); return null; }));
    }
    return this.#evidence.get(position);
  }

  #shed() {
    for (const position of this.#nodes.keys()) {
      if (this.#nodes.size <= KEPT) return;
      if (!this.line.includes(position)) this.forget(position);
    }
  }
}

function countsOf(page) {
  const { today, done, of } = page.querySelector("[data-counts]").dataset;
  return { today: Number(today), done: Number(done), of: Number(of) };
}

function preload(node) {
  for (const picture of node.querySelectorAll("img")) {
    picture.loading = "eager";
    const ahead = new Image();
    ahead.src = picture.getAttribute("src");
    ahead.decode().catch(() => { /* the page itself will show that it is missing */ });
  }
}
