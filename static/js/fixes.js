// A fix that is applied: one change of the editor's text, which can be taken back, and a run of it.
const form = document.querySelector("#run");
const press = document.querySelector("#press-run");
const source = document.querySelector("#source");

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-apply]")) return;
  event.preventDefault();
  if (press.getAttribute("aria-disabled") === "true") return;
  source.value = new FormData(event.target).get("source").replaceAll("\r\n", "\n");
  source.dispatchEvent(new Event("input", { bubbles: true }));
  source.dispatchEvent(new Event("tapescope:focus")); // what was pressed goes with the old result
  form.requestSubmit(press);
});
