"""The drawings of the snippets that the site opens with, as they were last looked at.

A change shows here as a difference. Look at it, then store it: STORE_DRAWINGS=1 pytest tests/diagram/test_stored.py
"""

import os
from pathlib import Path

import pytest

from app.lessons.catalog import CONTENT
from tests.diagram.drawn import scene_of
from tests.diagram.test_scene import assert_all_drawn, assert_legible, rendered
from tests.tracing import trace_of

STORED = Path(__file__).parent / "stored"
SNIPPETS = {path.parent.name: path.read_text(encoding="utf-8") for path in sorted(CONTENT.glob("*/snippet.py"))}


@pytest.mark.parametrize("slug", SNIPPETS)
def test_the_drawing_is_the_stored_one(slug: str) -> None:
    trace = trace_of(SNIPPETS[slug])
    scene = scene_of(trace)
    assert_legible(scene)
    assert_all_drawn(trace, scene, frozenset())
    markup = rendered(scene, opening="/?open=", form="run").strip() + "\n"
    path = STORED / f"{slug}.html"
    if os.environ.get("STORE_DRAWINGS"):
        STORED.mkdir(exist_ok=True)
        path.write_text(markup, encoding="utf-8")
    assert markup == path.read_text(encoding="utf-8")
