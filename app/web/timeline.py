"""The timeline: every stop of the slider with its place, its sentence and its tick, laid out in per cent."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from msgspec import Struct

from app.diagram.pictures import Pictures
from app.diagram.tape_moments import Column
from app.explain.narrate import Mark, Narrator
from app.trace.history import History
from app.web.prose import plain

WIDE_PX, NARROW_PX = 700.0, 160.0  # of the slider, for what has room beside what
MOST_LINKS = 60  # ticks that are links: without a script there is the list of moments for the others
MARK_PX, DIGIT_PX, GAP_PX, WORD_PX = 15.0, 7.0, 6.0, 53.0
_RANK: Mapping[Mark, int] = {
    "saved": 0,
    "accumulated": 0,
    "passed": 1,
    "write": 1,
    "missed": 2,
    "unseen": 3,
    "wrong": 3,
    "refused": 3,
    "raised": 3,
    "stopped": 3,
}

_TELLING = 2


class Stop(Struct, frozen=True, kw_only=True):
    """One stop of the slider: where in the run it stands, and what had just happened."""

    index: int
    moment: int
    first: int  # the same, or the first of those that are folded
    line: int
    kind: str  # as of its column
    when: str  # "moment 8 of 10"
    place: str  # "line 6, backward through SigmoidBackward0"
    text: str
    mark: Mark | None

    @property
    def folded(self) -> bool:
        """Whether it stands for several moments."""
        return self.first < self.moment

    @property
    def spoken(self) -> str:
        """What the slider says there."""
        return f"{self.when}, {self.place}. {plain(self.text)}"


class Tick(Struct, frozen=True, kw_only=True):
    """What stands under the slider at one stop. What has no room on a narrow page is `tight`."""

    x: str  # "12.5%"
    stop: Stop
    label: str = ""  # the line
    tight: bool = False
    mark: Mark | None = None
    mark_tight: bool = False


class Stretch(Struct, frozen=True, kw_only=True):
    """Stops of one backward, side by side."""

    x: str
    width: str
    middle: str
    label: str
    tight: bool  # no room for the label where the slider is narrow


class Timeline(Struct, frozen=True, kw_only=True):
    """The slider and all of its stops. `many` ticks are drawn without a dot for each."""

    stops: tuple[Stop, ...]
    ticks: tuple[Tick, ...]
    backwards: tuple[Stretch, ...]
    done: int  # track: how much of the line under the slider lies behind
    moments: int
    many: bool
    folded: int  # moments inside of folds

    @property
    def last(self) -> int:
        """The index of the last stop."""
        return len(self.stops) - 1


def timeline_of(pictures: Pictures) -> Timeline:
    """The timeline of a run that took at least one moment."""
    reel, film = pictures.reel, pictures.film
    stops = tuple(_stops(pictures.history, reel))
    ways = film.track((stop.moment, _percent(stop.index, len(stops))) for stop in stops)
    return Timeline(
        stops=stops,
        ticks=tuple(_ticks(stops)),
        backwards=tuple(_backwards(stops)),
        done=ways,
        moments=pictures.history.moments.count,
        many=len(stops) > MOST_LINKS,
        folded=sum(column.count - 1 for column in reel if column.folded),
    )


def _stops(history: History, reel: Sequence[Column]) -> Iterator[Stop]:
    narrator = Narrator(history)
    marks = sorted(narrator.marks().items())
    count = history.moments.count
    for index, column in enumerate(reel):
        told = narrator.tell(column.last)
        folded = column.first < column.last
        begin = bisect_left(marks, column.first, key=itemgetter(0))
        end = bisect_right(marks, column.last, key=itemgetter(0))
        inside = [mark for _, mark in marks[begin:end]]
        yield Stop(
            index=index,
            moment=column.last,
            first=column.first,
            line=told.line,
            kind=column.kind,
            when=f"moments {column.first:,}–{column.last:,} of {count:,}"
            if folded
            else f"moment {column.last:,} of {count:,}",
            place=fold_words(history, column) if folded else told.place,
            text=f"The last of them: {told.place}. {told.text}" if folded else told.text,
            mark=_worst(inside),
        )


def _worst(marks: Sequence[Mark]) -> Mark | None:
    ranked = sorted(marks, key=lambda mark: _RANK[mark])
    return ranked[-1] if ranked else None


def fold_words(history: History, column: Column) -> str:
    """What is folded: `passes 4–1,997 of the loop on line 8, folded`."""
    steps, first = history.trace.steps, history.trace.steps[column.step]
    if column.kind == "passes":
        before = 1
        for step in reversed(steps[: column.step]):
            if step.frame != first.frame:
                continue
            if step.line < first.line:
                break
            before += step.line == first.line
        return f"passes {before:,}–{before + column.passes - 1:,} of the loop on line {first.line}, folded"
    if column.kind == "nodes":
        return f"{column.count:,} nodes of the backward on line {first.line}, folded"
    low, high = column.lines or (first.line, first.line)
    span = f"line {low}" if low == high else f"lines {low}–{high}"
    return f"{column.count:,} moments on {span}, folded"


def _percent(index: int, count: int) -> str:
    return f"{round(100 * index / max(count - 1, 1), 2):g}%"


def _ticks(stops: Sequence[Stop]) -> Iterator[Tick]:
    """What has room, from what tells most to what tells least."""
    labels = {
        stop.index: f"{stop.line}"
        for stop, before in zip(stops, (None, *stops), strict=False)
        if stop.kind != "node" and (before is None or before.line != stop.line or stop.folded)
    }
    widths = {index: len(label) * DIGIT_PX for index, label in labels.items()}
    telling = sorted(labels, key=lambda index: (index not in (0, len(stops) - 1), stops[index].mark is None, index))
    wide, narrow = (_with_room(telling, widths, len(stops), px) for px in (WIDE_PX, NARROW_PX))
    least = _TELLING if len(stops) > MOST_LINKS else 0  # of many stops, only what is seldom
    marks: dict[int, Mark] = {stop.index: stop.mark for stop in stops if stop.mark and _RANK[stop.mark] >= least}
    ranked = sorted(marks, key=lambda index: (-_RANK[marks[index]], index))
    sizes = dict.fromkeys(marks, MARK_PX)
    mark_wide, mark_narrow = (_with_room(ranked, sizes, len(stops), px) for px in (WIDE_PX, NARROW_PX))
    for stop in stops:
        at = stop.index
        if len(stops) > MOST_LINKS and at not in wide and at not in mark_wide and not stop.folded:
            continue
        yield Tick(
            x=_percent(at, len(stops)),
            stop=stop,
            label=labels[at] if at in wide else "",
            tight=at not in narrow,
            mark=marks[at] if at in mark_wide else None,
            mark_tight=at not in mark_narrow,
        )


def _with_room(wanted: Sequence[int], widths: Mapping[int, float], count: int, width_px: float) -> set[int]:
    """Those that do not meet one that came before them."""
    taken: list[tuple[float, float]] = []
    found = set()
    for index in wanted:
        middle = width_px * index / max(count - 1, 1)
        left, right = middle - widths[index] / 2 - GAP_PX / 2, middle + widths[index] / 2 + GAP_PX / 2
        if all(right <= other_left or left >= other_right for other_left, other_right in taken):
            taken.append((left, right))
            found.add(index)
    return found


def _backwards(stops: Sequence[Stop]) -> Iterator[Stretch]:
    count = len(stops)
    for kind, group in groupby(stops, key=lambda stop: stop.kind if stop.kind in ("node", "nodes") else ""):
        inside = list(group)
        if not kind:
            continue
        half = 50 / max(count - 1, 1)
        left = max(100 * inside[0].index / max(count - 1, 1) - half, 0)
        right = min(100 * inside[-1].index / max(count - 1, 1) + half, 100)
        share = (right - left) / 100
        yield Stretch(
            x=f"{left:.2f}%",
            width=f"{right - left:.2f}%",
            middle=f"{(left + right) / 2:.2f}%",
            label="backward" if WIDE_PX * share > WORD_PX else "",
            tight=NARROW_PX * share <= WORD_PX,
        )
