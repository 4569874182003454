"""Graph and memory as one figure: a band each, and a tether from a node's saved slot to the very cells it keeps."""

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.facts import Facts
from app.diagram.film import Film
from app.diagram.fold import fold
from app.diagram.graph import Band, Sketch
from app.diagram.layout import px
from app.diagram.legend import Entry, legend_of
from app.diagram.memory import MemoryBand, memory_across, memory_down
from app.diagram.parts import Folded
from app.diagram.room import Room
from app.diagram.shapes import Mark, Pen
from app.diagram.shelves import SHOWN, SHOWN_NARROW, SHOWN_OPENED, Shelf, shelves
from app.diagram.story import story
from app.diagram.tables import Table, tables
from app.diagram.tethers import SPACING_PX, Loom, Side, owners, threads, troubled
from app.diagram.text import width
from app.trace.flow import cuts
from app.trace.history import History

WIDE_PX, MEDIUM_PX, NARROW_PX = 870, 700, 358
TITLE_PX = 28.0
BANDS_PX = 32.0  # the title of memory
BESIDE_GAP_PX = 60.0
MEMORY_LEAST_PX = 330.0  # room that memory needs beside a graph
GUTTER_PX = 16.0
MEMORY = "memory"  # the id of the fold of quiet storages
MEMORY_WORDS = ("tensors are windows over storages",)
NAMED = 4  # quiet storages that are named


Kind = Literal["wide", "medium", "narrow"]


class Drawing(Struct, frozen=True, kw_only=True):
    """The figure for one width."""

    kind: Kind
    width: int
    height: int
    marks: tuple[Mark, ...]


class Fold(Struct, frozen=True, kw_only=True):
    """Something folded or shown open: what to say on its button, and the ids to ask for when it is pressed."""

    id: str
    title: str
    words: str
    opens: str


class Scene(Struct, frozen=True, kw_only=True):
    """Graph and memory of one run. `notes` say what is not drawn as itself."""

    title: str
    words: str
    desc: str
    drawings: tuple[Drawing, ...]  # wide, medium, narrow: of one run, for different containers; or one of them
    legend: tuple[Entry, ...]
    tables: tuple[Table, ...]
    folds: tuple[Fold, ...]
    opened: tuple[Fold, ...]
    notes: tuple[str, ...]


class _Run(Struct, frozen=True, kw_only=True):
    """What all widths draw."""

    facts: Facts
    folded: Folded
    sketch: Sketch
    shelves: tuple[Shelf, ...]
    opened: frozenset[str]


def draw_scene(history: History, film: Film, opened: frozenset[str] = frozenset(), room: Room | None = None) -> Scene:
    """The figure of a run, with the folds whose ids are in `opened` shown open; for any room where none is given.

    Ids of no fold do nothing. What changes with the moment goes into `film`.
    """
    trace = history.trace
    facts, found = Facts(history, film), cuts(trace)
    folded = fold(trace, found, opened, facts.troubled)
    facts.lives.follow(folded.before)
    most = SHOWN_OPENED if MEMORY in opened else SHOWN
    kept, quiet = shelves(facts, found, folded.parts, most, quiet_too=MEMORY in opened)
    run = _Run(facts=facts, folded=folded, sketch=Sketch(facts, folded, found, opened), shelves=kept, opened=opened)
    made = list(_drawn(run, room))
    drawings = tuple(drawing for drawing, _ in made)
    notes = [*folded.notes]
    if any(band.unshown for _, band in made):
        notes.append("Gradients without room on their edge are in the table.")
    if quiet:
        notes.append(_quiet_words(facts, quiet))
    return Scene(
        title="Graph and memory",
        words="what autograd recorded, over the memory that it keeps"
        if trace.nodes
        else "tensors are windows over storages",
        desc=story(facts, folded, kept),
        drawings=drawings,
        legend=legend_of({drawing.kind: drawing.marks for drawing in drawings}),
        tables=tables(facts, kept, quiet),
        folds=tuple(_folds(folded, quiet, opened)),
        opened=tuple(_opened(folded, opened)),
        notes=tuple(notes),
    )


def _drawn(run: _Run, room: Room | None) -> Iterator[tuple[Drawing, Band]]:
    if room in ("wide", None):
        yield _broad(run, "wide", WIDE_PX)
    if room in ("medium", None):
        yield _broad(run, "medium", MEDIUM_PX)
    if room in ("narrow", "slim", None):
        yield _narrow(run)


def _broad(run: _Run, kind: Kind, wide: int) -> tuple[Drawing, Band]:
    """Memory under a graph that goes across, or beside one that goes down."""
    band = run.sketch.band(wide, TITLE_PX)
    x = band.width + BESIDE_GAP_PX
    beside = band.way != "across" and wide - x >= MEMORY_LEAST_PX and bool(run.shelves)
    marks = [_title("Graph", _graph_words(run.facts, band), 0, 0, band.width if beside else wide)]
    if not beside:
        return _stacked(kind, wide, run, band, marks, "below", 0.0), band
    wanted = _wanted(run, band, upright=True)
    memory = memory_down(run.shelves, wanted, x, TITLE_PX, wide - x, ranked=False)
    marks.append(_title("Memory", MEMORY_WORDS, x, 0, wide - x))
    return _figure(
        kind, wide, max(band.bottom, memory.bottom), marks, band, memory, "right", 0.0, band.width + 14
    ), band


def _narrow(run: _Run) -> tuple[Drawing, Band]:
    few = sorted(run.shelves, key=lambda shelf: -shelf.rank)[:SHOWN_NARROW] if MEMORY not in run.opened else run.shelves
    slim = replace(run, shelves=tuple(few))
    troubled = any(shelf.rank >= 7 for shelf in few)
    band = run.sketch.band(NARROW_PX - (GUTTER_PX if troubled else 0), TITLE_PX)
    marks = [_title("Graph", _graph_words(run.facts, band), 0, 0, NARROW_PX)]
    return _stacked("narrow", NARROW_PX, slim, band, marks, "gutter", NARROW_PX - 3.0), band


def _stacked(kind: Kind, wide: int, run: _Run, band: Band, marks: list[Mark], side: Side, edge: float) -> Drawing:
    """Memory under the graph."""
    if not run.shelves:
        return _figure(kind, wide, band.bottom, marks, band, None, side, 0.0, edge)
    top = band.bottom + 14
    pen = Pen()
    pen.path(f"M0 {px(top)}H{wide}", "rule")
    marks.append(pen.mark("words"))
    turning = SPACING_PX * min(troubled(band), 5) if side == "below" else 0.0
    y = top + BANDS_PX + turning
    if kind != "narrow":
        wanted = _wanted(run, band, upright=False) if band.way == "across" else {}
        memory = memory_across(run.shelves, wanted, wide, y)
    else:
        memory = memory_down(run.shelves, {}, 0.0, y, wide, ranked=True)
    crossed = [thread.start[0] for thread in threads(band, memory)] if side == "below" else []
    words = () if any(x < 280 for x in crossed) else MEMORY_WORDS
    marks.append(_title("Memory", words, 0, top + 6, wide))
    return _figure(kind, wide, memory.bottom, marks, band, memory, side, y - 6, edge)


def _figure(
    kind: Kind,
    wide: int,
    bottom: float,
    marks: Sequence[Mark],
    band: Band,
    memory: MemoryBand | None,
    side: Side,
    level: float,
    edge: float,
) -> Drawing:
    tethers = list(Loom(band, memory, side, level, edge).marks()) if memory else []
    return Drawing(
        kind=kind,
        width=wide,
        height=int(bottom + 4),
        marks=(*marks, *band.marks, *(memory.marks if memory else ()), *tethers),
    )


def _title(title: str, words: Sequence[str], x: float, y: float, room: float) -> Mark:
    """A title, and the first of `words` that has room beside it."""
    pen = Pen()
    used = pen.text(x, y + 13, title, "ink", "strong", size=13)
    pen.text(x + used + 10, y + 13, next((one for one in words if width(one) <= room - used - 10), ""), "faint")
    return pen.mark("words")


def _graph_words(facts: Facts, band: Band) -> Sequence[str]:
    if not band.drawn:
        return ()
    way = "from right to left" if band.way == "across" else "from top to bottom"
    if not facts.ran_backward:
        return (f"backward would go {way}",)
    return f"backward goes {way}; 1, 2, 3 is its order", f"backward goes {way[5:]}", "backward"


def _wanted(run: _Run, band: Band, *, upright: bool) -> dict[str, float]:
    """Where each storage would stand best: at the node that keeps it in trouble, else at the tensor's own."""
    at = owners({key: part.nodes for key, part in run.folded.parts.items()})
    wanted: dict[str, float] = {}
    for shelf in run.shelves:
        keeping = [node for one in shelf.kept for node, _ in one.by if one.worst != "intact"]
        tensors = [run.facts.trace.tensors[window.ref].node for window in shelf.windows if window.ref]
        saving = [node for one in shelf.kept for node, _ in one.by]
        for node in (*keeping, *tensors, *saving):
            drawn = band.drawn.get(at.get(node or "", ""))
            if drawn:
                wanted[shelf.storage] = drawn.rect.y if upright else drawn.rect.x
                break
    return wanted


def _quiet_words(facts: Facts, quiet: Sequence[str]) -> str:
    named = list(dict.fromkeys(name for key in quiet if (name := _name_over(facts, key))))
    listed = f": {', '.join(named[:NAMED])}" if named else ""
    rest = " and others" if 0 < len(named[:NAMED]) < len(quiet) else ""
    return f"{len(quiet):,} quiet storage{'s are' if len(quiet) > 1 else ' is'} folded{listed}{rest}."


def _name_over(facts: Facts, storage: str) -> str | None:
    return next((name for key in facts.over[storage] if (name := facts.trace.tensors[key].name)), None)


def _folds(folded: Folded, quiet: Sequence[str], opened: frozenset[str]) -> Iterator[Fold]:
    for part in (*folded.parts.values(), *folded.apart):
        if part.opens:
            yield Fold(id=part.id, title=part.title, words=part.words, opens=_asked(opened | {part.id}))
    if quiet and MEMORY not in opened:
        count = f"{len(quiet):,} storage{'s' if len(quiet) > 1 else ''}"
        yield Fold(id=MEMORY, title="quiet memory", words=count, opens=_asked(opened | {MEMORY}))


def _opened(folded: Folded, opened: frozenset[str]) -> Iterator[Fold]:
    titles = {part.id: part.title for part in folded.reopened}
    titles |= {group.id: group.title for group in folded.groups if group.id in opened}
    if MEMORY in opened:
        titles[MEMORY] = "quiet memory"
    for key, title in titles.items():
        yield Fold(id=key, title=title, words="", opens=_asked(opened - {key}))


def _asked(ids: frozenset[str]) -> str:
    return ",".join(sorted(ids))
