// Between the page and the editor: brings the editor in, hands it what each line did, and takes links to lines there.
import { factsOf } from "./facts.js";

const source = document.querySelector("#source");
const host = document.querySelector("#mount");
let editor = null;

let at = { moment: null, line: null }; // where the run stands

// The server's list of lines, as the editor wants it.
function facts() {
  const lines = factsOf("#lines");
  return { lines, names: names(), at };
}

// What the names stand for at the moment; those that stand for several things stand for none.
function names() {
  const found = new Map();
  const twice = new Set();
  for (const name of document.querySelectorAll("#variables tr:not([hidden]) th code[data-ref], #gradients th code[data-ref]")) {
    if (name.closest("tbody[hidden]")) continue;
    const word = name.textContent.replace(/\.grad$/, "");
    if (found.has(word) && found.get(word) !== name.dataset.ref) twice.add(word);
    found.set(word, name.dataset.ref);
  }
  twice.forEach((word) => found.delete(word));
  return found;
}

export async function mount() {
  const { Editor } = await import("./editor.js");
  const hadFocus = document.activeElement === source;
  editor = new Editor(source, host);
  editor.show(facts());
  source.hidden = true;
  if (hadFocus) editor.focus();
}

function goTo(number) {
  if (editor) return editor.goTo(number);
  const lines = source.value.split("\n");
  const start = lines.slice(0, number - 1).reduce((sum, line) => sum + line.length + 1, 0);
  source.focus();
  source.setSelectionRange(start, start + (lines[number - 1]?.length ?? 0));
}

document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx.response.status < 400) editor?.show(facts());
});
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#L"]');
  const number = Number(link?.getAttribute("href").slice(2));
  if (!Number.isInteger(number) || number < 1 || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  goTo(number);
});
document.querySelector('label[for="source"]').addEventListener("click", () => editor?.focus());
source.addEventListener("tapescope:focus", () => (editor ?? source).focus());
document.addEventListener("tapescope:moment", (event) => {
  const { stepped, ...where } = event.detail;
  at = where;
  editor?.stand(at, names());
  if (stepped) editor?.reveal(at.line);
});
document.addEventListener("tapescope:light", (event) => editor?.light(event.detail.refs));
document.addEventListener("tapescope:finding", (event) => {
  const number = document.querySelector(`#L${event.detail}`)?.dataset.finding;
  const finding = number && document.querySelector(`#finding-${number}`);
  if (!finding) return;
  event.preventDefault();
  if (finding.matches("details")) finding.open = true;
  finding.focus();
});
