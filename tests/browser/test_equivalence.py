"""What the script makes of a page by stepping to a moment is what the server makes of it for that moment."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from app.lessons.catalog import catalog
from app.web.address import pack
from tests.browser.conftest import OpenPage

SNIPPETS = Path(__file__).parents[1] / "snippets"
CHOSEN = """
attention autograd_grad backward_twice bptt classes_and_dataclasses control_flow custom_function data_and_detach
double_backward gan_step generators_and_closures in_place_in_the_graph leaf_rebound optimizers recursion set_and_resize
training_loop torch_errors_caught numpy_both_ways printing
""".split()
LOOP = """\
import torch
w = torch.ones(3, requires_grad=True)
opt = torch.optim.SGD([w], lr=0.1)
def loss_of(w):
    y = w * w
    return y.sum()
for i in range(150):
    loss = loss_of(w)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if i % 50 == 0:
        print(i, loss.item())
"""
SOURCES = {slug: catalog()[slug].source for slug in ("data", "detach", "two-networks", "frozen-network-no-grad")}
SOURCES |= {name: (SNIPPETS / f"{name}.py").read_text("utf-8") for name in CHOSEN} | {"loop": LOOP}

# The result as text: what a reader or a style can tell, in an order of its own. What the pointer and the keys leave is
# no part of it, nor is the film itself.
SEEN = """() => {
  const lines = [];
  const walk = (node, depth) => {
    if (node.nodeType === 3) {
      if (node.data.trim()) lines.push(' '.repeat(depth) + JSON.stringify(node.data.trim()));
      return;
    }
    if (node.nodeType !== 1 || node.id === 'film') return;
    const attributes = [...node.attributes]
      .filter(({name, value}) => value && !['tabindex', 'value', 'class', 'data-htmx-powered'].includes(name))
      .map(({name, value}) => `${name}=${JSON.stringify(value)}`);
    const classes = [...node.classList].filter(each => each !== 'lit').sort();
    if (classes.length) attributes.push(`class=${classes.join('.')}`);
    if (node.matches('input')) attributes.push(`value=${node.value}`);
    lines.push(' '.repeat(depth) + node.localName + ' ' + attributes.sort().join(' '));
    for (const child of node.childNodes) walk(child, depth + 1);
  };
  walk(document.querySelector('#result'), 0);
  return lines;
}"""
SCRUB = """index => {
  const slider = document.querySelector('#moments');
  slider.value = index;
  slider.dispatchEvent(new Event('input', {bubbles: true}));
}"""
STOPS = "() => JSON.parse(document.querySelector('#film').textContent).stops"


def seen(page: Page) -> list[str]:
    lines: list[str] = page.evaluate(SEEN)
    return lines


def settle(page: Page) -> None:
    """Wait for the fixes, which come after the page where they were not tried before."""
    page.locator(".fixes.awaited").first.wait_for(state="detached")


def differing(ours: list[str], theirs: list[str]) -> list[tuple[str, str]]:
    """The first lines in which two pages differ."""
    if len(ours) != len(theirs):
        return [("lengths", f"{len(ours)} {len(theirs)}")]
    return [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]][:3]


@pytest.mark.parametrize("name", SOURCES)
def test_scrubbing_gives_what_the_server_gives(visit: OpenPage, name: str) -> None:
    path = f"/?code={pack(SOURCES[name])}"
    page = visit(path)
    stops: list[int] = page.evaluate(STOPS)
    last = len(stops) - 1
    settle(page)
    scrubbed = {}
    for index in dict.fromkeys([(7 * len(name)) % last if last else 0, 0, last]):  # another one for each, and both ends
        page.evaluate(SCRUB, index)
        scrubbed[stops[index]] = seen(page)
    for moment, ours in scrubbed.items():
        page.goto(f"{path}&moment={moment}")
        settle(page)
        assert differing(ours, seen(page)) == [], f"at moment {moment}"
