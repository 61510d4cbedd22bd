// Drawing round points by hand: mouse, pen or finger.

const STEP = 3; // pixels between two corners as they come
const SLACK = 1.2; // pixels that a corner may be off once the line is made simple
const MOST_CORNERS = 100; // so that several lines fit into an address
const A_CLICK = 5; // pixels within which a press is no line

// `drawing(line)` as it goes; at the end `drawn(line, adds)` or `clicked(place, adds)`.
export function followPointer(canvas, { drawing, drawn, clicked, hovered }) {
  let line = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    line = [place(event)];
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!line) { hovered(place(event)); return; }
    // A quick hand makes several steps between two frames.
    const steps = event.getCoalescedEvents?.() ?? [];
    for (const each of steps.length ? steps : [event]) {
      const at = place(each);
      if (distance(at, line.at(-1)) >= STEP) line.push(at);
    }
    drawing(line);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!line) return;
    const whole = line;
    line = null;
    const reach = Math.max(...whole.map((each) => distance(each, whole[0])));
    if (whole.length < 3 || reach < A_CLICK) clicked(whole[0], event.shiftKey);
    else drawn(simple(whole), event.shiftKey);
  });
  const stop = () => { if (line) { line = null; drawing([]); } };
  canvas.addEventListener("pointercancel", stop);
  addEventListener("keydown", (event) => { if (event.key === "Escape") stop(); });
  canvas.addEventListener("pointerleave", () => hovered(null));
}

const distance = ([ax, ay], [bx, by]) => Math.hypot(ax - bx, ay - by);

// The same line with fewer corners, none further off than the eye sees.
export function simple(line) {
  let slack = SLACK;
  let found = thinned(line, slack);
  while (found.length > MOST_CORNERS) found = thinned(line, slack *= 1.5);
  return found.length < 3 ? [line[0], line[Math.floor(line.length / 2)], line.at(-1)] : found;
}

function thinned(line, slack) {
  if (line.length < 3) return line;
  const [first, last] = [line[0], line.at(-1)];
  let [at, most] = [0, 0];
  for (let i = 1; i < line.length - 1; i++) {
    const off = offLine(line[i], first, last);
    if (off > most) [at, most] = [i, off];
  }
  if (most <= slack) return [first, last];
  return [...thinned(line.slice(0, at + 1), slack).slice(0, -1), ...thinned(line.slice(at), slack)];
}

function offLine(point, a, b) {
  const long = distance(a, b);
  if (!long) return distance(point, a);
  return Math.abs((b[0] - a[0]) * (a[1] - point[1]) - (a[0] - point[0]) * (b[1] - a[1])) / long;
}
