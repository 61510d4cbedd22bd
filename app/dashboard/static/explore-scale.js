// An axis: from a score to a place on the screen and back, and where its ticks stand.

const ROOM = 0.03; // beyond the outermost points, as a share of the axis

export class Scale {
  // `from`, `to`: the pixels of its ends.
  constructor(range, isLog, from, to) {
    this.isLog = isLog;
    const [low, high] = range ? range.map((value) => this.drawn(value)) : [0, 1];
    const span = high - low || Math.max(Math.abs(low) * 2e-3, 2e-3);
    this.low = low - (high > low ? 0 : span / 2);
    this.high = high + (high > low ? 0 : span / 2);
    Object.assign(this, { from, to, begin: this.low - ROOM * span, end: this.high + ROOM * span });
  }

  drawn(value) { return this.isLog ? Math.log10(value) : value; }
  // Of what is drawn already: a logarithm where the scale is logarithmic.
  place(drawn) { return this.from + (drawn - this.begin) / (this.end - this.begin) * (this.to - this.from); }
  at(value) { return this.place(this.drawn(value)); }
  // With as many figures as tell a place from the next, which are more where all values are alike.
  value(pixel) {
    const value = this.#exactly(pixel);
    const figures = Math.ceil(Math.log10(Math.abs(value / (this.#exactly(pixel + 0.01) - value)))) + 1;
    return Number(value.toPrecision(Math.min(Math.max(figures || 0, 6), 17)));
  }

  #exactly(pixel) {
    const drawn = this.begin + (pixel - this.from) / (this.to - this.from) * (this.end - this.begin);
    return this.isLog ? 10 ** drawn : drawn;
  }

  ticks(most) {
    const span = this.end - this.begin;
    if (this.isLog && span >= 1) {
      const [first, last] = [Math.floor(this.begin), Math.floor(this.end)];
      const isSeen = (tick) => Math.log10(tick) >= this.begin && Math.log10(tick) <= this.end;
      const choices = [[1, 2, 5], [1, 3], [1]].map((steps) => Array.from({ length: last - first + 1 }, (_, i) => steps.map((each) => each * 10 ** (first + i))).flat().filter(isSeen));
      const found = choices.find((each) => each.length <= most + 1) ?? choices[2];
      return found.filter((_, i) => i % Math.ceil(found.length / (most + 1)) === 0);
    }
    const [begin, end] = this.isLog ? [10 ** this.begin, 10 ** this.end] : [this.begin, this.end];
    const rough = (end - begin) / most;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
    const first = Math.ceil(begin / step) * step;
    return Array.from({ length: Math.floor((end - first) / step + 1e-9) + 1 }, (_, i) => Number((first + i * step).toPrecision(10)));
  }
}

export function figure(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e5 || size < 1e-3 ? value.toExponential(1).replace(".0e", "e").replace("e+", "e") : String(Number(value.toPrecision(3)));
  return text.replaceAll("-", "\u2212");
}
