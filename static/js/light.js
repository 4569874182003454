// One thing, everywhere: what has a `data-ref` lights up with all others of the same ref, on hover and on focus.
// A click pins the light, Esc or a second click lets go. Nothing scrolls and nothing moves.
let lit = new Set();
let pinned = null;

function refsOf(ref) {
  if (!ref) return new Set();
  if (ref.includes(" ")) return new Set(ref.split(" ")); // what a finding is about
  const line = ref.startsWith("L") ? document.querySelector(`#lines [data-ref="${CSS.escape(ref)}"]`) : null;
  return new Set([ref, ...(line?.dataset.lights?.split(" ") ?? [])]);
}

function light(refs) {
  if (refs.size === lit.size && [...refs].every((ref) => lit.has(ref))) return;
  for (const mark of document.querySelectorAll(".lit")) mark.classList.remove("lit");
  for (const ref of refs) {
    for (const mark of document.querySelectorAll(`[data-ref="${CSS.escape(ref)}"]`)) mark.classList.add("lit");
  }
  lit = refs;
  document.dispatchEvent(new CustomEvent("tapescope:light", { detail: refs })); // for what stands in a shadow root
}

// An event from inside the editor's shadow root names its host; the path still knows where it came from.
const refAt = (event) => {
  const at = event.composedPath()[0]?.closest?.("[data-ref], [data-lights]:not(#lines > li)");
  return at?.getAttribute("data-ref") ?? at?.getAttribute("data-lights") ?? null;
};
const show = (ref) => light(refsOf(ref ?? pinned));

function pin(ref) {
  pinned = ref === pinned ? null : ref;
  show(ref && pinned);
}

for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, (event) => show(refAt(event)));
document.addEventListener("pointerleave", () => show(null));
document.addEventListener("focusout", () => show(null));
document.addEventListener("click", (event) => {
  const ref = refAt(event);
  if (ref?.startsWith("L") && !event.composedPath()[0].closest("a, svg")) return; // a click into the code is for the caret
  pin(ref);
});
document.addEventListener("tapescope:pin", (event) => pin(event.detail));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || pinned === null) return;
  pinned = null;
  show(null);
});
// What the moment has brought, or made into something else.
document.addEventListener("tapescope:moment", () => {
  if (!lit.size) return;
  const refs = lit;
  lit = new Set();
  light(refs);
});
document.addEventListener("htmx:after:swap", () => {
  pinned = null;
  lit = new Set(["?"]); // new markup: light again from nothing
  show(null);
});
