// What was decided and is not yet known to be saved: kept in the browser, sent one by one in order.
//
// Each change has an entry of its own, so that two tabs never overwrite each other's. A change may
// be sent twice, after a lost answer or by two tabs: its token makes the repeat harmless.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

export class Outbox {
  #timer = null;
  #sending = null;
  #failures = 0;
  #count = 0;

  // `send` resolves once a change is settled, whether taken or refused; it throws to try again.
  constructor(prefix, send, changed) {
    this.prefix = prefix;
    this.send = send;
    this.changed = changed;
    this.trouble = null;
    this.changes = this.#kept();
  }

  get size() { return this.changes.length; }

  add(change) {
    const at = `${String(Date.now()).padStart(15, "0")}.${String(this.#count++).padStart(6, "0")}`;
    const entry = { ...change, id: `${this.prefix}${at}.${change.token}`, tries: 0 };
    this.changes.push(entry);
    this.#keep(entry);
    this.changed();
    this.wake();
  }

  // Takes back what has certainly not left yet; false if it may have, also from another tab.
  cancel(token) {
    const entry = this.changes.find((each) => each.token === token);
    if (!entry || entry.tries > 0 || read(entry.id)?.tries !== 0) return false;
    this.#forget(entry);
    return true;
  }

  drop(fits) { this.changes.filter(fits).forEach((entry) => this.#forget(entry)); }

  wake() {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (!this.#sending && this.changes.length) this.#sending = this.#work().finally(() => { this.#sending = null; });
  }

  async #work() {
    while (this.changes.length) {
      const entry = this.changes[0];
      entry.tries += 1;
      this.#keep(entry);
      try {
        await this.send(entry);
      } catch (trouble) {
        this.trouble = trouble;
        const wait = Math.min(FIRST_WAIT_MS * 2 ** this.#failures++, LONGEST_WAIT_MS);
        clearTimeout(this.#timer);
        // A little apart, so that a whole team does not come back in the same moment.
        this.#timer = setTimeout(() => this.wake(), wait * (0.75 + Math.random() / 2));
        this.changed();
        return;
      }
      this.#failures = 0;
      this.trouble = null;
      this.#forget(entry);
    }
  }

  #keep(entry) {
    try { localStorage.setItem(entry.id, JSON.stringify(entry)); } catch { /* kept in this page alone */ }
  }

  #forget(entry) {
    this.changes = this.changes.filter((each) => each.id !== entry.id);
    try { localStorage.removeItem(entry.id); } catch { /* nothing was kept */ }
    this.changed();
  }

  #kept() {
    try {
      return Object.keys(localStorage).filter((key) => key.startsWith(this.prefix)).sort().map(read).filter(Boolean);
    } catch { return []; }
  }
}

// What is kept of a change; null if nothing that can be read.
function read(id) {
  try { return JSON.parse(localStorage.getItem(id)); } catch { return null; }
}
