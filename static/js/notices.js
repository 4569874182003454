// Notices that only the browser can give, from the templates at the foot of the page.
const place = document.querySelector("#notices");

export function notify(kind, fill = () => {}) {
  const notice = document.querySelector(`#notice-${kind}`).content.cloneNode(true).firstElementChild;
  fill(notice);
  place.replaceChildren(notice);
}

export function withdraw(kind) {
  place.querySelector(`[data-kind="${kind}"]`)?.remove();
  if (!place.querySelector("*")) place.replaceChildren();
}
