// Requests of the review page, and what can become of them.

export class Away extends Error {} // no connection, or the service is unwell: try again
export class SignedOut extends Error {} // the session has ended: sign in elsewhere and go on
export class OtherPerson extends Error {} // somebody else signed in: nothing is sent in their name
export class Refused extends Error { // the service understood and says no
  constructor(status, problem) {
    super(problem.detail || `status ${status}`);
    this.status = status;
    this.code = String(problem.type || "").split(":").pop();
    this.remedy = problem.remedy || "";
  }
}

const LONGEST_WAIT_MS = 15_000;

export class Api {
  constructor(root) {
    this.base = root.dataset.api;
    this.pages = root.dataset.pages;
    this.me = root.dataset.me;
    this.token = csrfTokenOf(document);
  }

  post(path, body) { return this.#change("POST", path, body); }

  // For the moment of leaving: nobody waits for the answer.
  postAndForget(path, body) {
    fetch(this.base + path, { method: "POST", keepalive: true, ...this.#with(body) }).catch(() => {});
  }

  async html(path) {
    const answer = await reach(this.pages + path, { headers: { Accept: "text/html" } });
    if (isSignIn(answer)) throw new SignedOut();
    if (!answer.ok) throw retryable(answer) ? new Away() : new Refused(answer.status, {});
    return new DOMParser().parseFromString(await text(answer), "text/html");
  }

  async json(path) {
    const answer = await reach(this.base + path, {});
    if (answer.status === 401) throw new SignedOut();
    return read(answer);
  }

  async #change(method, path, body) {
    const send = () => reach(this.base + path, { method, ...this.#with(body) });
    let answer = await send();
    if (answer.status === 401 || answer.status === 403) {
      // A new session has a new token: whoever signed in again in another tab goes on here.
      const before = this.token;
      await this.#refreshToken();
      if (answer.status === 401 || this.token !== before) answer = await send();
      if (answer.status === 401) throw new SignedOut();
    }
    return read(answer);
  }

  #with(body) {
    return {
      headers: { "X-CSRF-Token": this.token, Accept: "application/json", "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    };
  }

  async #refreshToken() {
    const page = await this.html("/review");
    const root = page.getElementById("review");
    if (root && root.dataset.me !== this.me) throw new OtherPerson();
    this.token = csrfTokenOf(page);
  }
}

function csrfTokenOf(page) { return page.querySelector('meta[name="csrf-token"]')?.content || ""; }
function isSignIn(answer) { return answer.redirected && new URL(answer.url).pathname.startsWith("/sign-in"); }
function retryable(answer) { return answer.status >= 500 || answer.status === 429 || answer.status === 408; }

async function reach(url, options) {
  try {
    return await fetch(url, { signal: AbortSignal.timeout(LONGEST_WAIT_MS), ...options });
  } catch {
    throw new Away();
  }
}

async function text(answer) {
  try { return await answer.text(); } catch { throw new Away(); }
}

async function read(answer) {
  if (retryable(answer)) throw new Away();
  let body;
  try { body = JSON.parse(await text(answer)); } catch (error) { throw error instanceof Away ? error : new Away(); }
  if (!answer.ok) throw new Refused(answer.status, body);
  return body;
}

// `crypto.randomUUID` is missing where a service is reached without TLS.
export function newToken() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
