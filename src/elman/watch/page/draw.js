// The pictures of a panel. Each function draws one canvas; x is time, columns `width` pixels wide from `offset` on.

const SERIES = {
  light: ["#0072b2", "#d55e00", "#009e73", "#b8569a", "#56b4e9", "#b8860b", "#5d3a9b"],
  dark: ["#4aa8e0", "#f08a3c", "#2fc29a", "#df9bc4", "#8fd0f5", "#dcb03f", "#a98be0"],
};

const FONT = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace';

/** The colours of the page as it is now, light or dark. */
export const colours = () => {
  const style = getComputedStyle(document.documentElement);
  const found = Object.fromEntries(
    ["ink", "muted", "ground", "raised", "line", "accent", "high", "low", "zero"].map((name) => [
      name,
      style.getPropertyValue(`--${name}`).trim(),
    ]),
  );
  found.series = SERIES[matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"];
  found.of = (number) => found.series[number % found.series.length];
  found.ramp = ramp(found.low, found.zero, found.high);
  return found;
};

/** 256 colours, [r, g, b] each, from one over the middle to the other. */
const ramp = (low, zero, high) => {
  const [a, b, c] = [low, zero, high].map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  return Array.from({ length: 256 }, (_, level) => {
    const along = (level - 127.5) / 127.5;
    const end = along < 0 ? a : c;
    return b.map((from, i) => Math.round(from + (end[i] - from) * Math.abs(along)));
  });
};

/** A context in CSS pixels with a clear canvas, sharp on every screen. */
const clean = (canvas) => {
  const ratio = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
};

/** Numbers of the columns that can be seen. */
const seen = (view, width) => [
  Math.max(0, Math.floor(view.offset / view.width)),
  Math.min(view.track.length, Math.ceil((view.offset + width) / view.width)),
];

const x = (view, number) => number * view.width - view.offset;

/** Pixels of an image for so many symbols, with room for more. */
const roomFor = (columns) => Math.max(256, 2 ** Math.ceil(Math.log2(columns + 1)));

/** A state as an image of one pixel for each unit and symbol, which grows with the text. */
export class HeatImage {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.drawn = 0;
    this.scale = 0;
  }

  /** Everything is drawn anew: another state, or other colours. */
  forget() {
    this.drawn = this.scale = 0;
  }

  cut(symbols) {
    this.drawn = Math.min(this.drawn, symbols);
  }

  update(track, name, ramp) {
    const units = track.states[name];
    const scale = fitting(track, name);
    if (scale !== this.scale || this.canvas.height !== units) this.drawn = 0;
    this.scale = scale;
    if (this.canvas.height !== units || this.canvas.width < track.length) this.widen(units, track.length);
    const count = track.length - this.drawn;
    if (count <= 0) return;
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(count, units);
    for (let t = 0; t < count; t++) {
      const values = track.columns[this.drawn + t].state[name];
      for (let u = 0; u < units; u++) {
        const level = Math.max(0, Math.min(255, Math.round(127.5 + (127.5 * values[u]) / scale)));
        image.data.set(ramp[level], 4 * (u * count + t));
        image.data[4 * (u * count + t) + 3] = 255;
      }
    }
    context.putImageData(image, this.drawn, 0);
    this.drawn = track.length;
  }

  widen(units, columns) {
    this.canvas.width = roomFor(columns);
    this.canvas.height = units;
    this.drawn = 0;
  }
}

/** Half of the range that shows a state well: a round number, so that it seldom changes. */
const fitting = (track, name) => {
  let largest = 0;
  for (const column of track.columns) {
    if (column.spread?.[name] === undefined) {
      const values = column.state[name];
      const squares = values.reduce((sum, each) => sum + each * each, 0);
      column.spread = { ...column.spread, [name]: 1.6 * Math.sqrt(squares / values.length) };
    }
    largest = Math.max(largest, column.spread[name]);
  }
  const power = 10 ** Math.floor(Math.log10(largest || 1));
  return [1, 1.5, 2, 3, 5, 7, 10].map((step) => Number((step * power).toPrecision(2))).find((step) => step >= largest);
};

/** The symbols, each in its colour; the chosen one on a ground of its colour. */
export const drawSymbols = (canvas, view, palette) => {
  const { context, width, height } = clean(canvas);
  const [begin, end] = seen(view, width);
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let t = begin; t < end; t++) {
    const colour = palette.of(t);
    const chosen = t === view.chosen;
    if (chosen) {
      context.fillStyle = colour;
      context.fillRect(x(view, t), 1, view.width, height - 7);
    }
    context.fillStyle = colour;
    context.fillRect(x(view, t) + 1, height - 5, view.width - 2, 3);
    const { symbol } = view.track.columns[t];
    const size = symbol.length < 2 ? 14 : 11;
    context.font = `${chosen ? 700 : 400} ${size}px ${FONT}`;
    context.fillStyle = chosen ? palette.ground : palette.ink;
    context.fillText(shortened(context, symbol, view.width), x(view, t) + view.width / 2, (height - 5) / 2, view.width);
  }
};

const shortened = (context, text, width) => {
  if (context.measureText(text).width <= width) return text;
  let length = text.length - 1;
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > width) length--;
  return text.length <= 3 ? text : `${text.slice(0, length)}…`;
};

/** The state, and a frame around the unit and a shade before the symbol that are looked at. */
export const drawHeat = (canvas, view, palette, image) => {
  const { context, width, height } = clean(canvas);
  const [begin, end] = seen(view, width);
  context.fillStyle = palette.zero;
  context.fillRect(0, 0, width, height);
  if (end <= begin) return;
  const units = view.track.states[view.state];
  context.imageSmoothingEnabled = units > height * (devicePixelRatio || 1);
  context.drawImage(image.canvas, begin, 0, end - begin, units, x(view, begin), 0, (end - begin) * view.width, height);
  if (view.chosen !== null) {
    context.fillStyle = palette.ground;
    context.globalAlpha = 0.55;
    context.fillRect(0, 0, Math.max(0, x(view, view.chosen)), height);
    context.globalAlpha = 1;
  }
  cursor(context, view, palette, height);
  if (view.unit === null) return;
  context.fillStyle = palette.ink;
  const y = ((view.unit + 0.5) * height) / units;
  context.beginPath();
  context.moveTo(0, y - 5);
  context.lineTo(7, y);
  context.lineTo(0, y + 5);
  context.fill();
};

/** Values of the kept units and of the one that is looked at, which is drawn bold. */
export const drawTraces = (canvas, view, palette, units) => {
  const { context, width, height } = clean(canvas);
  const [begin, end] = seen(view, width);
  const values = (t) => units.map((unit) => Math.abs(view.track.columns[t].state[view.state][unit]));
  let largest = 1e-6;
  for (let t = begin; t < end; t++) largest = Math.max(largest, ...values(t));
  const y = (value) => height / 2 - ((value / largest) * (height - 6)) / 2;
  context.strokeStyle = palette.line;
  context.beginPath();
  context.moveTo(0, height / 2);
  context.lineTo(width, height / 2);
  context.stroke();
  units.forEach((unit, number) => {
    context.strokeStyle = palette.of(number);
    context.lineWidth = unit === view.unit ? 2.5 : 1.25;
    context.beginPath();
    for (let t = Math.max(0, begin - 1); t < Math.min(end + 1, view.track.length); t++) {
      context.lineTo(x(view, t) + view.width / 2, y(view.track.columns[t].state[view.state][unit]));
    }
    context.stroke();
  });
  context.lineWidth = 1;
  cursor(context, view, palette, height);
};

/** The memory picture as an image, one pixel wide for each symbol, which grows with the text. */
export class MemoryImage {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.drawn = 0;
  }

  forget() {
    this.drawn = 0;
  }

  cut(symbols) {
    this.drawn = Math.min(this.drawn, symbols);
  }

  update(track, palette, height) {
    if (this.canvas.height !== height || this.canvas.width < track.length) {
      this.canvas.width = roomFor(track.length);
      this.canvas.height = height;
      this.drawn = 0;
    }
    const context = this.canvas.getContext("2d");
    for (; this.drawn < track.length; this.drawn++) {
      for (const { number, y, tall } of shares(track, this.drawn, height)) {
        context.fillStyle = palette.of(number);
        context.fillRect(this.drawn, y, 1, tall);
      }
    }
  }
}

/** What a state is filled with: for every symbol that it depends on, the oldest first, its place in a bar so tall. */
function* shares(track, t, height) {
  const { left, total } = track.columns[t];
  let y = height;
  for (let age = left.length - 1; age >= 0; age--) {
    const tall = total > 0 ? (left[age] / total) * height : 0;
    y -= tall;
    yield { number: t - age, y, tall };
  }
}

/** Every state as a bar that is filled with the colours of the symbols it depends on, the oldest below. */
export const drawMemory = (canvas, view, palette, image) => {
  const { context, width, height } = clean(canvas);
  const [begin, end] = seen(view, width);
  context.fillStyle = palette.zero;
  context.fillRect(0, 0, width, height);
  if (end <= begin) return;
  image.update(view.track, palette, canvas.height);
  context.globalAlpha = view.chosen === null ? 1 : 0.16;
  context.imageSmoothingEnabled = false;
  const count = end - begin;
  context.drawImage(image.canvas, begin, 0, count, canvas.height, x(view, begin), 0, count * view.width, height);
  context.globalAlpha = 1;
  context.fillStyle = palette.of(view.chosen ?? 0);
  for (let t = Math.max(begin, view.chosen ?? end); t < end; t++) {
    const share = [...shares(view.track, t, height)].find(({ number }) => number === view.chosen);
    if (share) context.fillRect(x(view, t), share.y, view.width, share.tall);
  }
  context.fillStyle = palette.ground;
  for (let t = begin; t <= end; t++) context.fillRect(x(view, t) - 0.5, 0, 1, height);
};

/** What is left of the chosen symbol at every later one; a line is at 100%, which is what there was at first. */
export const drawLeft = (canvas, view, palette) => {
  const { context, width, height } = clean(canvas);
  const [begin, end] = seen(view, width);
  context.strokeStyle = palette.line;
  context.strokeRect(0.5, 0.5, width - 1, height - 1);
  if (view.chosen === null) return;
  const shares = [];
  for (let t = view.chosen; t < view.track.length; t++) shares.push(view.track.left(view.chosen, t));
  const unit = (height - 4) / Math.max(1, ...shares.filter((share) => !Number.isNaN(share)));
  context.fillStyle = palette.of(view.chosen);
  for (let t = Math.max(begin, view.chosen); t < end; t++) {
    const tall = shares[t - view.chosen] * unit;
    if (tall > 0) context.fillRect(x(view, t) + 1, height - 1 - tall, view.width - 2, tall);
  }
  context.strokeStyle = palette.muted;
  context.setLineDash([3, 3]);
  context.strokeRect(0, height - 1 - unit, width, 0);
  context.setLineDash([]);
};

const cursor = (context, view, palette, height) => {
  if (view.chosen === null) return;
  context.strokeStyle = palette.ink;
  context.strokeRect(x(view, view.chosen) + 0.5, 0.5, view.width - 1, height - 1);
};
