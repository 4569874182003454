"""Sentences to HTML: escaped, with code and line links and nothing else."""

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from app.web.prose import code_only, plain, prose


def link(line: int, words: str) -> str:
    return f'<a class="line" href="#L{line}" data-ref="L{line}">{words}</a>'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Line 3 saved `out`.", f'{link(3, "Line 3")} saved <code translate="no">out</code>.'),
        ("See line 12: `x`", f'See {link(12, "line 12")}: <code translate="no">x</code>'),
        ("Lines 3, 4 and 6.", f"{link(3, 'Lines 3')}, {link(4, '4')} and {link(6, '6')}."),
        ("lines 4–6", f"{link(4, 'lines 4')}–{link(6, '6')}"),
        ("`line 5` is code", '<code translate="no">line 5</code> is code'),
        ("a `<b>` & c", 'a <code translate="no">&lt;b&gt;</code> &amp; c'),
        ("an odd ` stays", "an odd ` stays"),
        ("online 5, line five, lines", "online 5, line five, lines"),
        ("", ""),
    ],
)
def test_prose(text: str, html: str) -> None:
    assert prose(text) == html


def test_headings_and_titles() -> None:
    assert code_only("By `.data` on line 4 <") == "By <code>.data</code> on line 4 &lt;"
    assert plain("By `.data` & `x`") == "By .data & x"


@given(st.text(alphabet=st.sampled_from("`<>&\"' Line5\nab,and")))
def test_nothing_but_code_and_links_comes_out(text: str) -> None:
    for made in (prose(text), code_only(text)):
        tags = BeautifulSoup(str(made), "html.parser").find_all(True)
        assert {tag.name for tag in tags} <= {"code", "a"}
        assert all(tag["href"].startswith("#L") for tag in tags if tag.name == "a")  # type: ignore[union-attr]  # None fails the test
