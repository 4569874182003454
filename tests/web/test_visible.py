"""What cannot be seen, or turns the text around it, is shown; the reader's own source stays as it is."""

import pytest

from app.web.visible import visible_json, visible_page


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<p>\x1b[31m</p>", "<p>\u241b[31m</p>"),
        ("<p>\x00\x7f\x85</p>", "<p>\u2400\u2421\ufffd</p>"),
        ("<p>a\u202eb</p>", "<p>a\ufffdb</p>"),
        ("<p>tab\tand\nline</p>", "<p>tab\tand\nline</p>"),
        ("<p>é 中 ≠</p>", "<p>é 中 ≠</p>"),
        ("<p>é\x00 \u2069</p>", "<p>é\u2400 \ufffd</p>"),
        ("<textarea>\u202e</textarea><p>\u202e</p>", "<textarea>\u202e</textarea><p>\ufffd</p>"),
    ],
)
def test_a_page_shows_them(html: str, shown: str) -> None:
    assert visible_page(html).decode() == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r'"\u001b[0m"', '"\u241b[0m"'),
        (r'"\\u001b"', r'"\\u001b"'),  # the reader's own backslash
        (r'"\n\t"', r'"\n\t"'),
    ],
)
def test_so_does_json(text: str, shown: str) -> None:
    assert visible_json(text) == shown
