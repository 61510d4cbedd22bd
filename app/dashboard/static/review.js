// The review page: one item, one key, and the next is there. What is decided is shown at once and
// saved behind it; nothing waits for the network, and nothing is lost by it.

import { Api, Away, newToken, OtherPerson, Refused, SignedOut } from "./review-api.js";
import { finder } from "./review-classes.js";
import { listen } from "./review-input.js";
import { helpPanel, KeyMap } from "./review-keys.js";
import { inWords, Log } from "./review-log.js";
import { Outbox } from "./review-outbox.js";
import { Store } from "./review-store.js";
import * as view from "./review-view.js";

const LOOK_AGAIN_MS = 10_000;
const HEARTBEAT_MS = 60_000;
const GRACE_S = 10;
const SETTLED_AFTER_MS = 3_000; // by then what a page before this one sent on leaving has arrived
const IDLE_AFTER_MS = 30 * 60_000; // whoever is away longer gives their items back
const root = document.getElementById("review");
const isAdjudicating = "adjudicate" in root.dataset;
const canDecide = !("lookOnly" in root.dataset);
const kept = `cleantrace/review/${root.dataset.queue}/${root.dataset.me}/`;

const api = new Api(root);
const log = new Log();
const keys = new KeyMap();
const outbox = new Outbox(kept, send, showState);
const store = new Store(api, {
  isAdjudicating,
  isDecided: (position) => log.standing(position) !== null,
  unsent: () => outbox.size,
  counted: setCounts,
});
const toggleHelp = helpPanel(document.getElementById("keys"), keys, () => keys.label(document));

const counts = {
  today: numberIn("today"), done: numberIn("done"), of: numberIn("of"),
};
let showing = null; // { position, isPast, since }
let step = -1; // how far back I look: an index into the log's steps, -1 at what is to do
let lookAgain = null;
let claimTrouble = null;
let hasBegun = false; // what I did before is known; never, for whoever may only look
let refusal = null; // what was not taken, until the next decision

function numberIn(id) { return Number(document.getElementById(id).textContent.replaceAll(",", "")); }
function setCounts(fresh) { Object.assign(counts, fresh); view.showCounts(counts); }
function article() { return document.querySelector("#place > article"); }

// ---- Saving ----------------------------------------------------------------------------------

async function send(change) {
  try {
    if (change.type === "undo") await sendUndo(change); else await sendVerdict(change);
  } catch (trouble) {
    if (!(trouble instanceof Refused)) throw trouble;
    refused(change, trouble);
  }
  refill();
}

async function sendVerdict(change) {
  const written = await api.post(`/items/${change.position}/verdicts`, change.body);
  if (written.item_state === "done" && !change.isEdit) setCounts({ done: Math.min(counts.done + 1, counts.of) });
}

async function sendUndo(change) {
  const [undone] = await api.post("/undo", { steps: 1, token: change.token });
  if (undone.token !== change.of) await resync();
  else if (undone.item_state === "done") setCounts({ done: Math.max(counts.done - 1, 0) });
}

function refused(change, problem) {
  if (problem.code === "review-item-taken") {
    setCounts({ today: Math.max(counts.today - 1, 0) });
    view.say(`Others had decided ${change.row.name} meanwhile: your verdict is kept in its history, but not counted.`);
    return;
  }
  if (change.type === "undo") { resync(); view.say(problem.message); return; }
  log.remove(change.token);
  outbox.drop((other) => other.of === change.token);
  setCounts({ today: Math.max(counts.today - 1, 0) });
  store.forget(change.position);
  refusal = `The decision on ${change.row.name} was not taken: ${problem.message} ${problem.remedy}`;
}

function showState() {
  const trouble = outbox.size ? outbox.trouble : claimTrouble;
  view.showUnsaved(outbox.size, Boolean(outbox.trouble));
  const safe = outbox.size ? "What you decided is kept in this browser and sent as soon as it can be." : "";
  if (trouble instanceof SignedOut) {
    view.showNotice(`You are signed out. ${safe}`, { href: "/sign-in", text: "Sign in in another tab, then go on here." });
  } else if (trouble instanceof OtherPerson) {
    view.showNotice("Somebody else is signed in in this browser. Sign in as yourself to go on.", { href: "/sign-in", text: "Sign in" });
  } else if (trouble instanceof Away) {
    view.showNotice(`The service cannot be reached. You can go on. ${safe}`);
  } else if (refusal) {
    view.showNotice(refusal);
  } else if (trouble) {
    view.showNotice(`${trouble.message} ${trouble.remedy ?? ""}`);
  } else {
    view.showNotice(null);
  }
}

// ---- The line of items -----------------------------------------------------------------------

async function refill() {
  if (!hasBegun) return;
  try {
    await store.refill();
    claimTrouble = null;
    outbox.wake(); // the service answers: what waits to be sent need not wait its time out
  } catch (trouble) {
    claimTrouble = trouble;
  }
  showState();
  if (showing === null || !showing.isPast) present();
}

// What is to do now: the first of the line, or why there is none.
function present() {
  step = -1;
  view.showPast(null);
  clearTimeout(lookAgain);
  const [position] = store.line;
  if (position !== undefined) return show(position);
  showing = null;
  lookAgain = setTimeout(refill, LOOK_AGAIN_MS);
  if (claimTrouble instanceof Refused) view.waiting("Nothing is given out to you here now.");
  else if (claimTrouble) view.waiting("The next items come as soon as the service can be reached.");
  else if (store.nothingLeft && !outbox.size) {
    const panel = view.nothingLeft(store.nothingLeft, document.querySelector("h1 a").textContent);
    keys.label(panel);
    const before = document.querySelector("#place > .nothing-left");
    if (before?.textContent === panel.textContent) return;
    view.put(panel, false);
    if (!before) view.say("Nothing is left for you right now.");
  } else view.waiting("Taking the next item from the queue …");
}

function show(position, row = null) {
  const node = store.node(position);
  if (!node) return;
  const isNew = showing?.position !== position || showing.isPast !== Boolean(row);
  if (!isNew && node.isConnected) return;
  showing = { position, isPast: Boolean(row), since: performance.now() };
  ready(node);
  view.markChosen(node, row);
  if (row) node.querySelector("[data-comment]").value = row.comment ?? "";
  view.put(node, input.isKeyboard);
  if (!row) remember("current", String(position));
  view.fillEvidence(node, store.evidence(position)).then(() => {
    const [, following] = store.line;
    if (following !== undefined) store.evidence(following);
  });
}

// Once for each item: what its fields do.
function ready(node) {
  keys.label(node);
  if (node.dataset.ready) return;
  node.dataset.ready = "yes";
  finder(node, (label) => decide("relabel", label));
  const draft = recall("draft");
  const comment = node.querySelector("[data-comment]");
  if (draft?.position === node.dataset.position) comment.value = draft.text;
  comment.addEventListener("input", () => remember("draft", { position: node.dataset.position, text: comment.value }));
  if (isAdjudicating) node.querySelectorAll('[data-do="skip"], [data-do="unsure"]').forEach((button) => { button.hidden = true; });
  if (!canDecide || "settled" in node.dataset) node.querySelectorAll("[data-kind], [data-find], [data-comment]").forEach((each) => { (each.closest("label, form") ?? each).hidden = true; });
  node.querySelector("[data-number]")?.addEventListener("submit", (event) => { event.preventDefault(); decideNumber(node); });
}

// ---- Deciding --------------------------------------------------------------------------------

function decide(kind, label = null) {
  const node = article();
  if (!canDecide || !showing || !node || "settled" in node.dataset) return;
  const { position, isPast, since } = showing;
  if (kind === "skip" && isPast) { forward(); return; }
  if (isAdjudicating && (kind === "skip" || kind === "unsure")) return;
  const comment = node.querySelector("[data-comment]").value.trim() || null;
  const seconds = Math.min(Math.round(performance.now() - since) / 1000, 86_400);
  const token = newToken();
  refusal = null;
  const isRegression = "regression" in node.dataset;
  const row = { token, position, name: node.dataset.name, kind, label, comment };
  const body = { kind, token, comment, seconds, adjudicate: isAdjudicating };
  if (kind === "relabel") body[isRegression ? "value" : "label"] = isRegression ? Number(label) : label;
  const isEdit = log.standing(position) !== null && log.standing(position).kind !== "skip";
  log.add(row);
  if (kind !== "skip" && !isEdit) setCounts({ today: counts.today + 1 });
  forget("draft");
  outbox.add({ type: "verdict", token, position, body, row, isEdit });
  view.say(`${row.name}: ${inWords(row, node.dataset.given)}.`);
  store.leave(position);
  leaveItemsAddress();
  if (isPast) forward(); else present();
  if (store.line.length < 4) refill();
}

function decideNumber(node) {
  const input = node.querySelector("[data-find]");
  const typed = input.value.trim().replace(",", ".").replace("\u2212", "-");
  const problem = node.querySelector("[data-problem]");
  if (typed === "" || !Number.isFinite(Number(typed))) { problem.textContent = "Type a number, such as 152.5."; return; }
  problem.textContent = "";
  input.value = "";
  input.blur();
  decide("relabel", typed);
}

function undo() {
  const row = log.last;
  if (!canDecide) return;
  if (!row) { view.say("There is nothing of yours to undo here."); return; }
  log.remove(row.token);
  if (!outbox.cancel(row.token)) outbox.add({ type: "undo", token: newToken(), of: row.token, position: row.position, row });
  const earlier = log.standing(row.position);
  const wasFirst = earlier === null || earlier.kind === "skip";
  if (row.kind !== "skip" && wasFirst) setCounts({ today: Math.max(counts.today - 1, 0) });
  view.say(`Taken back: ${row.name}, ${inWords(row)}.`);
  if (earlier === null) store.putFirst(row.position);
  showAgain(row.position, earlier);
}

// An item that I had before; its part may have to be fetched again.
async function showAgain(position, row) {
  if (!store.node(position)) {
    view.waiting("Fetching it again …");
    showing = { position: null, isPast: true };
    try { await store.load([position]); } catch (trouble) { claimTrouble = trouble; showState(); present(); return; }
  }
  if (row) show(position, row); else present();
}

function back() {
  const steps = log.steps.filter((row) => row.position !== showing?.position || step >= 0);
  if (step + 1 >= steps.length) { view.say("That is as far back as it goes."); return; }
  look(step + 1, steps);
}

function forward() {
  if (step <= 0) { if (step === 0) view.say("Back to what is to do."); step = -1; if (showing) showing.isPast = false; present(); return; }
  look(step - 1, log.steps);
}

function look(to, steps) {
  step = to;
  const row = steps[to];
  const distance = to === 0 ? "the last thing you did" : `${to + 1} back in what you did`;
  showAgain(row.position, row).then(() => {
    const given = article()?.dataset.given;
    view.showPast(`Looking at ${distance}: ${inWords(row, given)}. Decide again to change it.`);
    view.say(`${distance}: ${row.name}, ${inWords(row, given)}.`);
  });
}

async function takeUp() {
  try {
    await api.post("/skips/take-up");
    log.rows.filter((row) => row.kind === "skip").forEach((row) => log.remove(row.token));
    view.say("The skipped items are back.");
    await refill();
  } catch (trouble) { claimTrouble = trouble; showState(); }
}

// The service knows better, as when another tab of mine did something meanwhile.
async function resync() {
  const history = await api.json("/verdicts?limit=60");
  log.restore(history.items, outbox.changes, isAdjudicating);
  return new Set(history.items.map((verdict) => verdict.token));
}

// What the page before this one sent on leaving may be counted already, though it still waits here.
async function recount(waiting, told) {
  const fresh = await store.freshCounts();
  setCounts({ ...fresh, today: fresh.today + waiting.filter((change) => !told.has(change.token)).length });
}

// Whoever came by a link to one item goes on with the queue: a reload is then not to lead back.
function leaveItemsAddress() {
  if (!location.pathname.endsWith("/review")) {
    history.replaceState(null, "", `${root.dataset.pages}/review${isAdjudicating ? "?adjudicate=true" : ""}`);
  }
}

// ---- Keys and pointer ------------------------------------------------------------------------

const does = {
  skip: () => decide("skip"), undo, back, forward,
  find: () => article()?.querySelector("[data-find]")?.focus(),
  comment: () => article()?.querySelector("[data-comment]")?.focus(),
  zoom: (event) => { const node = article(); if (node) view.say(view.zoom(node, event) ? "Enlarged." : "Its usual size."); },
  help: toggleHelp, "take-up": takeUp, "look-again": refill,
};
const input = listen({ root, keys, does, article, decide, finishComment });

function finishComment(comment) {
  const row = showing?.isPast ? log.standing(showing.position) : null;
  if (row && row.kind !== "skip" && (row.comment ?? "") !== comment) decide(row.kind, row.label);
  else view.say(comment ? "The comment goes with your decision." : "No comment.");
}

// ---- Coming, staying and leaving -------------------------------------------------------------

async function heartbeat() {
  if (document.hidden || !canDecide || Date.now() - input.at > IDLE_AFTER_MS) return;
  try {
    if (outbox.size === 0) {
      const held = await api.post("/claims/renew");
      store.keepOnly(new Set(held.map((claim) => claim.position)));
      await store.loadCounts();
    }
    if (store.line.length < 2) await refill();
  } catch (trouble) { claimTrouble = trouble; showState(); }
}

function comeBack() {
  if (document.hidden) return;
  input.at = Date.now();
  outbox.wake();
  refill();
}

// Nobody can tell a page that it is only loaded again. So what is held comes back to the others in a
// moment, unless it is asked for before: then the same item is shown again.
addEventListener("pagehide", () => {
  if (!canDecide) return;
  // A request in flight ends with the page, and the outbox waits until this queue is opened again. So
  // what is on its way is sent once more; whichever comes first counts. What waits behind it stays, as
  // it might arrive in another order.
  const [first] = outbox.changes;
  if (first?.type === "verdict") api.postAndForget(`/items/${first.position}/verdicts`, first.body);
  // What is decided and not yet saved stays mine.
  const some = outbox.size === 0 ? [""] : store.line.map((position) => `&position=${position}`);
  some.forEach((which) => api.postAndForget(`/claims/release?grace_s=${GRACE_S}${which}`));
});
addEventListener("pageshow", (event) => { if (event.persisted) comeBack(); });
document.addEventListener("visibilitychange", comeBack);
addEventListener("focus", comeBack);
addEventListener("online", comeBack);
setTimeout(heartbeat, SETTLED_AFTER_MS);
setInterval(heartbeat, Math.min(HEARTBEAT_MS, (1000 * Number(root.dataset.ttl)) / 3));

function remember(name, value) { try { sessionStorage.setItem(kept + name, JSON.stringify(value)); } catch { /* for this page */ } }
function recall(name) { try { return JSON.parse(sessionStorage.getItem(kept + name)); } catch { return null; } }
function forget(name) { try { sessionStorage.removeItem(kept + name); } catch { /* nothing was kept */ } }

async function begin() {
  keys.label(document);
  const waiting = outbox.changes.filter((change) => change.type === "verdict" && !change.isEdit && change.row.kind !== "skip");
  if (waiting.length) setCounts({ today: counts.today + waiting.length });
  showState();
  const linked = article();
  if (linked) {
    const position = Number(linked.dataset.position);
    store.keep(position, linked);
    if (canDecide && "open" in linked.dataset && !("mine" in linked.dataset)) store.putFirst(position);
    ready(linked);
    showing = { position, isPast: !store.line.length, since: performance.now() };
    view.fillEvidence(linked, store.evidence(position));
  }
  if (!canDecide) return;
  outbox.wake();
  try {
    const told = await resync();
    if (waiting.length) await recount(waiting, told).catch(() => { /* asked again soon */ });
  } catch (trouble) { log.restore([], outbox.changes, isAdjudicating); claimTrouble = trouble; }
  if (linked) beginAt(Number(linked.dataset.position)); else await beginAtTheFirst();
  hasBegun = true;
  refill();
}

// Somebody came by a link to an item. One that is settled without me stays, to be looked at; one that
// I decided while the page was still beginning is not to come back.
function beginAt(position) {
  if (showing?.position !== position) return;
  const row = log.standing(position);
  if (!row) return;
  store.leave(position);
  showing = null;
  const steps = log.steps;
  look(steps.findIndex((each) => each.position === position), steps);
}

// A reload shows what was on the page before, not what may have come before it meanwhile.
async function beginAtTheFirst() {
  const before = Number(recall("current") ?? NaN);
  try { await store.refill(); } catch (trouble) { claimTrouble = trouble; }
  if (store.line.includes(before)) store.putFirst(before);
  showState();
  present();
}

begin();
