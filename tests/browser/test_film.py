"""film.js by itself: loaded as the page loads it, over markup made here."""

import pytest
from playwright.sync_api import Page

from app.diagram.film import Film
from app.web.assets import assets
from tests.browser.conftest import OpenPage

STOPS = [1, 2, 5, 9]
DATA = {
    "stops": STOPS,
    "words": ["", "one", "two", "cell v1", "cell v2", "hidden", "column ahead", "column"],
    "tracks": [[0, 0, 1, 1, 3, 2], [0, 3, 2, 4], [0, 5, 2, 0], [0, 1], [0, 6, 1, 7]],
}
# As it is at the last stop.
MARKUP = """
<p id="from" data-from="2"></p><p id="inside" data-from="4"></p><p id="to" class="past" data-to="5"></p>
<p id="both" class="past" data-from="2" data-to="9"></p><p id="never" class="ahead" data-from="12"></p>
<p id="look" class="cell v2 lit" title="two" data-t="class 1 title 0" data-from="5"></p>
<p id="gone" data-t="hidden 2"></p><p id="text" data-t="text 0">two</p><p id="same" data-t=" text  3">one</p>
<p id="own" class="column" data-t="class 4"></p>
"""
SETUP = """async ([address, data, markup]) => {
  const {Film} = await import(address);
  document.querySelector('main').innerHTML = markup;
  window.film = new Film(data, document.querySelector('main'));
}"""
SHOWN = """stop => {
  film.show(stop);
  return Object.fromEntries([...document.querySelectorAll('main [id]')].map(each => [each.id, [
    [...each.classList].sort().join(' '), each.textContent, each.title, each.hidden ? 'hidden' : '',
  ].filter(Boolean).join(', ')]));
}"""
STATES = {  # of each stop: classes, text, title and whether it is hidden
    0: "ahead; ahead; ; ahead; ahead; ahead cell lit v1; hidden; ; one; ahead column",
    1: "; ahead; ; ; ahead; ahead cell lit v1, one; hidden; one; one; column",
    2: "; ; past; ; ahead; cell lit v2, one; ; one; one; column",
    3: "; ; past; past; ahead; cell lit v2, two; ; two; one; column",
}


@pytest.fixture
def page(visit: OpenPage) -> Page:
    page = visit("/about/sandbox")
    page.evaluate(SETUP, [assets().url("js/film.js"), DATA, MARKUP])
    return page


@pytest.mark.parametrize(
    "path", [[0], [0, 1], [1, 0], [0, 3, 1], [3, 2, 1, 0, 2], [0, 2, 2, 3], [2, -5], [0, 99], [1, 2, 1, 3, 0, 3]]
)
def test_a_stop_shows_the_same_however_one_came_there(page: Page, path: list[int]) -> None:
    for stop in path:
        shown: dict[str, str] = page.evaluate(SHOWN, stop)
    assert "; ".join(shown.values()) == STATES[min(max(stop, 0), 3)]


def test_only_what_changes_is_touched(page: Page) -> None:
    touched = page.evaluate(
        """async () => {
          film.show(1);
          const seen = new Set();
          const named = each => each.target.id || each.target.parentNode.id;
          const observer = new MutationObserver(found => found.forEach(each => seen.add(named(each))));
          const all = {subtree: true, attributes: true, childList: true, characterData: true};
          observer.observe(document.querySelector('main'), all);
          film.show(2);
          await new Promise(done => setTimeout(done));
          return [...seen].sort();
        }"""
    )
    assert touched == ["gone", "inside", "look", "to"]


@pytest.mark.parametrize("moment", range(12))
def test_a_moment_is_seen_at_the_same_stop_as_on_the_server(page: Page, moment: int) -> None:
    index: int = page.evaluate("moment => film.index(moment)", moment)
    assert min(index, len(STOPS) - 1) == Film(STOPS).index(moment)


def test_a_film_that_starts_in_the_middle(page: Page) -> None:
    markup = page.evaluate(
        """async ([address, data]) => {
          const {Film} = await import(address);
          const root = document.querySelector('main');
          root.innerHTML = '<p data-from="5" class="ahead"></p><b data-t="text 0">one</b>';
          new Film(data, root, 1).show(3);
          return root.innerHTML;
        }""",
        [assets().url("js/film.js"), DATA],
    )
    assert markup == '<p data-from="5" class=""></p><b data-t="text 0">two</b>'


def test_a_step_over_two_thousand_elements_takes_no_time(page: Page) -> None:
    ms = page.evaluate(
        """async address => {
          const {Film} = await import(address);
          const root = document.querySelector('main');
          const stops = [...Array(100).keys()].map(each => each + 1);
          root.innerHTML = '<svg viewBox="0 0 800 800">' + [...Array(2000).keys()].map(each => {
            const place = `x="${each % 50 * 16}" y="${each / 50 * 20}"`;
            return each % 2
              ? `<rect ${place} width="9" height="9" data-from="${each % 100}" data-to="${each % 100 + 20}"/>`
              : `<text ${place} data-t="text ${each / 2 % 200}">0</text>`;
          }).join('') + '</svg>';
          const words = [...Array(100).keys()].map(String);
          const tracks = [...Array(200).keys()].map(each => [0, 0, 20 + each % 40, 1, 60 + each % 40, 2]);
          const film = new Film({stops, words, tracks}, root);
          const took = [];
          for (let step = 0; step < 200; step += 1) {
            const begun = performance.now();
            film.show(step % 100);
            root.querySelector('svg').getBoundingClientRect();
            took.push(performance.now() - begun);
          }
          return took.sort((a, b) => a - b)[100];
        }""",
        assets().url("js/film.js"),
    )
    assert ms < 8
