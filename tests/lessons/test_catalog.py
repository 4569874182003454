"""The lessons that ship, and how their files are read."""

from pathlib import Path

import msgspec
import pytest

from app.lessons.catalog import Catalog, catalog


def test_the_four_examples_in_their_order() -> None:
    assert [lesson.slug for lesson in catalog().listed] == ["data", "detach", "two-networks", "frozen-network"]
    assert catalog().first.slug == "data"


@pytest.mark.parametrize(
    "slug", ["data", "detach", "two-networks", "two-networks-in-place", "frozen-network", "frozen-network-no-grad"]
)
def test_each_has_words_of_its_own_and_a_snippet_that_compiles(slug: str) -> None:
    lesson = catalog()[slug]
    assert 2 <= lesson.text.striptags().count(". ") + 1 <= 4
    assert lesson.title != catalog()["data"].title or slug == "data"
    compile(lesson.source, slug, "exec")
    assert catalog().with_source(f"\n{lesson.source}\n\n") is lesson


@pytest.mark.parametrize(
    ("one", "other"),
    [("data", "detach"), ("two-networks", "two-networks-in-place"), ("frozen-network", "frozen-network-no-grad")],
)
def test_variants_differ_in_their_telling_line_only(one: str, other: str) -> None:
    lesson, variant = catalog()[one], catalog()[other]
    assert lesson.variant is not None
    pairs = zip(lesson.source.splitlines(), variant.source.splitlines(), strict=True)
    differing = [number for number, (left, right) in enumerate(pairs, start=1) if left != right]
    assert differing == [lesson.variant.line]
    assert set(catalog().variants_of(lesson)) == {lesson, variant}
    for each in (lesson, variant):
        assert each.variant is not None
        telling = each.source.splitlines()[each.variant.line - 1].replace("y = ", "")
        assert each.variant.label.strip("`") in telling


def test_a_snippet_that_was_edited_is_no_lesson() -> None:
    assert catalog().with_source(catalog().first.source + "\nprint(1)") is None


def test_a_lesson_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "snippet.py").write_text("import torch")
    (tmp_path / "one" / "lesson.md").write_text('+++\ntitle = "T"\nmenu = "M"\nodrer = 1\n+++\nText.')
    with pytest.raises(msgspec.ValidationError, match="odrer"):
        Catalog(tmp_path)


def test_markup_in_a_lesson_is_text(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "snippet.py").write_text("import torch\n")
    (tmp_path / "one" / "lesson.md").write_text('+++\ntitle = "T"\nmenu = "M"\norder = 1\n+++\n<b>bold</b> `a<b`')
    assert Catalog(tmp_path)["one"].text == "<p>&lt;b&gt;bold&lt;/b&gt; <code>a&lt;b</code></p>\n"
