// One model on the page: its pictures along the text, what it expects, and where one looks.

import { colours, drawHeat, drawLeft, drawMemory, drawSymbols, drawTraces, HeatImage, MemoryImage } from "./draw.js";
import { Track } from "./track.js";

/** Pixels of a column: of single characters, and of words. */
const NARROW = 15;
const WIDE = 52;

/** Traces that are drawn when nobody has kept any. */
const TRACES = 3;

const LIKELIEST = 10;

const percent = (share) =>
  share >= 0.0995 ? `${Math.round(100 * share)}%` : share < 0.0005 ? "<0.1%" : `${(100 * share).toFixed(1)}%`;

/** Pixels that show so many units: one for each, where that is neither too flat nor too tall. */
const heatHeight = (units) => Math.max(170, Math.min(320, units));

/** "hidden_l0" as a person says it. */
const stateLabel = (name) => name.replace(/_l(\d+)$/, (_, layer) => `, layer ${Number(layer) + 1}`).replaceAll("_", " ");

export class Panel {
  /** `looked` is called with the place in the text that is looked at, or null; `wentBack` with the place to go back to. */
  constructor(card, number, { looked, wentBack }) {
    this.track = new Track(card);
    this.looked = looked;
    this.wentBack = wentBack;
    this.element = document.getElementById("panel").content.firstElementChild.cloneNode(true);
    this.find = (selector) => this.element.querySelector(selector);
    this.scroller = this.find(".scroller");
    const names = card.guess.map(([symbol]) => symbol.length);
    const width = names.reduce((a, b) => a + b, 0) / names.length > 1.9 ? WIDE : NARROW;
    this.view = { track: this.track, state: Object.keys(card.states)[0], width, offset: 0, chosen: null, unit: null };
    this.kept = new Set();
    this.pinned = null;
    this.pointed = null;
    this.heat = new HeatImage();
    this.memory = new MemoryImage();
    this.palette = colours();
    this.waiting = false;
    this.name(card, number);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.scroller);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
  }

  name(card, number) {
    this.element.id = `model-${number}`;
    this.find("h2").textContent = card.name;
    this.find("h2").id = `model-${number}-name`;
    this.element.setAttribute("aria-labelledby", `model-${number}-name`);
    this.find(".summary").textContent = card.summary;
    this.scroller.setAttribute("aria-label", `What ${card.name} has read, symbol by symbol`);
    for (const name of Object.keys(card.states)) this.find(".state").add(new Option(stateLabel(name), name));
  }

  listen() {
    const { scroller } = this;
    this.find(".state").addEventListener("change", (event) => this.showState(event.target.value));
    this.find(".back").addEventListener("click", () => this.goBack());
    scroller.addEventListener("scroll", () => this.draw());
    scroller.addEventListener("pointermove", (event) => event.pointerType === "mouse" && this.point(event));
    scroller.addEventListener("pointerleave", () => this.leave());
    scroller.addEventListener("click", (event) => this.click(event));
    scroller.addEventListener("keydown", (event) => this.key(event));
  }

  showState(name) {
    this.view.state = name;
    this.view.unit = null;
    this.kept.clear();
    this.heat.forget();
    this.draw();
  }

  recolour() {
    this.palette = colours();
    this.heat.forget();
    this.memory.forget();
    this.draw();
  }

  cut(symbols) {
    this.track.cut(symbols);
    this.heat.cut(symbols);
    this.memory.cut(symbols);
    if (this.pinned !== null && this.pinned >= symbols) this.pinned = null;
    if (this.view.chosen !== null && this.view.chosen >= symbols) this.view.chosen = null;
    this.draw();
  }

  add(first, columns) {
    this.track.add(first, columns);
    this.draw();
  }

  /** The number of the symbol under the pointer, or null. */
  under(event) {
    const number = Math.floor((event.clientX - this.scroller.getBoundingClientRect().left + this.view.offset) / this.view.width);
    return number >= 0 && number < this.track.length ? number : null;
  }

  /** The unit under the pointer, or null where that is not over the heat map. */
  unitUnder({ target, offsetY }) {
    if (!target.classList.contains("heat")) return null;
    const units = this.track.states[this.view.state];
    return Math.max(0, Math.min(units - 1, Math.floor((offsetY / target.clientHeight) * units)));
  }

  point(event) {
    this.pointed = this.unitUnder(event);
    this.look(this.under(event));
    this.draw();
  }

  leave() {
    this.pointed = null;
    this.look(this.pinned);
  }

  click(event) {
    const number = this.under(event);
    this.pinned = number === this.pinned ? null : number;
    this.view.unit = this.unitUnder(event) ?? this.view.unit;
    this.look(number);
    this.draw();
  }

  key(event) {
    const { length } = this.track;
    const at = this.view.chosen ?? length;
    const units = this.track.states[this.view.state];
    const steps = {
      ArrowLeft: () => this.pin(Math.max(0, at - 1)),
      ArrowRight: () => this.pin(at + 1 >= length ? null : at + 1),
      PageUp: () => this.pin(Math.max(0, at - 10)),
      PageDown: () => this.pin(at + 10 >= length ? null : at + 10),
      Home: () => this.pin(0),
      End: () => this.pin(null),
      Escape: () => this.pin(null),
      ArrowUp: () => this.lookAtUnit(((this.view.unit ?? units) + units - 1) % units),
      ArrowDown: () => this.lookAtUnit(((this.view.unit ?? -1) + 1) % units),
      " ": () => this.keep(),
      Enter: () => this.goBack(),
    };
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    step();
  }

  pin(number) {
    this.pinned = number !== null && number < this.track.length ? number : null;
    if (this.pinned !== null) this.reveal(this.pinned);
    else this.scroller.scrollLeft = this.scroller.scrollWidth;
    this.look(this.pinned);
  }

  reveal(number) {
    const { width } = this.view;
    const seen = this.scroller.clientWidth;
    if (number * width < this.scroller.scrollLeft) this.scroller.scrollLeft = number * width - seen / 4;
    if ((number + 1) * width > this.scroller.scrollLeft + seen) this.scroller.scrollLeft = (number + 1) * width - (3 * seen) / 4;
  }

  look(number) {
    if (number === this.view.chosen) return;
    this.view.chosen = number;
    this.draw();
    this.looked(this, number === null ? null : this.track.columns[number].end);
  }

  /** Look at the same place of the text as another panel does. */
  follow(place) {
    const symbols = place === null ? 0 : this.track.symbolsWithin(place);
    this.view.chosen = symbols ? symbols - 1 : this.pinned;
    if (symbols) this.reveal(symbols - 1);
    this.draw();
  }

  lookAtUnit(unit) {
    this.view.unit = unit;
    this.draw();
  }

  keep() {
    if (this.view.unit === null) return;
    if (!this.kept.delete(this.view.unit)) this.kept.add(this.view.unit);
    this.draw();
  }

  goBack() {
    const number = this.view.chosen ?? this.pinned;
    if (number === null) return;
    const place = this.track.columns[number].end;
    this.pinned = this.view.chosen = null;
    this.wentBack(place);
  }

  /** Draw before the next frame, however often it is asked for until then. */
  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.drawNow();
    });
  }

  drawNow() {
    const { view, track, scroller } = this;
    const atEnd = scroller.scrollLeft + scroller.clientWidth >= scroller.scrollWidth - 2 * view.width;
    this.find(".space").style.width = `${(track.length + 1) * view.width}px`;
    this.find(".view").style.width = `${scroller.clientWidth}px`;
    if (atEnd && this.pinned === null) scroller.scrollLeft = scroller.scrollWidth;
    view.offset = scroller.scrollLeft;
    this.find(".heat").style.height = `${heatHeight(track.states[view.state])}px`;
    this.heat.update(track, view.state, this.palette.ramp);
    const units = this.units();
    drawSymbols(this.find(".symbols"), view, this.palette);
    drawHeat(this.find(".heat"), view, this.palette, this.heat);
    drawTraces(this.find(".traces"), view, this.palette, units);
    drawMemory(this.find(".memory"), view, this.palette, this.memory);
    drawLeft(this.find(".left"), view, this.palette);
    this.tell(units);
    this.element.dataset.symbols = track.length;
  }

  /** The units whose traces are drawn. */
  units() {
    const others = this.kept.size ? [...this.kept] : this.track.restless(this.view.state, TRACES);
    return this.view.unit === null ? others : [...new Set([...others, this.view.unit])];
  }

  tell(units) {
    const { view, track } = this;
    const { chosen } = view;
    const after = chosen === null ? track.length : chosen + 1;
    this.find(".low").textContent = `−${this.heat.scale}`;
    this.find(".high").textContent = `+${this.heat.scale}`;
    this.find(".units").replaceChildren(...units.map((unit, i) => this.unitKey(unit, this.palette.of(i))));
    const symbol = chosen === null ? null : track.columns[chosen];
    this.find(".left-of").textContent = symbol
      ? `What is left of “${symbol.symbol}”, with each symbol after it`
      : "What is left of a symbol: point at one";
    this.find(".back").disabled = chosen === null;
    this.find("h3").textContent = symbol ? `Expected after “${symbol.symbol}”` : "Expected next";
    this.tellGuess(track.guessAfter(after));
    const sentences = this.sentences(chosen);
    this.find(".readout").textContent = `${sentences} ${this.unitSentence(after, this.pointed)}`;
    const best = track.guessAfter(after).slice(0, 3).map(([name, p]) => `${name} ${percent(p)}`);
    this.scroller.setAttribute("aria-valuemax", track.length);
    this.scroller.setAttribute("aria-valuenow", after);
    this.scroller.setAttribute("aria-valuetext", `${sentences} Expected next: ${best.join(", ")}. ${this.unitSentence(after, view.unit)}`);
  }

  unitKey(unit, colour) {
    const key = document.createElement("span");
    key.textContent = `unit ${unit + 1}`;
    key.style.setProperty("--series", colour);
    key.classList.toggle("now", unit === this.view.unit);
    return key;
  }

  tellGuess(guess) {
    const list = this.find(".guess");
    const shown = guess.slice(0, LIKELIEST);
    while (list.children.length < shown.length) {
      const item = document.createElement("li");
      item.innerHTML = '<span class="symbol"></span><span class="bar" aria-hidden="true"></span><span class="share"></span>';
      list.append(item);
    }
    while (list.children.length > shown.length) list.lastElementChild.remove();
    shown.forEach(([symbol, probability], i) => {
      const [name, bar, share] = list.children[i].children;
      name.textContent = symbol;
      bar.style.transform = `scaleX(${probability})`;
      share.textContent = percent(probability);
    });
  }

  sentences(chosen) {
    const { track } = this;
    if (!track.length) return "Nothing has been read yet.";
    if (chosen === null) {
      const last = track.columns[track.length - 1];
      return `${track.length} symbols read, the last one “${last.symbol}”: ${last.bits.toFixed(1)} bits of surprise.`;
    }
    const { symbol, bits, instead } = track.columns[chosen];
    const later = track.length - 1 - chosen;
    const followed = track.followed(chosen);
    const share = percent(track.left(chosen, chosen + followed));
    const left = !later
      ? "It has just been read: all of it is there."
      : `${share} of it ${followed < later ? "was" : "is"} left after ${followed} more (against “${instead}” in its place)` +
        (followed < later ? "; it is followed no further." : ".");
    return `“${symbol}”, ${chosen + 1} of ${track.length}: ${bits.toFixed(1)} bits of surprise. ${left}`;
  }

  unitSentence(after, unit) {
    if (!after || unit === null) return "";
    const value = this.track.columns[after - 1].state[this.view.state][unit];
    return `${stateLabel(this.view.state)}, unit ${unit + 1}: ${value.toFixed(2)}.`;
  }
}
