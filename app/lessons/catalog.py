"""The snippets that the site offers, each with a short text of its own.

Read once from `content/`: a folder for each, named by its slug, with `snippet.py` and `lesson.md`. The
latter is Markdown under a TOML head between `+++` lines: `title`, `menu` (its name in the list of
examples), `order` (its place there; absent: not listed), and `variant` where several snippets differ in
one telling line. Titles are prose: code stands in backticks.
"""

import tomllib
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup
from msgspec import Struct, convert

CONTENT = Path(__file__).parent / "content"
_markdown = MarkdownIt("commonmark", {"html": False})


class Variant(Struct, frozen=True, kw_only=True):
    """Which family of variants a snippet belongs to, the line that differs, and how it reads here."""

    of: str
    line: int
    label: str


class Head(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands between the `+++` lines of a lesson."""

    title: str
    menu: str
    order: int | None = None
    variant: Variant | None = None


class Lesson(Struct, frozen=True, kw_only=True):
    """One snippet and what it teaches."""

    slug: str
    title: str
    menu: str
    order: int | None
    variant: Variant | None
    text: Markup
    source: str

    @property
    def path(self) -> str:
        """Its address on this site."""
        return f"/examples/{self.slug}"


class Catalog:
    """All lessons, by slug."""

    def __init__(self, folder: Path = CONTENT) -> None:
        read = [_read(lesson.parent) for lesson in sorted(folder.glob("*/lesson.md"))]
        self._lessons = {lesson.slug: lesson for lesson in read}
        self._by_source = {lesson.source.strip(): lesson for lesson in read}
        listed = [(lesson.order, lesson) for lesson in read if lesson.order is not None]
        self.listed = tuple(lesson for _, lesson in sorted(listed, key=lambda pair: pair[0]))

    def __getitem__(self, slug: str) -> Lesson:
        return self._lessons[slug]

    def get(self, slug: str) -> Lesson | None:
        """The lesson of that name, if there is one."""
        return self._lessons.get(slug)

    @property
    def first(self) -> Lesson:
        """The one that the site opens with."""
        return self.listed[0]

    def with_source(self, source: str) -> Lesson | None:
        """The lesson whose snippet this is, unchanged but for white space around it."""
        return self._by_source.get(source.strip())

    def variants_of(self, lesson: Lesson) -> tuple[Lesson, ...]:
        """All that differ from `lesson` in its telling line, itself among them; () if it has no variants."""
        if lesson.variant is None:
            return ()
        family = lesson.variant.of
        return tuple(other for other in self._lessons.values() if other.variant and other.variant.of == family)


@cache
def catalog() -> Catalog:
    """The site's lessons."""
    return Catalog()


def _read(folder: Path) -> Lesson:
    _, head, text = (folder / "lesson.md").read_text("utf-8").split("+++\n", 2)
    about = convert(tomllib.loads(head), Head)
    return Lesson(
        slug=folder.name,
        title=about.title,
        menu=about.menu,
        order=about.order,
        variant=about.variant,
        text=Markup(_markdown.render(text)),  # noqa: S704  # our own text, and raw HTML is off
        source=(folder / "snippet.py").read_text("utf-8").rstrip("\n"),
    )
