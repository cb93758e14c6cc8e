// The page: the text on top, and a panel for each model.

import { Connection } from "./connection.js";
import { Panel } from "./panel.js";

const find = (id) => document.getElementById(id);
const field = find("text");
const status = find("status");

/** Other ways on that are remembered. */
const BRANCHES = 8;

let panels = [];
/** The characters (code points) that the session has, null where that is not known, and the turn of the last edit. */
let told = [];
let lastEdit = 0;
/** What goes on by itself: "write", "replay" or null; and the rest of what is replayed. */
let mode = null;
let rest = [];
let timer = null;
/** Whether an answer to "write" is on its way, and whether the next one is already due. */
let asked = false;
let due = false;
let branches = [];

const characters = (text) => Array.from(text);

const commonLength = (a, b) => {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
};

/** The session is told what differs from the text that it has. */
const tell = (text) => {
  const wanted = characters(text);
  const keep = commonLength(told ?? [], wanted);
  if (keep === told?.length && keep === wanted.length) return;
  told = wanted;
  lastEdit = connection.say({ type: "edit", keep, add: wanted.slice(keep).join("") });
};

const show = (text) => {
  field.value = text;
  field.scrollTop = field.scrollHeight;
};

const say = (sentence, lost = false) => {
  status.textContent = sentence;
  status.classList.toggle("lost", lost);
};

const greet = () => say(panels.length > 1 ? "Both models are ready." : "The model is ready.");

const receive = {
  models(message) {
    field.maxLength = message.limit;
    panels = message.models.map((card, number) => new Panel(card, number, { looked, wentBack }));
    find("panels").replaceChildren(...panels.map((panel) => panel.element));
    document.title = `${message.models.map((card) => card.name).join(", ")} – elman watch`;
    panels.forEach((panel) => panel.draw());
    greet();
    told = [];
    tell(field.value);
  },
  cut({ model, symbols }) {
    panels[model].cut(symbols);
  },
  columns({ model, first, columns }) {
    panels[model].add(first, columns);
  },
  wrote({ turn, text }) {
    asked = false;
    if (turn < lastEdit) return;
    told?.push(...characters(text));
    show(field.value + text);
    if (due) step();
  },
  refused({ turn, reason }) {
    if (turn >= lastEdit) told = null;
    go(null);
    say(reason, true);
  },
};

const connection = new Connection(
  (message) => receive[message.type](message),
  (open) => {
    if (open) return;
    go(null);
    say("The server is gone. Start elman watch again and this page goes on.", true);
  },
);

/** Start or stop what goes on by itself. */
const go = (next) => {
  mode = next;
  asked = due = false;
  find("write").setAttribute("aria-pressed", mode === "write");
  find("replay").setAttribute("aria-pressed", mode === "replay");
  find("write").textContent = mode === "write" ? "Stop writing" : "Let it write";
  find("replay").textContent = mode === "replay" ? "Stop" : "Replay";
  clearInterval(timer);
  timer = mode ? setInterval(step, 1000 / find("pace").value) : null;
};

const step = () => {
  if (mode === "write") {
    due = asked;
    if (asked) return;
    asked = true;
    connection.say({ type: "write", temperature: Number(find("temperature").value) });
  }
  if (mode === "replay") {
    if (!rest.length) return go(null);
    show(field.value + rest.shift());
    tell(field.value);
  }
};

const looked = (panel, place) => panels.filter((other) => other !== panel).forEach((other) => other.follow(place));

/** Go back to an earlier place; what came after it stays at hand. */
const wentBack = (place) => {
  go(null);
  remember(field.value);
  show(characters(field.value).slice(0, place).join(""));
  tell(field.value);
  showBranches();
  field.focus();
};

/** Keep a text as another way on, unless one of those that are kept begins with it. */
const remember = (text) => {
  if (!text || branches.some((other) => other.startsWith(text))) return;
  branches = [text, ...branches.filter((other) => !text.startsWith(other))].slice(0, BRANCHES);
};

const part = (letters, name = "") => {
  const span = document.createElement("span");
  span.className = name;
  span.textContent = letters.join("").replaceAll("\n", "↵");
  return span;
};

const showBranches = () => {
  const now = characters(field.value);
  const items = branches.map((text) => {
    const all = characters(text);
    const common = commonLength(now, all);
    const button = document.createElement("button");
    button.type = "button";
    button.append(part(all.slice(Math.max(0, common - 10), common), "shared"), part(all.slice(common, common + 40)));
    button.title = text;
    button.addEventListener("click", () => take(text));
    const item = document.createElement("li");
    item.append(button);
    return item;
  });
  find("branches").hidden = !items.length;
  find("branches").querySelector("ul").replaceChildren(...items);
};

const take = (text) => {
  go(null);
  branches = branches.filter((other) => other !== text);
  remember(field.value);
  show(text);
  tell(text);
  showBranches();
};

field.addEventListener("input", () => {
  go(null);
  if (status.classList.contains("lost") && panels.length) greet();
  tell(field.value);
});
find("write").addEventListener("click", () => go(mode === "write" ? null : "write"));
find("replay").addEventListener("click", () => {
  if (mode === "replay") return go(null);
  rest = characters(field.value);
  show("");
  tell("");
  go("replay");
});
find("clear").addEventListener("click", () => {
  go(null);
  remember(field.value);
  show("");
  tell("");
  showBranches();
  field.focus();
});
for (const [name, unit] of [
  ["pace", "/s"],
  ["temperature", ""],
]) {
  const write = () => (find(`${name}-value`).textContent = find(name).value + unit);
  find(name).addEventListener("input", write);
  find(name).addEventListener("input", () => name === "pace" && mode && go(mode));
  write();
}
