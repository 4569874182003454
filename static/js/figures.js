// A figure takes one stop of the Tab key; ↑ and ↓ go from mark to mark inside, Enter pins the light of what has one.
const result = document.querySelector("#result, #compared");
const marks = new Map(); // by figure: its links

const there = (mark) => !mark.classList.contains("ahead") && !mark.classList.contains("past");

function load() {
  marks.clear();
  for (const figure of result.querySelectorAll("svg.figure")) {
    const links = [...figure.querySelectorAll("a[href]")];
    if (!links.length) continue;
    marks.set(figure, links);
    for (const link of links) link.setAttribute("tabindex", "-1");
    stop(links, links.find(there) ?? links[0]);
  }
}

function stop(links, link) {
  for (const other of links) if (other.getAttribute("tabindex") === "0") other.setAttribute("tabindex", "-1");
  link.setAttribute("tabindex", "0");
}

// What Tab comes to has to be there at the moment.
function settle() {
  for (const links of marks.values()) {
    const now = links.find((link) => link.getAttribute("tabindex") === "0");
    if (!there(now)) stop(links, links.find(there) ?? now);
  }
}

result.addEventListener("focusin", (event) => {
  const links = marks.get(event.target.closest?.("svg.figure"));
  if (links?.includes(event.target)) stop(links, event.target);
});

result.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest?.("svg.figure a[href]");
  if (!link) return;
  if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    event.preventDefault();
    const links = marks.get(link.closest("svg.figure")).filter((each) => each === link || there(each));
    const next = links[links.indexOf(link) + (event.key === "ArrowDown" ? 1 : -1)];
    next?.focus();
  } else if (event.key === "Enter" && link.getAttribute("href").startsWith("#") && link.dataset.ref) {
    event.preventDefault();
    document.dispatchEvent(new CustomEvent("tapescope:pin", { detail: { ref: link.dataset.ref, side: link.closest("[data-side]")?.dataset.side ?? null } }));
  }
});

document.addEventListener("tapescope:moment", settle);
document.addEventListener("htmx:after:swap", load);
load();
