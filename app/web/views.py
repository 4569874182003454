"""What the templates read: one view for each page, made of a run and of what the site knows of itself."""

from typing import Literal

from markupsafe import Markup
from msgspec import Struct

from app.diagram.film import Still
from app.diagram.gradients import Gradients
from app.diagram.room import Bounds
from app.diagram.scene import Scene
from app.diagram.tape import Tape
from app.explain.errors.explanation import Explanation
from app.explain.numeric import NumericStory
from app.explain.pitfalls import Chapter, Pitfall, with_example
from app.lessons.catalog import Lesson, catalog
from app.sandbox.run import Layer
from app.trace.model import Environment
from app.web.address import Address
from app.web.findings import Finding
from app.web.fix_views import FindingFixes, fixes_of
from app.web.fixing import Tried
from app.web.frames import FrameLine
from app.web.lines import Line
from app.web.outcome import Ending, Limits, announcement, ending, remarks
from app.web.printed import Printed
from app.web.shown import Shown
from app.web.timeline import Timeline
from app.web.variables import Variables

YOUR_SNIPPET = "Your snippet"


class Site(Struct, frozen=True, kw_only=True):
    """What every page's frame needs."""

    lessons: tuple[Lesson, ...]
    limits: Limits
    layers: tuple[Layer, ...]
    version: str

    @property
    def missing_core(self) -> tuple[Layer, ...]:
        """The core layers of the sandbox that do not hold."""
        return tuple(layer for layer in self.layers if layer.core and not layer.active)

    @property
    def active_layers(self) -> int:
        """How many layers of the sandbox hold."""
        return sum(layer.active for layer in self.layers)


class Segment(Struct, frozen=True, kw_only=True):
    """One variant of the telling line, or one example, as a link."""

    label: str
    path: str
    current: bool


class Opening(Struct, frozen=True, kw_only=True):
    """The head of the page: what this snippet is, and its variants."""

    title: str
    text: Markup | None = None
    path: str | None = None  # of the lesson or the pitfall, if it is one
    line: int | None = None  # the telling line; None where `segments` are examples to start from
    segments: tuple[Segment, ...] = ()
    pitfall: Pitfall | None = None  # whose example it is


class Notice(Struct, frozen=True, kw_only=True):
    """The one form for every state that is no result.

    `retry_after_s` makes it try again by itself; without scripts only where loading the page again does, by `reload`.
    """

    kind: Literal["empty", "too-large", "damaged", "busy", "unavailable", "broken"]
    title: str
    text: str
    retry_after_s: int | None = None
    reload: bool = False


class ResultView(Struct, frozen=True, kw_only=True):
    """One run at one of its moments: its output, findings, pictures and tables."""

    place: Address
    ending: Ending
    printed: Printed
    stderr: str
    truncated: tuple[str, ...]
    remarks: tuple[str, ...]
    explained: Explanation | None
    frames: tuple[FrameLine, ...]
    findings: tuple[Finding, ...]
    fixes: tuple[FindingFixes, ...]  # for each of them
    lines: tuple[Line, ...]
    still: Still
    timeline: Timeline | None  # None where nothing ran
    film: str | None
    tape: Tape
    scene: Scene
    bounds: Bounds | None  # the widths of their column that both suit; None for any
    gradients: Gradients
    compared: bool  # whether some gradients are shown beside those of the reference run
    not_compared: str | None
    variables: Variables | None
    environment: Environment
    announcement: str
    checkable: bool  # whether there may be a gradient to check
    numeric: NumericStory | None = None  # where it was asked for


class BenchView(Struct, frozen=True, kw_only=True):
    """The page that the site is about: a snippet and its run, or a notice where there is none."""

    site: Site
    opening: Opening
    source: str
    result: ResultView | None = None
    notice: Notice | None = None


class PitfallsView(Struct, frozen=True, kw_only=True):
    """The list of all pitfalls."""

    site: Site
    chapters: tuple[Chapter, ...]


class PageView(Struct, frozen=True, kw_only=True):
    """A page without a bench. `status` is set on error pages."""

    site: Site
    title: str
    text: str | None = None
    status: int | None = None


def opening_of(source: str, lesson: Lesson | None = None) -> Opening:
    """The words of the lesson or the pitfall whose snippet `source` still is, else those for any snippet."""
    lesson = lesson or catalog().with_source(source)
    pitfall = with_example(source)
    if lesson is None and pitfall is not None:
        return Opening(title=pitfall.title, path=pitfall.path, pitfall=pitfall)
    if lesson is None:
        listed = (Segment(label=other.menu, path=other.path, current=False) for other in catalog().listed)
        return Opening(title=YOUR_SNIPPET, segments=tuple(listed))
    segments = tuple(
        Segment(label=other.variant.label, path=other.path, current=other.slug == lesson.slug)
        for other in catalog().variants_of(lesson)
        if other.variant
    )
    line = lesson.variant.line if lesson.variant else None
    return Opening(title=lesson.title, text=lesson.text, path=lesson.path, line=line, segments=segments)


def result_of(
    shown: Shown,
    place: Address,
    moment: int | None,
    limits: Limits,
    source: str,
    tried: Tried | None = None,
    numeric: NumericStory | None = None,
) -> ResultView:
    """All that the page shows of a run at that moment; the last for None. `tried` are its fixes, where known."""
    run, pictures = shown.run, shown.pictures
    trace = run.trace
    end = ending(trace, limits)
    return ResultView(
        place=place,
        ending=end,
        printed=shown.printed,
        stderr=trace.stderr,
        truncated=trace.truncated,
        remarks=remarks(trace),
        explained=run.explained,
        frames=shown.frames,
        findings=shown.findings,
        fixes=fixes_of(source, run, tried),
        lines=shown.lines,
        still=pictures.film.still(moment),
        timeline=shown.timeline,
        film=shown.film,
        tape=pictures.tape,
        scene=pictures.scene,
        bounds=pictures.bounds,
        gradients=shown.gradients,
        compared=bool(run.contrasts),
        not_compared=run.not_compared,
        variables=shown.variables,
        environment=trace.environment,
        announcement=announcement(end, run.diagnoses, run.explained),
        checkable=bool(trace.backwards) or (bool(trace.truncated) and bool(shown.gradients.rows)),
        numeric=numeric,
    )
