"""Widths of text: what is drawn around a text must hold it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.diagram.text import SLACK, Face, ellipsize, width, wrap

FACES: list[Face] = ["text", "strong", "code"]


@pytest.mark.parametrize(
    ("text", "face", "em"),
    [
        ("0", "text", 0.497),  # Source Sans 3 at weight 400, from the font itself
        ("0", "strong", 0.521),
        ("m", "code", 0.6),
        ("iiii", "code", 2.4),
        ("数据", "text", 2.0),
        ("数据", "code", 2.0),
        ("e\u0301", "code", 0.6),  # a combining mark takes no room
        ("", "text", 0.0),
    ],
)
def test_widths(text: str, face: Face, em: float) -> None:
    assert width(text, 10, face) == pytest.approx(em * 10 * SLACK[face], abs=0.3)


@settings(derandomize=True)
@given(st.text(max_size=60), st.floats(min_value=20, max_value=300), st.sampled_from(FACES))
def test_an_ellipsized_text_fits(text: str, room: float, face: Face) -> None:
    short = ellipsize(text, room, 12, face)
    assert width(short, 12, face) <= room + 0.2
    assert short == text or (short.endswith("…") and text.startswith(short[:-1].rstrip()))


@settings(derandomize=True)
@given(
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C"]), max_size=200),
    st.sampled_from([60.0, 200.0]),
)
def test_wrapped_lines_fit_and_say_all(text: str, room: float) -> None:
    lines = wrap(text, room)
    assert all(width(line) <= room or len(line) == 1 for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
