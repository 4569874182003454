// Stands the page at a moment of the run: slider, buttons, keys, play, the address, the sentence, the editor's line.
import { Film } from "./film.js";

const PLAY_MS = 700;
const REST_MS = 300;
const AT_THE_SLIDER = "#moments, .figure";
const result = document.querySelector("#result");

let film = null;
let stops = []; // the list of moments: its items
let playing = null;
let resting = null;

const slider = () => document.querySelector("#moments");

// What has come with the page, or with a run.
function load() {
  pause();
  clearTimeout(resting);
  const data = result.querySelector("#film");
  film = data ? new Film(JSON.parse(data.textContent), result, Number(data.dataset.stop)) : null;
  stops = [...result.querySelectorAll("#told li")];
  if (!film) return tell(null);
  slider().value = film.at;
  tell(stops[film.at]);
}

// For what stands elsewhere: the editor, the figures. `stepped`: someone went there.
function tell(stop, stepped = false) {
  const detail = stop ? { moment: Number(stop.dataset.moment), line: Number(stop.dataset.line), stepped } : { moment: null, line: null, stepped };
  document.dispatchEvent(new CustomEvent("tapescope:moment", { detail }));
}

function show(index) {
  const to = Math.min(Math.max(index, 0), film.stops.length - 1);
  if (to === film.at) return;
  const before = stops[film.at];
  const now = stops[to];
  film.show(to);
  before.classList.remove("now");
  before.querySelector(".way").removeAttribute("aria-current");
  now.classList.add("now");
  const where = now.querySelector(".way");
  where.setAttribute("aria-current", "step");
  const said = now.querySelector(".said > span");
  result.querySelector("#where").replaceChildren(...copies(where));
  result.querySelector("#sentence").replaceChildren(...copies(said));
  slider().value = to;
  slider().setAttribute("aria-valuetext", `${where.textContent.replace(" · ", ", ")}. ${said.textContent}`.replace(/^M/, "m"));
  offer(now);
  lead("#earlier", stops[to - 1]);
  lead("#later", stops[to + 1]);
  tell(now, true);
  clearTimeout(resting);
  resting = setTimeout(keepAddress, REST_MS);
}

// At a fold: a form that asks for any moment inside.
function offer(stop) {
  const form = result.querySelector("#fold-open");
  if (!form) return;
  const first = stop.dataset.first ?? stop.dataset.moment;
  form.classList.toggle("away", !stop.dataset.first);
  const input = form.querySelector("#fold-moment");
  for (const [name, value] of [["min", first], ["max", stop.dataset.moment], ["value", first]]) input.setAttribute(name, value);
  input.value = first;
}

const copies = (element) => [...element.childNodes].map((node) => node.cloneNode(true));

function lead(button, stop) {
  const link = result.querySelector(button);
  if (stop) {
    link.setAttribute("href", `${given()}moment=${stop.dataset.moment}`);
    link.dataset.moment = stop.dataset.moment;
    link.removeAttribute("aria-disabled");
    return;
  }
  link.removeAttribute("href");
  delete link.dataset.moment;
  link.setAttribute("aria-disabled", "true");
  if (document.activeElement === link) slider().focus();
}

// The address

const given = () => result.querySelector("#printed")?.dataset.address ?? null;
const here = () => location.pathname + location.search;
let known = here();

function addressNow() {
  const base = given();
  const last = !film || film.at === film.stops.length - 1;
  return last ? base.slice(0, -1) : `${base}moment=${film.stops[film.at]}`;
}

// Of what is seen now, though the address bar follows after a rest.
export const addressSeen = () => (given() ? addressNow() : here());

function keepAddress() {
  if (!given()) return;
  history.replaceState(null, "", addressNow() + location.hash);
  known = here();
}

// A run is an entry of its own, unless it is of the same snippet.
function pushAddress() {
  const base = given();
  if (!base) return;
  const same = known.replace(/[?&]moment=\d+$/, "").replace(/^\/$/, "") === base.slice(0, -1);
  history[same ? "replaceState" : "pushState"](null, "", addressNow());
  known = here();
}

addEventListener("popstate", () => {
  if (here() !== known) location.reload();
});

// Play

function play() {
  const button = result.querySelector("#play");
  if (film.at === film.stops.length - 1) show(0);
  swapLabel(button);
  playing = setInterval(() => {
    show(film.at + 1);
    if (film.at === film.stops.length - 1) pause();
  }, PLAY_MS);
}

function pause() {
  if (playing === null) return;
  clearInterval(playing);
  playing = null;
  swapLabel(result.querySelector("#play"));
}

function swapLabel(button) {
  if (!button) return;
  const label = button.getAttribute("aria-label");
  button.setAttribute("aria-label", button.dataset.label);
  button.dataset.label = label;
}

for (const kind of ["pointerdown", "keydown", "wheel"]) {
  document.addEventListener(kind, (event) => {
    const atPlay = event.composedPath().some((each) => each.id === "play");
    if (playing !== null && !(atPlay && (kind !== "keydown" || event.key === " " || event.key === "Enter"))) pause();
  }, { capture: true, passive: true });
}

// Pointer and keys

const isLine = (stop) => stop.dataset.kind !== "node" && stop.dataset.kind !== "nodes";

document.addEventListener("input", (event) => {
  if (event.target.id === "moments" && film) show(Number(event.target.value));
});

document.addEventListener("click", (event) => {
  if (event.target.closest?.("#play") && film) return playing === null ? play() : pause();
  if (event.ctrlKey || event.metaKey || event.shiftKey || !film) return undefined;
  const line = event.target.closest?.("a.line");
  if (line) return show(nearest(Number(line.hash.slice(2)))); // lines.js takes it to the editor
  const link = event.target.closest?.("[data-moment]");
  if (!link || !result.contains(link)) return undefined;
  event.preventDefault();
  return show(film.index(Number(link.dataset.moment)));
});

// The stop at which that line ran, the nearest one if it ran often.
function nearest(line) {
  let found = film.at;
  let apart = Infinity;
  stops.forEach((stop, index) => {
    if (Number(stop.dataset.line) !== line || !isLine(stop) || Math.abs(index - film.at) >= apart) return;
    found = index;
    apart = Math.abs(index - film.at);
  });
  return found;
}

// The next stop in that direction at which a line ran: over the nodes of a backward.
function lineFrom(index, way) {
  let at = index + way;
  while (at > 0 && at < stops.length - 1 && !isLine(stops[at])) at += way;
  return at;
}

const KEYS = {
  ArrowLeft: (at) => at - 1,
  ArrowRight: (at) => at + 1,
  PageUp: (at) => lineFrom(at, -1),
  PageDown: (at) => lineFrom(at, 1),
  Home: () => 0,
  End: () => stops.length - 1,
};

document.addEventListener("keydown", (event) => {
  if (!film || !(event.key in KEYS) || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (!event.target.closest?.(AT_THE_SLIDER)) return;
  event.preventDefault();
  show(KEYS[event.key](film.at));
});

document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx.response.status >= 400) return;
  load();
  pushAddress();
});

load();
if (location.pathname === "/traces") keepAddress(); // a form's own address has nothing to come back to
