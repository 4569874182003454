// Two runs beside each other: one slider moves both, an editor over each side, and a run that swaps what was compared.
import "./light.js";
import "./figures.js";
import { factsOf } from "./facts.js";
import { Film } from "./film.js";
import { tellRoom } from "./room.js";

const SIDES = ["left", "right"];
const REST_MS = 300;
const form = document.querySelector("#compare");
const compared = document.querySelector("#compared");
const press = document.querySelector("#press-run");
const sources = Object.fromEntries(SIDES.map((side) => [side, document.querySelector(`#${side}-source`)]));
const editors = {};

let columns = null; // { pairs, left, right }
let films = {};
let at = 0;
let resting = null;

// The parts of a side, as one root.
const parts = (side) => ({ querySelectorAll: (what) => [...compared.querySelectorAll(`[data-side="${side}"]`)].flatMap((part) => [...part.querySelectorAll(what)]) });
const slider = () => compared.querySelector("#moments");

function load() {
  const data = compared.querySelector("#columns");
  columns = data ? JSON.parse(data.textContent) : null;
  films = {};
  for (const side of columns ? SIDES : []) {
    const film = compared.querySelector(`#${side}-film`);
    films[side] = new Film(JSON.parse(film.textContent), parts(side), Number(film.dataset.stop));
  }
  at = columns ? Number(slider().getAttribute("value")) : 0;
  if (columns) speak();
  for (const side of SIDES) editors[side]?.show(facts(side));
}

function show(to) {
  if (!columns) return;
  at = Math.min(Math.max(to, 0), columns.pairs.length - 1);
  SIDES.forEach((side, index) => {
    const stop = columns.pairs[at][index];
    films[side].show(stop);
    compared.querySelector(`#${side}-saying`).textContent = columns[side][stop];
    editors[side]?.stand(place(side), new Map());
  });
  slider().value = at;
  speak();
  lead("#earlier", at - 1);
  lead("#later", at + 1);
  document.dispatchEvent(new CustomEvent("tapescope:moment", { detail: {} }));
  clearTimeout(resting);
  resting = setTimeout(keepAddress, REST_MS);
}

function speak() {
  const parting = slider().dataset.parting;
  const how = parting === undefined ? "" : at < parting ? ", before they part" : at > parting ? ", after they parted" : ", where they part";
  const where = `Column ${at + 1} of ${columns.pairs.length}${how}`;
  compared.querySelector("#where").textContent = where;
  const said = SIDES.map((side, index) => `${side[0].toUpperCase()}${side.slice(1)}: ${columns[side][columns.pairs[at][index]]}`);
  slider().setAttribute("aria-valuetext", `${where}. ${said.join(" ")}`);
}

function lead(button, column) {
  const link = compared.querySelector(button);
  const there = column >= 0 && column < columns.pairs.length;
  link.toggleAttribute("aria-disabled", false);
  if (there) {
    link.setAttribute("href", `${base()}moment=${column + 1}`);
    link.dataset.column = column;
    return;
  }
  link.removeAttribute("href");
  delete link.dataset.column;
  link.setAttribute("aria-disabled", "true");
  if (document.activeElement === link) slider().focus();
}

const here = () => location.pathname + location.search;
const base = () => compared.querySelector("#columns").dataset.base;
function keepAddress() {
  const last = at === columns.pairs.length - 1;
  history.replaceState(null, "", last ? base().slice(0, -1) : `${base()}moment=${at + 1}`);
}

document.addEventListener("input", (event) => {
  if (event.target.id === "moments") show(Number(event.target.value));
});
document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || !columns) return;
  const link = event.target.closest?.("[data-column]");
  if (link) {
    event.preventDefault();
    show(Number(link.dataset.column));
    return;
  }
  const mark = event.target.closest?.("[data-moment]"); // in a tape: the column that shows its moment
  const side = mark?.closest("[data-side]")?.dataset.side;
  if (!side) return;
  event.preventDefault();
  const stop = films[side].index(Number(mark.dataset.moment));
  const found = columns.pairs.findIndex((pair) => pair[SIDES.indexOf(side)] === stop);
  if (found >= 0) show(found);
});
const KEYS = { ArrowLeft: () => at - 1, ArrowRight: () => at + 1, Home: () => 0, End: () => columns.pairs.length - 1 };
document.addEventListener("keydown", (event) => {
  if (!columns || !(event.key in KEYS) || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (!event.target.closest?.("#moments, .figure")) return;
  event.preventDefault();
  show(KEYS[event.key]());
});

// Running
addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit(press);
}, { capture: true }); // before an editor takes Enter for a new line
form.addEventListener("htmx:before:request", () => press.setAttribute("aria-disabled", "true"));
form.addEventListener("htmx:finally:request", () => press.removeAttribute("aria-disabled"));
document.addEventListener("htmx:after:swap", () => {
  load();
  if (!columns) return;
  if (here().startsWith(base().slice(0, -1))) keepAddress(); // the same two again
  else history.pushState(null, "", base().slice(0, -1));
});
addEventListener("popstate", () => location.reload());

// The editors come last, after the first paint: the text areas work without them.
function place(side) {
  const film = films[side];
  const now = compared.querySelector(`#${side}-lines li:has(.standing:not(:empty))`);
  return { moment: film ? film.stops[film.at] : null, line: now ? now.value : null };
}

function facts(side) {
  const lines = factsOf(`#${side}-lines`);
  return { lines, names: new Map(), at: place(side) };
}

async function mount() {
  for (const side of SIDES) {
    const host = document.querySelector(`#${side}-mount`);
    const { Editor } = await import("./editor.js");
    const hadFocus = document.activeElement === sources[side];
    editors[side] = new Editor(sources[side], host);
    editors[side].show(facts(side));
    sources[side].hidden = true;
    if (hadFocus) editors[side].focus();
  }
}

load();
tellRoom(form, compared, () => (columns ? `${base()}moment=${at + 1}` : here()));
requestAnimationFrame(() => setTimeout(mount));
