// The scatter on its canvas: points or density, and what is selected over them.

import { Scale, figure } from "./explore-scale.js";
import { drawSign, signsOf } from "./explore-signs.js";

const EDGE = { left: 58, right: 10, top: 10, bottom: 46 };
const REACH = 9; // pixels around a point that belong to it

export const isAgreement = ({ x, y }) => [x, y].sort().join() === "given_target,predicted_value";

export class Plot {
  points = null;
  selection = { polygons: [], positions: [], ranges: {} };
  #ground = document.createElement("canvas"); // all but what moves

  constructor(canvas, names) { Object.assign(this, { canvas, names, context: canvas.getContext("2d") }); }

  show(points, kind) {
    this.points = points;
    Object.assign(this, signsOf(kind, points));
    this.draw();
  }

  draw() {
    if (!this.points) return;
    const ratio = devicePixelRatio || 1;
    const { width, height } = this.canvas.getBoundingClientRect();
    if (!width || !height) return; // not laid out: it is drawn once it is
    for (const each of [this.canvas, this.#ground]) { each.width = Math.round(width * ratio); each.height = Math.round(height * ratio); }
    this.x = new Scale(this.points.x_range, this.points.x_scale === "log", EDGE.left, width - EDGE.right);
    this.y = new Scale(this.points.y_range, this.points.y_scale === "log", height - EDGE.bottom, EDGE.top);
    this.places = this.points.xs.map((x, i) => [this.x.at(x), this.y.at(this.points.ys[i])]);
    const look = getComputedStyle(this.canvas);
    this.colour = (name) => look.getPropertyValue(name).trim();
    const context = this.#ground.getContext("2d");
    context.scale(ratio, ratio);
    context.font = `13px ${look.fontFamily}`;
    this.#axes(context, width, height);
    if (isAgreement(this.points)) this.#agreement(context);
    this.#density(context);
    this.signs.forEach((sign, which) => {
      context.globalAlpha = sign.size < 3 ? 0.75 : 0.9;
      drawSign(context, sign, this.places.filter((_, i) => this.of[i] === which), this.colour(sign.colour));
    });
    context.globalAlpha = 1;
    this.over([]);
  }

  // The ground with the selection and, while it is drawn, a line over it.
  over(line) {
    if (!this.x) return;
    const { context } = this;
    const ratio = devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this.#ground, 0, 0);
    context.scale(ratio, ratio);
    context.save();
    context.beginPath();
    context.rect(this.x.from, this.y.to, this.x.to - this.x.from, this.y.from - this.y.to);
    context.clip();
    const accent = this.colour("--accent");
    context.strokeStyle = accent;
    context.lineWidth = 2;
    for (const polygon of this.selection.polygons) this.#outline(polygon.map(([x, y]) => [this.x.at(x), this.y.at(y)]), accent);
    this.#box();
    for (const position of this.selection.positions) this.#mark(this.points.positions.indexOf(position));
    context.restore();
    if (line.length < 2) return;
    context.strokeStyle = accent;
    context.lineWidth = 2;
    this.#outline(line, accent);
  }

  // Which of the points is at a place on the canvas; -1 for none. The one on top counts.
  nearest([x, y]) {
    if (!this.places) return -1;
    let found = -1;
    let least = REACH ** 2;
    this.places.forEach(([px, py], i) => {
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance <= least) { least = distance; found = i; }
    });
    return found;
  }

  // The density's cell at a place, if anything is there: its corners, and how many examples it has.
  cell([px, py]) {
    const grid = this.points.density;
    if (!grid || !this.x) return null;
    const [across, up] = [[this.x, px, grid.columns], [this.y, py, grid.rows]].map(([scale, pixel, count]) => {
      const drawn = scale.drawn(scale.value(pixel));
      return Math.floor((drawn - scale.low) / (scale.high - scale.low) * count);
    });
    const isBeside = across < 0 || up < 0 || across >= grid.columns || up >= grid.rows;
    const count = isBeside ? 0 : grid.counts[up * grid.columns + across];
    if (!count) return null;
    const [left, right] = [across, across + 1].map((i) => this.x.place(this.x.low + i / grid.columns * (this.x.high - this.x.low)));
    const [bottom, top] = [up, up + 1].map((i) => this.y.place(this.y.low + i / grid.rows * (this.y.high - this.y.low)));
    return { count, corners: [[left, bottom], [right, bottom], [right, top], [left, top]] };
  }

  #axes(context, width, height) {
    context.strokeStyle = this.colour("--line");
    context.fillStyle = this.colour("--ink-3");
    context.lineWidth = 1;
    context.textAlign = "center";
    for (const tick of this.x.ticks(Math.max(2, width / 90))) {
      const x = Math.round(this.x.at(tick)) + 0.5;
      this.#line(context, x, EDGE.top, x, height - EDGE.bottom);
      context.fillText(figure(tick), x, height - EDGE.bottom + 18);
    }
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const tick of this.y.ticks(Math.max(2, height / 60))) {
      const y = Math.round(this.y.at(tick)) + 0.5;
      this.#line(context, EDGE.left, y, width - EDGE.right, y);
      context.fillText(figure(tick), EDGE.left - 8, y);
    }
    context.fillStyle = this.colour("--ink-2");
    context.textAlign = "right";
    context.textBaseline = "alphabetic";
    context.fillText(`${this.names.x} \u2192`, width - EDGE.right, height - 8);
    context.save();
    context.translate(13, EDGE.top);
    context.rotate(-Math.PI / 2);
    context.fillText(`${this.names.y} \u2192`, 0, 0);
    context.restore();
  }

  // Where the model says what was given.
  #agreement(context) {
    const [low, high] = [Math.max(this.x.begin, this.y.begin), Math.min(this.x.end, this.y.end)];
    context.strokeStyle = this.colour("--right");
    context.setLineDash([5, 4]);
    this.#line(context, this.x.place(low), this.y.place(low), this.x.place(high), this.y.place(high));
    context.setLineDash([]);
  }

  #line(context, x1, y1, x2, y2) {
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
  }

  #density(context) {
    const grid = this.points.density;
    if (!grid) return;
    const most = Math.log1p(Math.max(...grid.counts));
    context.fillStyle = this.colour("--ink-2");
    const across = (i) => this.x.place(this.x.low + i / grid.columns * (this.x.high - this.x.low));
    const up = (i) => this.y.place(this.y.low + i / grid.rows * (this.y.high - this.y.low));
    grid.counts.forEach((count, i) => {
      if (!count) return;
      const [column, row] = [i % grid.columns, Math.floor(i / grid.columns)];
      context.globalAlpha = 0.1 + 0.65 * Math.log1p(count) / most;
      context.fillRect(across(column), up(row + 1), across(column + 1) - across(column), up(row) - up(row + 1));
    });
    context.globalAlpha = 1;
  }

  #outline(corners, colour) {
    const { context } = this;
    context.beginPath();
    corners.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](x, y));
    context.closePath();
    context.globalAlpha = 0.13;
    context.fillStyle = colour;
    context.fill();
    context.globalAlpha = 1;
    context.stroke();
  }

  #box() {
    const { x_from, x_to, y_from, y_to } = this.selection.ranges;
    if ([x_from, x_to, y_from, y_to].every((each) => each === undefined)) return;
    const end = (scale, value, otherwise) => (value === undefined || scale.isLog && value <= 0 ? otherwise
      : Math.min(Math.max(scale.at(value), Math.min(scale.from, scale.to)), Math.max(scale.from, scale.to)));
    const [left, right] = [end(this.x, x_from, this.x.from), end(this.x, x_to, this.x.to)];
    const [bottom, top] = [end(this.y, y_from, this.y.from), end(this.y, y_to, this.y.to)];
    this.context.setLineDash([6, 4]);
    this.#outline([[left, bottom], [right, bottom], [right, top], [left, top]], this.colour("--accent"));
    this.context.setLineDash([]);
  }

  #mark(i) {
    if (i < 0) return;
    this.context.beginPath();
    this.context.arc(...this.places[i], REACH, 0, 2 * Math.PI);
    this.context.stroke();
  }
}
