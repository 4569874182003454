"""The tape: the run over time, a lane for each storage, with what autograd saved, checked and read.

Pure: the same Trace gives the same drawing. One story is drawn for four widths, of which the page shows the one that
its column has room for; or for that one alone.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.film import Film
from app.diagram.room import Room
from app.diagram.shapes import IconKind
from app.diagram.tape_axis import Axis
from app.diagram.tape_clock import Clock
from app.diagram.tape_lanes import Story, fold_lane, weights_of
from app.diagram.tape_moments import Column, columns_of
from app.diagram.tape_narrow import draw_narrow
from app.diagram.tape_sheet import Contents, Sheet, TapeDrawing
from app.diagram.tape_wide import draw_wide, gutter_width
from app.diagram.tape_words import MOST_ROWS, Row, Words
from app.trace.history import History
from app.trace.moments import Moments

_ACROSS: dict[Literal["wide", "medium"], int] = {"wide": 870, "medium": 700}  # px
_DOWN: dict[Literal["narrow", "slim"], int] = {"narrow": 358, "slim": 300}
MOST_COLUMNS, MOST_ROWS_NARROW = 40, 24
MOST_FOLDS_TOLD = 4

_LEGEND: dict[IconKind, str] = {
    "pin": "saved for backward",
    "write": "write, seen by autograd",
    "unseen": "write, not seen",
    "passed": "version check passed",
    "refused": "read refused",
    "differs": "not what was saved",
}


class LegendEntry(Struct, frozen=True, kw_only=True):
    """A mark that occurs in the drawing, and what it means."""

    mark: str
    words: str
    since: int = 0  # the moment from which on it occurs


class Tape(Struct, frozen=True, kw_only=True):
    """The drawing with all that goes with it. Without drawings, `notes` say why there is nothing to draw."""

    title: str = "The tape"
    desc: str = ""
    moments: int = 0
    drawings: tuple[TapeDrawing, ...] = ()
    legend: tuple[LegendEntry, ...] = ()
    rows: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()


def draw_tape(history: History, story: Story, film: Film, asked: Sequence[int] = (), room: Room | None = None) -> Tape:
    """The tape of a run, of which `story` was read, open around the `asked` moments; for any room where none is given.

    What changes with the moment goes into `film`.
    """
    trace, moments = history.trace, history.moments
    if not trace.steps:
        return Tape(notes=("Nothing ran.",))
    if not story.lanes:
        why = "No tensor with a name was left to draw." if trace.storages else "No tensor was made."
        return Tape(moments=moments.count, notes=(why,))
    contents = Contents(history)
    words, columns = _folded_to(story, moments, contents, MOST_COLUMNS, asked)
    clock = Clock(film, columns)
    drawn = list(_across(words, columns, clock, room))
    if room not in _ACROSS:
        first = replace(story, lanes=story.lanes[:1])
        drawn += _down(*_folded_to(first, moments, contents, MOST_ROWS_NARROW, asked), clock, room)
    rows = sorted(words.rows(columns), key=lambda row: row.moment)
    return Tape(
        desc=words.story_told(),
        moments=moments.count,
        drawings=tuple(each.drawing for each in drawn),
        legend=tuple(sorted(_legend(drawn[0]), key=lambda entry: entry.since)),
        rows=tuple(rows[:MOST_ROWS]),
        notes=tuple(_notes(words, columns, len(rows))),
    )


class _Drawn(Struct, frozen=True, kw_only=True):
    """A drawing, and what it shows."""

    drawing: TapeDrawing
    sheet: Sheet
    story: Story
    columns: tuple[Column, ...]


def _across(words: Words, columns: tuple[Column, ...], clock: Clock, room: Room | None) -> Iterator[_Drawn]:
    wanted = [kind for kind in _ACROSS if room in (kind, None)]
    if wanted:
        axis, gutter = Axis(words, columns, clock), gutter_width(words)
    for kind in wanted:
        drawing, sheet = draw_wide(words, axis, gutter, _ACROSS[kind], kind)
        yield _Drawn(drawing=drawing, sheet=sheet, story=words.story, columns=columns)


def _down(words: Words, columns: tuple[Column, ...], clock: Clock, room: Room | None) -> Iterator[_Drawn]:
    axis = Axis(words, columns, clock if columns == clock.columns else Clock(clock.film, columns))
    for kind, width_px in _DOWN.items():
        if room in (kind, None):
            drawing, sheet = draw_narrow(words, axis, width_px)
            yield _Drawn(drawing=drawing, sheet=sheet, story=words.story, columns=columns)


def _folded_to(
    story: Story, moments: Moments, contents: Contents, most: int, asked: Sequence[int]
) -> tuple[Words, tuple[Column, ...]]:
    """The columns for these lanes, and the story with what is inside folds taken out."""
    columns = columns_of(moments, weights_of(story, moments), most, asked)
    shown = replace(story, lanes=tuple(fold_lane(lane, columns) for lane in story.lanes))
    return Words(moments, shown, contents), columns


def _legend(drawn: _Drawn) -> Iterator[LegendEntry]:
    sheet, story, columns = drawn.sheet, drawn.story, drawn.columns
    harmful = any(write.harmful for lane in story.lanes for write in lane.writes)
    harmful = harmful or any(fold.harmful for lane in story.lanes for fold in lane.folds)
    for mark, told in _LEGEND.items():
        since = sheet.icons.get(mark)
        if since is not None:
            yield LegendEntry(mark="harmless" if mark == "unseen" and not harmful else mark, words=told, since=since)
    if begun := [line.since for lane in story.lanes for line in lane.counters]:
        yield LegendEntry(mark="counter", words="version counter", since=min(begun))
    if folds := [column.first for column in columns if column.folded]:
        yield LegendEntry(mark="fold", words="folded", since=folds[0])


def _notes(words: Words, columns: Sequence[Column], rows: int) -> Iterator[str]:
    story = words.story
    left = [
        (story.troubled, "in question"),
        (story.others, "saved, written or shared"),
        (story.quiet, "quiet"),
        (story.passing, "unnamed or gone"),
    ]
    if total := sum(count for count, _ in left):
        kinds = [kind if count == total else f"{count:,} {kind}" for count, kind in left if count]
        yield f"{total:,} {'storage is' if total == 1 else 'storages are'} not drawn: {', '.join(kinds)}."
    folds = [words.fold(column, at) for at, column in enumerate(columns) if column.folded]
    yield from folds[:MOST_FOLDS_TOLD]
    if len(folds) > MOST_FOLDS_TOLD:
        yield f"{len(folds) - MOST_FOLDS_TOLD} more folds are listed in the table."
    if rows > MOST_ROWS:
        yield f"The table lists the first {MOST_ROWS} of {rows:,} facts."
