// A fix that is applied: one change of the editor's text, a run of it, and a way back.
import { notify, withdraw } from "./notices.js";

const form = document.querySelector("#run");
const press = document.querySelector("#press-run");
const source = document.querySelector("#source");

function take(text) {
  source.value = text;
  source.dispatchEvent(new Event("input", { bubbles: true }));
  // What was pressed goes with the old result. Where there is no keyboard, focus in the editor would bring one up.
  if (matchMedia("(pointer: coarse)").matches) press.focus();
  else source.dispatchEvent(new Event("tapescope:focus"));
  form.requestSubmit(press);
}

function offerBack(title, before, after) {
  if (source.value !== after) return;
  notify("applied", (notice) => {
    notice.querySelector("[data-title]").textContent = title;
    notice.querySelector("[data-back]").addEventListener("click", () => take(before));
  });
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-apply]")) return;
  event.preventDefault();
  if (press.getAttribute("aria-disabled") === "true") return;
  const before = source.value;
  const after = new FormData(event.target).get("source").replaceAll("\r\n", "\n");
  const { title } = event.target.dataset;
  form.addEventListener("htmx:after:swap", () => offerBack(title, before, after), { once: true });
  take(after);
});

source.addEventListener("input", () => withdraw("applied"));
