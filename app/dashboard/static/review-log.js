// What I did here, the earliest first, as far as it still stands.

export class Log {
  rows = [];

  add(row) { this.rows.push(row); }
  remove(token) { this.rows = this.rows.filter((row) => row.token !== token); }
  get last() { return this.rows.at(-1) || null; }

  // My verdict on an item, or null.
  standing(position) { return this.rows.findLast((row) => row.position === position) || null; }

  // One step an item, the latest first; a change of mind leaves an item where it was.
  get steps() {
    const positions = [...new Set(this.rows.map((row) => row.position))];
    return positions.reverse().map((position) => this.standing(position));
  }

  // The history as the service tells it, with what is older than it goes back, what was done since
  // it was asked for, and what is still on its way.
  restore(history, changes, isAdjudicating) {
    const told = new Set(history.map((verdict) => verdict.token));
    const first = Math.max(this.rows.findIndex((row) => told.has(row.token)), 0);
    const standing = history
      .filter((v) => v.kind !== "undo" && !v.is_undone && !v.batch_id && v.adjudicates === isAdjudicating)
      .map((v) => ({
        token: v.token, position: v.position, name: v.key, kind: v.kind, comment: v.comment,
        label: v.kind === "relabel" ? v.label ?? v.value : null,
      }))
      .reverse();
    const since = this.rows.slice(first).filter((row) => !told.has(row.token));
    this.rows = [...this.rows.slice(0, first), ...standing, ...since];
    for (const change of changes) {
      if (change.type === "undo") this.remove(change.of);
      else if (!this.rows.some((row) => row.token === change.token)) this.add(change.row);
    }
  }
}

export function inWords(row, given) {
  switch (row.kind) {
    case "right": return given === undefined ? "label is right" : `label ${given} is right`;
    case "relabel": return `relabelled to ${row.label}`;
    case "unusable": return "not usable";
    case "unsure": return "unsure";
    default: return "skipped";
  }
}
