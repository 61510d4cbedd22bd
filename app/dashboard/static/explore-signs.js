// The signs of a scatter: a shape and a colour each, so that colour never says anything alone.

const ring = (corners, turn = 0) => Array.from({ length: corners }, (_, i) => {
  const angle = 2 * Math.PI * (i / corners + turn);
  return [Math.cos(angle), Math.sin(angle)];
});
const CROSS = [[-1, -.4], [-.4, -.4], [-.4, -1], [.4, -1], [.4, -.4], [1, -.4], [1, .4], [.4, .4], [.4, 1], [-.4, 1], [-.4, .4], [-1, .4]];
const turned = (outline) => outline.map(([x, y]) => [(x - y) * Math.SQRT1_2, (x + y) * Math.SQRT1_2]);
const SHAPES = {
  dot: ring(10), square: ring(4, 1 / 8), diamond: ring(4), up: ring(3, 3 / 4), down: ring(3, 1 / 4),
  plus: CROSS, cross: turned(CROSS), hexagon: ring(6), left: ring(3, 1 / 2), right: ring(3),
};
const sign = (name, shape, colour, size = 4.5, isHollow = false) => ({ name, shape, colour, size, isHollow });

const FLAGGED = [sign("not flagged", "dot", "--line-strong", 2.6), sign("flagged", "diamond", "--suspect", 5)];
const OUTCOMES = {
  none: sign("not in the queue", "dot", "--line-strong", 2),
  open: sign("still open", "dot", "--accent", 4, true),
  right: sign("label is right", "dot", "--right", 4.5),
  relabel: sign("relabelled", "cross", "--wrong", 5.5),
  unusable: sign("not usable", "square", "--ink-2", 5),
  disputed: sign("disputed", "up", "--suspect", 5.5),
};
const OF_CLASSES = ["dot", "square", "up", "diamond", "plus", "down", "cross", "hexagon", "left", "right"];

// The signs of the points, least important first, and which of them each point has.
export function signsOf(kind, points) {
  if (kind === "outcome" && points.outcomes) {
    const names = Object.keys(OUTCOMES);
    return { signs: Object.values(OUTCOMES), of: points.outcomes.map((each) => names.indexOf(each ?? "none")) };
  }
  if (kind === "given" && points.given) {
    const signs = points.classes.map((name, i) => sign(name, OF_CLASSES[i % OF_CLASSES.length], `--sign-${i % OF_CLASSES.length}`, 4));
    return { signs, of: points.given };
  }
  return { signs: FLAGGED, of: points.flagged.map(Number) };
}

// Draws all points of one sign at once.
export function drawSign(context, sign, places, colour) {
  const outline = SHAPES[sign.shape];
  context.beginPath();
  for (const [x, y] of places) {
    outline.forEach(([dx, dy], i) => context[i ? "lineTo" : "moveTo"](x + sign.size * dx, y + sign.size * dy));
    context.closePath();
  }
  if (sign.isHollow) { context.strokeStyle = colour; context.lineWidth = 1.6; context.stroke(); return; }
  context.fillStyle = colour;
  context.fill();
}

const SVG = "http://www.w3.org/2000/svg";

export function legendEntry(sign, count) {
  const entry = document.createElement("li");
  const picture = document.createElementNS(SVG, "svg");
  const outline = document.createElementNS(SVG, "polygon");
  picture.setAttribute("viewBox", "-7 -7 14 14");
  picture.setAttribute("aria-hidden", "true");
  outline.setAttribute("points", SHAPES[sign.shape].map(([x, y]) => `${(5 * x).toFixed(2)},${(5 * y).toFixed(2)}`).join(" "));
  outline.setAttribute("fill", sign.isHollow ? "none" : "currentColor");
  outline.setAttribute("stroke", "currentColor");
  picture.style.color = `var(${sign.colour})`;
  picture.append(outline);
  entry.append(picture, `${sign.name} (${count})`);
  return entry;
}
