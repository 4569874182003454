// Tells the server with each press how wide the figures' column is: it then draws, and sends, what that column shows and
// nothing else. Where the column becomes another one, the page asks for the drawings of every width, and tells no more.
const REST_MS = 250; // a window that is being resized

// `form` sends what is run, `root` has the figures; `address` gives the page's own, at the moment at which it stands.
export function tellRoom(form, root, address) {
  let telling = true;
  let resting = null;
  let presses = 0;
  let asked = null; // the press whose drawings are asked for again

  const columns = () => [...root.querySelectorAll(":is(.pictures, .pictured) > .part")];
  const widthOf = (part) => part?.getBoundingClientRect().width ?? 0;

  form.addEventListener("htmx:config:request", ({ detail }) => {
    presses += 1;
    const px = widthOf(columns()[0]);
    if (telling && px > 0) detail.ctx.request.body.set("width", px.toFixed(1));
  });

  // Whether what is drawn suits its column. Drawings of every width say nothing, and always do.
  function suits(part) {
    const { abovePx, mostPx } = part.parentElement.dataset;
    const px = widthOf(part);
    return abovePx === undefined || px === 0 || (px > Number(abovePx) && px <= Number(mostPx ?? Infinity));
  }

  function check() {
    clearTimeout(resting);
    for (const part of columns()) part.parentElement.classList.toggle("misfit", !suits(part));
    if (!columns().every(suits)) resting = setTimeout(ask, REST_MS);
  }

  function ask() {
    if (columns().every(suits)) return;
    telling = false;
    asked = presses;
    htmx.ajax("GET", address(), { source: root, target: root, swap: "innerMorph" });
  }

  // What was asked for is of no use after another press, nor is a refusal: the drawings that are there say more.
  root.addEventListener("htmx:before:swap", (event) => {
    const { sourceElement, response } = event.detail.ctx;
    if (sourceElement === root && (response.status >= 400 || asked !== presses)) event.preventDefault();
  });

  const observer = new ResizeObserver(check);
  function watch() {
    observer.disconnect();
    for (const part of columns()) observer.observe(part);
  }
  document.addEventListener("htmx:after:swap", watch);
  watch();
}
