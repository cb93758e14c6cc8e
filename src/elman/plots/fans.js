// A picture of series and their forecasts that can be moved, enlarged and asked. No library, no network.
"use strict";

(() => {
  const LEFT = 58, RIGHT = 14, TOP = 12, BOTTOM = 30, HEIGHT = 380;
  const SHADES = [0.13, 0.24, 0.4];

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const known = (value) => value !== null && value !== undefined;
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  /** Steps between marks of an axis that people like to read. */
  function niceStep(span, count) {
    const rough = span / count, power = 10 ** Math.floor(Math.log10(rough));
    return power * ([1, 2, 5, 10].find((each) => each * power >= rough) || 10);
  }

  function numberText(value) {
    if (!known(value)) return "–";
    const size = Math.abs(value);
    if (size !== 0 && (size >= 1e7 || size < 1e-3)) return value.toExponential(2);
    return value.toLocaleString("en", { maximumSignificantDigits: size >= 1000 ? Math.ceil(Math.log10(size) + 0.01) : 4 });
  }

  const MINUTE = 6e4, HOUR = 36e5, DAY = 864e5, MONTH = 30.44 * DAY, YEAR = 365.25 * DAY;
  const two = (number) => String(number).padStart(2, "0");

  /** Marks of a time axis [when, text] at whole minutes, hours, days, months or years. */
  function timeMarks(low, high, count) {
    const rough = (high - low) / count;
    const choices = [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 4 * DAY, 7 * DAY, 14 * DAY];
    const step = choices.find((each) => each >= rough);
    const marks = [];
    if (step) {
      for (let at = Math.ceil(low / step) * step; at <= high; at += step) {
        const day = new Date(at);
        const date = `${day.getUTCFullYear()}-${two(day.getUTCMonth() + 1)}-${two(day.getUTCDate())}`;
        const clock = `${two(day.getUTCHours())}:${two(day.getUTCMinutes())}`;
        marks.push([at, step < DAY ? (clock === "00:00" ? date.slice(5) : clock) : date.slice(5)]);
      }
      return marks;
    }
    const months = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600].find((each) => each * MONTH >= rough) || 1200;
    const begin = new Date(low);
    const from = Math.floor((begin.getUTCFullYear() * 12 + begin.getUTCMonth()) / months) * months;
    for (let month = from; ; month += months) {
      const at = Date.UTC(Math.floor(month / 12), month % 12);
      if (at > high) return marks;
      const year = String(Math.floor(month / 12));
      if (at >= low) marks.push([at, months >= 12 || month % 12 === 0 ? year : `${year}-${two((month % 12) + 1)}`]);
    }
  }

  function timeText(at, step) {
    const text = new Date(at).toISOString();
    return step >= 28 * DAY ? text.slice(0, 7) : step >= DAY ? text.slice(0, 10) : text.slice(0, 16).replace("T", " ");
  }

  class Chart {
    constructor(figure) {
      this.data = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
      this.canvas = figure.querySelector("canvas");
      this.reading = figure.querySelector("output");
      this.choice = figure.querySelector("select");
      this.hidden = new Set();
      this.cursor = null;
      this.listen(figure);
      this.show(0);
    }

    show(number) {
      this.series = this.data.series[number];
      const { times, ahead } = this.series;
      this.every = times.concat(ahead);
      this.step = this.every.length > 1 ? this.every[this.every.length - 1] - this.every[this.every.length - 2] : 1;
      this.cursor = null;
      this.reset();
    }

    /** All of the forecast, and some of the past. */
    reset() {
      const past = Math.max(0, this.series.times.length - Math.max(24, 4 * this.series.ahead.length));
      this.look(this.every[past], this.every[this.every.length - 1]);
    }

    all() { this.look(this.every[0], this.every[this.every.length - 1]); }

    look(low, high) {
      const first = this.every[0], last = this.every[this.every.length - 1];
      const span = clamp(high - low, Math.min(4 * this.step, last - first), last - first) || 1;
      this.low = clamp(low, first, last - span);
      this.high = this.low + span;
      this.draw();
    }

    listen(figure) {
      figure.querySelectorAll("button[data-do]").forEach((button) => button.addEventListener("click", () => this.act(button.dataset.do)));
      figure.querySelectorAll("input[type=checkbox]").forEach((box) => box.addEventListener("change", () => {
        if (box.checked) this.hidden.delete(box.value); else this.hidden.add(box.value);
        this.draw();
      }));
      if (this.choice) this.choice.addEventListener("change", () => this.show(this.choice.selectedIndex));
      const canvas = this.canvas;
      canvas.addEventListener("wheel", (event) => {
        if (!event.ctrlKey && !event.shiftKey) return;
        event.preventDefault();
        this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.timeAt(event.offsetX));
      }, { passive: false });
      let held = null;
      canvas.addEventListener("pointerdown", (event) => {
        held = { x: event.offsetX, low: this.low, high: this.high };
        canvas.setPointerCapture(event.pointerId);
      });
      canvas.addEventListener("pointerup", () => { held = null; });
      canvas.addEventListener("pointercancel", () => { held = null; });
      canvas.addEventListener("pointermove", (event) => {
        if (held && Math.abs(event.offsetX - held.x) > 3) {
          const moved = (event.offsetX - held.x) / this.width() * (held.high - held.low);
          this.look(held.low - moved, held.high - moved);
        } else this.point(this.nearest(this.timeAt(event.offsetX)));
      });
      canvas.addEventListener("pointerleave", () => this.point(null));
      canvas.addEventListener("dblclick", () => this.reset());
      canvas.addEventListener("keydown", (event) => {
        const keys = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 };
        if (event.key in keys) {
          const last = this.every.length - 1;
          this.point(clamp((this.cursor === null ? this.series.times.length : this.cursor) + keys[event.key], 0, last), true);
        } else if (event.key === "+" || event.key === "=") this.act("in");
        else if (event.key === "-") this.act("out");
        else if (event.key === "Home") this.act("reset");
        else return;
        event.preventDefault();
      });
      new ResizeObserver(() => this.draw()).observe(canvas);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    }

    act(what) {
      const around = this.cursor === null ? (this.low + this.high) / 2 : this.every[this.cursor];
      if (what === "in") this.zoom(0.6, around);
      else if (what === "out") this.zoom(1 / 0.6, around);
      else if (what === "all") this.all();
      else if (what === "reset") this.reset();
      else {
        const count = this.data.series.length;
        this.choice.selectedIndex = (this.choice.selectedIndex + (what === "next" ? 1 : count - 1)) % count;
        this.show(this.choice.selectedIndex);
      }
    }

    zoom(factor, around) { this.look(around - (around - this.low) * factor, around + (this.high - around) * factor); }

    width() { return this.canvas.clientWidth - LEFT - RIGHT; }

    timeAt(x) { return this.low + (x - LEFT) / this.width() * (this.high - this.low); }

    /** The number of the step that is nearest to a time. */
    nearest(at) {
      let low = 0, high = this.every.length - 1;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (this.every[middle] < at) low = middle; else high = middle;
      }
      return at - this.every[low] < this.every[high] - at ? low : high;
    }

    point(step, follow = false) {
      this.cursor = step;
      const at = step === null ? null : this.every[step];
      if (follow && (at < this.low || at > this.high)) {
        const span = this.high - this.low;
        this.look(at - span / 2, at + span / 2);
      } else this.draw();
      this.reading.textContent = step === null ? this.reading.dataset.hint : this.readingOf(step);
    }

    readingOf(step) {
      const past = this.series.times.length, ahead = step - past;
      const when = this.data.dates ? timeText(this.every[step], this.step) : `step ${this.every[step]}`;
      if (ahead < 0) return `${when}   measured ${numberText(this.series.values[step])}`;
      const parts = [when, `forecast ${numberText(this.series.point[ahead])}`];
      for (const each of this.series.intervals)
        parts.push(`${each.percent}%: ${numberText(each.low[ahead])} to ${numberText(each.high[ahead])}`);
      if (this.series.truth && known(this.series.truth[ahead])) parts.push(`came ${numberText(this.series.truth[ahead])}`);
      for (const each of this.series.beside) parts.push(`${each.name} ${numberText(each.point[ahead])}`);
      return parts.join("   ");
    }

    // ---- drawing

    draw() {
      const ratio = window.devicePixelRatio || 1, canvas = this.canvas;
      if (!canvas.clientWidth) return;
      canvas.width = Math.round(canvas.clientWidth * ratio);
      canvas.height = Math.round(HEIGHT * ratio);
      const pen = this.pen = canvas.getContext("2d");
      pen.scale(ratio, ratio);
      this.colours = Object.fromEntries(["ink", "muted", "line", "accent", "ground"].map((name) => [name, css(`--${name}`)]));
      this.heights();
      this.axes();
      pen.save();
      pen.beginPath();
      pen.rect(LEFT, TOP, this.width(), HEIGHT - TOP - BOTTOM);
      pen.clip();
      this.curves();
      pen.restore();
    }

    x(at) { return LEFT + (at - this.low) / (this.high - this.low) * this.width(); }

    y(value) { return HEIGHT - BOTTOM - (value - this.bottom) / (this.top - this.bottom) * (HEIGHT - TOP - BOTTOM); }

    /** The numbers that are in sight decide how high the picture reaches. */
    heights() {
      const { times, values, ahead, point, intervals, truth, beside } = this.series;
      let low = Infinity, high = -Infinity;
      const take = (steps, numbers) => {
        for (let i = 0; i < steps.length; i++)
          if (known(numbers[i]) && steps[i] >= this.low && steps[i] <= this.high) {
            low = Math.min(low, numbers[i]);
            high = Math.max(high, numbers[i]);
          }
      };
      take(times, values);
      take(ahead, point);
      if (truth) take(ahead, truth);
      for (const each of beside) if (!this.hidden.has(each.name)) take(ahead, each.point);
      for (const each of intervals) if (!this.hidden.has(String(each.percent))) { take(ahead, each.low); take(ahead, each.high); }
      if (low > high) [low, high] = [0, 1];
      const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
      this.bottom = low - room;
      this.top = high + room;
    }

    axes() {
      const pen = this.pen, { line, muted } = this.colours;
      pen.font = "12px system-ui, sans-serif";
      pen.lineWidth = 1;
      pen.fillStyle = muted;
      pen.strokeStyle = line;
      const step = niceStep(this.top - this.bottom, 6);
      pen.textAlign = "right";
      pen.textBaseline = "middle";
      for (let mark = Math.ceil(this.bottom / step) * step; mark <= this.top; mark += step) {
        const y = Math.round(this.y(mark)) + 0.5;
        this.stroke([[LEFT, y], [LEFT + this.width(), y]]);
        pen.fillText(numberText(Math.abs(mark) < step / 1e6 ? 0 : mark), LEFT - 8, y);
      }
      pen.textAlign = "center";
      pen.textBaseline = "top";
      const count = Math.max(2, Math.floor(this.width() / 90));
      for (const [at, text] of this.data.dates ? timeMarks(this.low, this.high, count) : this.stepMarks(count)) {
        const x = Math.round(this.x(at)) + 0.5;
        this.stroke([[x, TOP], [x, HEIGHT - BOTTOM]]);
        if (x > LEFT + 16 && x < LEFT + this.width() - 12) pen.fillText(text, x, HEIGHT - BOTTOM + 8);
      }
    }

    stepMarks(count) {
      const step = Math.max(1, niceStep(this.high - this.low, count)), marks = [];
      for (let at = Math.ceil(this.low / step) * step; at <= this.high; at += step) marks.push([at, String(at)]);
      return marks;
    }

    stroke(points) {
      this.pen.beginPath();
      points.forEach(([x, y], place) => (place ? this.pen.lineTo(x, y) : this.pen.moveTo(x, y)));
      this.pen.stroke();
    }

    /** A line through numbers; nothing is drawn where none is known, a dot where one stands alone. */
    path(steps, numbers, colour, width, dash = []) {
      const pen = this.pen;
      pen.strokeStyle = pen.fillStyle = colour;
      pen.lineWidth = width;
      pen.lineJoin = "round";
      pen.setLineDash(dash);
      pen.beginPath();
      const first = Math.max(0, steps.findIndex((at) => at >= this.low) - 1);
      for (let i = first, drawing = false; i < steps.length && (i === 0 || steps[i - 1] <= this.high); i++) {
        if (!known(numbers[i])) { drawing = false; continue; }
        const x = this.x(steps[i]), y = this.y(numbers[i]);
        if (drawing) pen.lineTo(x, y);
        else if (known(numbers[i + 1])) pen.moveTo(x, y);
        else { pen.moveTo(x + 1.5, y); pen.arc(x, y, 1.5, 0, 2 * Math.PI); }
        drawing = true;
      }
      pen.stroke();
      pen.setLineDash([]);
    }

    band(steps, low, high, colour, shade) {
      const pen = this.pen;
      pen.globalAlpha = shade;
      pen.fillStyle = colour;
      pen.beginPath();
      steps.forEach((at, i) => (i ? pen.lineTo(this.x(at), this.y(high[i])) : pen.moveTo(this.x(at), this.y(high[i]))));
      for (let i = steps.length - 1; i >= 0; i--) pen.lineTo(this.x(steps[i]), this.y(low[i]));
      pen.fill();
      pen.globalAlpha = 1;
    }

    curves() {
      const { times, values, ahead, point, intervals, truth, beside } = this.series;
      const { ink, accent, muted } = this.colours, now = times[times.length - 1], last = values[values.length - 1];
      const joined = [now, ...ahead], from = (numbers) => [last, ...numbers];
      const wide = intervals.filter((each) => !this.hidden.has(String(each.percent))).sort((a, b) => b.percent - a.percent);
      wide.forEach((each, place) => this.band(joined, from(each.low), from(each.high), accent, SHADES[Math.min(place + 3 - wide.length, 2)] || SHADES[0]));
      this.pen.strokeStyle = muted;
      this.pen.lineWidth = 1;
      this.pen.setLineDash([2, 3]);
      this.stroke([[this.x(now), TOP], [this.x(now), HEIGHT - BOTTOM]]);
      const others = ["#d55e00", "#009e73", "#cc79a7"];
      beside.forEach((each, place) => { if (!this.hidden.has(each.name)) this.path(ahead, each.point, others[place % 3], 1.4, [5, 3]); });
      this.path(times, values, ink, 1.4);
      if (truth && !this.hidden.has("truth")) this.path(joined, from(truth), ink, 1.4);
      this.path(ahead, point, accent, 2.4);
      if (this.cursor !== null) this.mark(this.cursor);
    }

    mark(step) {
      const past = this.series.times.length, at = this.every[step], pen = this.pen;
      pen.strokeStyle = this.colours.muted;
      pen.lineWidth = 1;
      this.stroke([[this.x(at), TOP], [this.x(at), HEIGHT - BOTTOM]]);
      const value = step < past ? this.series.values[step] : this.series.point[step - past];
      if (!known(value)) return;
      pen.fillStyle = step < past ? this.colours.ink : this.colours.accent;
      pen.beginPath();
      pen.arc(this.x(at), this.y(value), 4, 0, 2 * Math.PI);
      pen.fill();
    }
  }

  document.querySelectorAll("figure.fans").forEach((figure) => new Chart(figure));
})();
