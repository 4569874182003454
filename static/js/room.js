// Tells the server with each press how wide the figures' column is: it then draws, and sends, what that column shows and
// nothing else. Where the column becomes another one, the page asks for the drawings of every width, and tells no more.
const REST_MS = 250; // a window that is being resized
const form = document.querySelector("#run");
const result = document.querySelector("#result");

let telling = true;
let resting = null;
let presses = 0;
let asked = null; // the press whose drawings are asked for again

const column = () => result.querySelector("#pictures > .part");
const widthOf = (part) => part?.getBoundingClientRect().width ?? 0;

form.addEventListener("htmx:config:request", ({ detail }) => {
  presses += 1;
  const px = widthOf(column());
  if (telling && px > 0) detail.ctx.request.body.set("width", px.toFixed(1));
});

// Whether what is drawn suits its column. Drawings of every width say nothing, and always do.
function suits() {
  const { abovePx, mostPx } = result.querySelector("#pictures")?.dataset ?? {};
  const px = widthOf(column());
  return abovePx === undefined || px === 0 || (px > Number(abovePx) && px <= Number(mostPx ?? Infinity));
}

function check() {
  clearTimeout(resting);
  const fits = suits();
  result.querySelector("#pictures")?.classList.toggle("misfit", !fits);
  if (!fits) resting = setTimeout(ask, REST_MS);
}

function ask() {
  if (suits()) return;
  telling = false;
  asked = presses;
  htmx.ajax("GET", location.pathname + location.search, { source: result, target: result, swap: "innerMorph" });
}

// What was asked for is of no use after another press, nor is a refusal: the drawings that are there say more.
result.addEventListener("htmx:before:swap", (event) => {
  const { sourceElement, response } = event.detail.ctx;
  if (sourceElement === result && (response.status >= 400 || asked !== presses)) event.preventDefault();
});

const observer = new ResizeObserver(check);
function watch() {
  observer.disconnect();
  if (column()) observer.observe(column());
}
document.addEventListener("htmx:after:swap", watch);
watch();
