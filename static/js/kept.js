// What the reader wrote survives a reload, a link pressed by mistake, and a server that is away.
import { notify, withdraw } from "./notices.js";
import { keep, load } from "./store.js";

const KEY = "snippet";
const REST_MS = 300;
const source = document.querySelector("#source");
const given = source.defaultValue;

let timer = null;
const save = () => keep(KEY, source.value === given || !source.value.trim() ? null : source.value);
source.addEventListener("input", () => {
  withdraw("kept");
  clearTimeout(timer);
  timer = setTimeout(save, REST_MS);
});
addEventListener("pagehide", () => {
  if (timer !== null) save();
});

const kept = load(KEY);
if (kept !== null && kept !== source.value && !document.querySelector("#notices .notice")) {
  notify("kept", (notice) => {
    notice.querySelector("[data-restore]").addEventListener("click", () => {
      source.value = kept;
      source.dispatchEvent(new Event("input", { bubbles: true }));
      withdraw("kept");
      source.dispatchEvent(new CustomEvent("tapescope:focus"));
    });
    notice.querySelector("[data-forget]").addEventListener("click", () => {
      keep(KEY, null);
      withdraw("kept");
    });
  });
}
