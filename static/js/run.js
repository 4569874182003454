// Running: keys, what is seen while it runs, what is stale, and trying again. The request itself is htmx's.
import { notify, withdraw } from "./notices.js";

const form = document.querySelector("#run");
const source = document.querySelector("#source");
const press = document.querySelector("#press-run");
const cancel = document.querySelector("#cancel");
const progress = document.querySelector("#progress");
const announcement = document.querySelector("#announcement");
const result = document.querySelector("#result");
const limitS = Number(form.dataset.limitS);
const limitBytes = Number(form.dataset.limitBytes);
const RING_MS = 150;
const WORDS_MS = 1000;

// Tells this page from others behind the same address, so that they take turns. It lasts as long as the page.
const named = { "Tapescope-Page": crypto.randomUUID?.() ?? Math.random().toString(36).slice(2) };

let running = false;
let sent = source.value; // what the result on the page is of
let timers = [];
let retry = null;

const run = () => form.requestSubmit(press);

addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
  event.preventDefault();
  if (!running) run();
}, { capture: true }); // before the editor takes Enter for a new line

// A disabled button would drop the focus of who has just pressed it; htmx drops what comes while a run is under way.
press.addEventListener("click", (event) => {
  if (press.getAttribute("aria-disabled") === "true") event.preventDefault();
});

cancel.addEventListener("click", () => htmx.trigger(form, "htmx:abort"));

function busy(now) {
  running = now;
  timers.forEach(clearTimeout);
  timers = [];
  form.classList.remove("running");
  progress.textContent = "";
  if (cancel.contains(document.activeElement)) press.focus();
  cancel.hidden = true;
  press.toggleAttribute("aria-disabled", false);
  if (!now) return;
  press.setAttribute("aria-disabled", "true");
  timers.push(setTimeout(() => form.classList.add("running"), RING_MS));
  timers.push(setTimeout(() => {
    cancel.hidden = false;
    tellPlace();
  }, WORDS_MS));
}

// Where the run stands in the queue, as long as it stands there; the server says when to ask again.
let pressed = 0;
async function tellPlace() {
  const asking = pressed;
  let words = "";
  let againS = 2;
  try {
    const response = await fetch(form.dataset.place, { headers: named });
    if (response.status === 200) words = await response.text();
    againS = Number(response.headers.get("Retry-After")) || againS;
  } catch {
    // The run's own request tells whether the server can be reached.
  }
  if (!running || asking !== pressed) return;
  progress.textContent = words || `Still running. It is stopped at ${limitS} s.`;
  if (words) timers.push(setTimeout(tellPlace, 1000 * againS));
}

form.addEventListener("htmx:before:request", () => {
  stopRetrying();
  announcement.textContent = "";
  asked = source.value;
  pressed += 1;
  busy(true);
});
form.addEventListener("htmx:config:request", (event) => Object.assign(event.detail.ctx.request.headers, named));
let asked = sent;

form.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx.response.status < 400) sent = asked;
  showExample();
  startRetrying();
});
document.addEventListener("htmx:after:swap", () => showStale()); // also where the same run was drawn anew
form.addEventListener("htmx:finally:request", () => busy(false));
form.addEventListener("htmx:error", () => {
  notify("unreachable", (notice) => notice.querySelector("[data-again]").addEventListener("click", run));
});

// 429: the server says when to come again.
function startRetrying() {
  const notice = document.querySelector("#notices [data-retry-after]");
  if (!notice) return;
  const line = notice.querySelector(".retry");
  if (!line) return;
  const count = line.querySelector("[data-countdown]");
  let left = Number(notice.dataset.retryAfter);
  line.hidden = false;
  line.querySelector("[data-cancel-retry]").addEventListener("click", () => {
    stopRetrying();
    line.remove();
    press.focus();
  });
  retry = setInterval(() => {
    left -= 1;
    count.textContent = left;
    if (left > 0) return;
    stopRetrying();
    run();
  }, 1000);
}

function stopRetrying() {
  clearInterval(retry);
  retry = null;
}

// The header points at an example only while its own snippet is what was run.
function showExample() {
  const path = document.querySelector("#opening h1").dataset.path;
  for (const link of document.querySelectorAll(".site .examples a")) {
    if (link.getAttribute("href") === path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

// After an edit the pictures stay, and say so.
function showStale() {
  const stale = source.value !== sent && Boolean(result.querySelector("#printed"));
  form.classList.toggle("edited", stale);
  const place = result.querySelector(".stale-here");
  if (!place) return;
  if (!stale) place.replaceChildren();
  else if (!place.firstElementChild) place.append(document.querySelector("#notice-stale").content.cloneNode(true));
}

const encoder = new TextEncoder();
function checkSize() {
  // A character is at most three bytes of UTF-8 for each unit that `length` counts.
  const size = source.value.length * 3 <= limitBytes ? 0 : encoder.encode(source.value).length;
  if (size <= limitBytes) {
    withdraw("too-large");
    if (!running) press.removeAttribute("aria-disabled");
    return;
  }
  press.setAttribute("aria-disabled", "true");
  notify("too-large", (notice) => { notice.querySelector("[data-size]").textContent = size.toLocaleString("en"); });
}

source.addEventListener("input", () => {
  stopRetrying();
  withdraw("empty");
  withdraw("unreachable");
  checkSize();
  showStale();
});
form.addEventListener("submit", (event) => {
  if (press.getAttribute("aria-disabled") === "true" && !running) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, { capture: true });

startRetrying();
