// One thing, everywhere: what has a `data-ref` lights up with all others of the same ref, on hover and on focus.
// A click pins the light, Esc or a second click lets go. Nothing scrolls and nothing moves. Where two runs stand side by
// side, each part says which it belongs to (data-side), and lights only what is of the same.
let lit = { refs: new Set(), side: null };
let pinned = null; // { ref, side }

const partsOf = (side) => (side ? [...document.querySelectorAll(`[data-side="${side}"]`)] : [document]);

function refsOf(ref, side) {
  if (!ref) return new Set();
  if (ref.includes(" ")) return new Set(ref.split(" ")); // what a finding is about
  const of = ref.startsWith("L") ? `.lines [data-ref="${CSS.escape(ref)}"]` : null;
  const line = of && partsOf(side).map((part) => part.querySelector(of)).find(Boolean);
  return new Set([ref, ...(line?.dataset.lights?.split(" ") ?? [])]);
}

function light(refs, side) {
  if (side === lit.side && refs.size === lit.refs.size && [...refs].every((ref) => lit.refs.has(ref))) return;
  for (const mark of document.querySelectorAll(".lit")) mark.classList.remove("lit");
  for (const part of partsOf(side)) {
    for (const ref of refs) {
      for (const mark of part.querySelectorAll(`[data-ref="${CSS.escape(ref)}"]`)) mark.classList.add("lit");
    }
  }
  lit = { refs, side };
  document.dispatchEvent(new CustomEvent("tapescope:light", { detail: lit })); // for what stands in a shadow root
}

// An event from inside the editor's shadow root names its host; the path still knows where it came from.
function at(event) {
  const place = event.composedPath()[0]?.closest?.("[data-ref], [data-lights]:not(.lines > li)");
  const ref = place?.getAttribute("data-ref") ?? place?.getAttribute("data-lights") ?? null;
  return ref && { ref, side: event.composedPath().find((each) => each.dataset?.side)?.dataset.side ?? null };
}
const show = (what) => {
  const { ref, side } = what ?? pinned ?? { ref: null, side: null };
  light(refsOf(ref, side), side);
};

function pin(what) {
  pinned = !what || (what.ref === pinned?.ref && what.side === pinned?.side) ? null : what;
  show(pinned);
}

for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, (event) => show(at(event)));
document.addEventListener("pointerleave", () => show(null));
document.addEventListener("focusout", () => show(null));
document.addEventListener("click", (event) => {
  const what = at(event);
  if (what?.ref.startsWith("L") && !event.composedPath()[0].closest("a, svg")) return; // a click into the code is for the caret
  pin(what);
});
document.addEventListener("tapescope:pin", (event) => pin(event.detail));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || pinned === null) return;
  pinned = null;
  show(null);
});
// What the moment has brought, or made into something else.
document.addEventListener("tapescope:moment", () => {
  if (!lit.refs.size) return;
  const { refs, side } = lit;
  lit = { refs: new Set(), side: null };
  light(refs, side);
});
document.addEventListener("htmx:after:swap", () => {
  pinned = null;
  lit = { refs: new Set(["?"]), side: null }; // new markup: light again from nothing
  show(null);
});
