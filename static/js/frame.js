// The frame of every page: the theme switch, and menus that close when one looks elsewhere.
import { keep, load } from "./store.js";

const NEXT = { system: "light", light: "dark", dark: "system" };
const WORDS = { system: "System", light: "Light", dark: "Dark" };

const button = document.querySelector("#theme");
const word = button.querySelector(".theme-word");
let theme = load("theme") in WORDS ? load("theme") : "system";

function show() {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  word.textContent = WORDS[theme];
}

button.addEventListener("click", () => {
  theme = NEXT[theme];
  keep("theme", theme === "system" ? null : theme);
  show();
});
show();
button.hidden = false;

addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("[data-menu][open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
