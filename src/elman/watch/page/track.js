// What a page knows of one model: a column for every symbol that it has read. No drawing.

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** Many numbers, as a session sends them: float32, little-endian, in base64. */
export const unpacked = (text) => {
  const view = new DataView(bytes(text).buffer);
  return Float32Array.from({ length: view.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true));
};

/** A symbol as it is shown. */
const label = (symbol) => (symbol === "\\n" ? "↵" : symbol);

const labelled = (guess) => guess.map(([symbol, probability]) => [label(symbol), probability]);

export class Track {
  constructor(card) {
    Object.assign(this, card, { guess: labelled(card.guess) });
    this.columns = [];
  }

  get length() {
    return this.columns.length;
  }

  cut(symbols) {
    this.columns.length = symbols;
  }

  add(first, columns) {
    this.columns.length = first;
    for (const column of columns) {
      const state = Object.fromEntries(Object.entries(column.state).map(([name, value]) => [name, unpacked(value)]));
      const left = unpacked(column.left);
      const [symbol, instead, guess] = [label(column.symbol), label(column.instead), labelled(column.guess)];
      const total = left.reduce((sum, each) => sum + each, 0);
      this.columns.push({ ...column, symbol, instead, guess, state, left, total });
    }
  }

  /** What the model expects after so many symbols. */
  guessAfter(symbols) {
    return symbols ? this.columns[symbols - 1].guess : this.guess;
  }

  /** The share that is left, at symbol number `later`, of what symbol `number` made of the state; NaN beyond what is followed. */
  left(number, later) {
    const first = this.columns[number].left[0];
    const now = this.columns[later].left[later - number];
    return now === undefined ? NaN : first > 0 ? now / first : 0;
  }

  /** Over how many later symbols this one has been followed. */
  followed(number) {
    let later = this.length - 1;
    while (Number.isNaN(this.left(number, later))) later--;
    return later - number;
  }

  /** How many symbols are read within so many characters of the text. */
  symbolsWithin(place) {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.columns[middle].end <= place) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Units of a state that move most, the most restless first. */
  restless(name, count) {
    const units = this.states[name];
    const moved = new Float64Array(units);
    for (let t = Math.max(1, this.length - 200); t < this.length; t++) {
      const before = this.columns[t - 1].state[name];
      const after = this.columns[t].state[name];
      for (let u = 0; u < units; u++) moved[u] += Math.abs(after[u] - before[u]);
    }
    return [...moved.keys()].sort((a, b) => moved[b] - moved[a]).slice(0, count);
  }
}
