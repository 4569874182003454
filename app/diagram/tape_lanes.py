"""The lanes of the tape before anything is placed: each storage over the run, and what autograd did with it.

A lane holds what its storage contained between writes, which nodes saved a tensor over it, what backward found when
it came to read, and the version counters of the tensors over it. Times are moments.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.tape_moments import Column
from app.trace.model import Values, Write
from app.trace.moments import Moments

# differs: backward read what was not saved · refused: the counter had moved · changed: not what was saved, never read ·
# stale: the counter moved, never read · kept: neither
Fate = Literal["differs", "refused", "changed", "stale", "kept"]
Verdict = Literal["passed", "refused", "freed", "unchecked"]
Tone = Literal["plain", "stale", "wrong"]

RANK: dict[Fate, int] = {"differs": 6, "refused": 5, "changed": 4, "stale": 3, "kept": 1}
TROUBLE, WRITTEN, SAVED, QUIET = 3, 2, 1, 0  # from TROUBLE on, something saved did not stay what it was


class Read(Struct, frozen=True, kw_only=True):
    """Backward came to a node that had saved a tensor."""

    moment: int
    verdict: Verdict
    found: int | None = None  # the version then
    differs: bool = False  # the contents are not those that were saved, and backward used them


class Save(Struct, frozen=True, kw_only=True):
    """A node kept a tensor over the storage, in one slot or in several."""

    moment: int
    node: str
    node_name: str
    slots: tuple[str, ...]
    tensor: str
    counter: str | None
    version: int | None
    values: Values | None  # contents then
    fate: Fate
    reads: tuple[Read, ...]

    @property
    def until(self) -> int | None:
        """The moment of the last read; None if there was none."""
        return self.reads[-1].moment if self.reads else None


class Overwrite(Struct, frozen=True, kw_only=True):
    """A write after the storage was made."""

    moment: int
    write: Write
    seen: bool  # by the counters that autograd checks
    missed: bool  # not seen, and what a node had saved is gone by it
    harmful: bool  # missed, and backward read it


class Stretch(Struct, frozen=True, kw_only=True):
    """One content: from a write, or the making of the storage, to the next."""

    first: int  # moment
    last: int
    tone: Tone
    written: bool  # begun by a write


class CounterLine(Struct, frozen=True, kw_only=True):
    """A version counter over time."""

    id: str
    names: tuple[tuple[str, str], ...]  # what the tensors are called that it counts for, and their ids
    since: int  # moment
    start: int  # version
    steps: tuple[tuple[int, int], ...]  # moment, version afterwards
    checked: bool  # a node saved a tensor that it counts for


class Folded(Struct, frozen=True, kw_only=True):
    """What of a lane is inside one folded column."""

    column: int
    since: int  # moment
    saves: int = 0
    reads: int = 0
    writes: int = 0
    seen: bool = True  # all of the writes
    harmful: bool = False  # any of them


class Lane(Struct, frozen=True, kw_only=True):
    """One storage over the run."""

    storage: str
    rank: int
    names: tuple[tuple[str, str], ...]  # what the tensors over it are called, and their ids
    subject: str | None  # the tensor through which its contents are shown
    since: int  # moment
    until: int | None  # the last moment at which it is known to be there; None: to the end
    stretches: tuple[Stretch, ...]
    saves: tuple[Save, ...]
    writes: tuple[Overwrite, ...]
    counters: tuple[CounterLine, ...]
    folds: tuple[Folded, ...] = ()  # what `fold_lane` took out

    @property
    def in_question(self) -> bool:
        """Whether something that a node saved did not stay what it was."""
        return self.rank >= TROUBLE

    def saved_under(self, stretch: Stretch) -> Values | None:
        """What a node had saved that `stretch` wrote over; None where it wrote over nothing that matters."""
        if stretch.tone == "plain":
            return None
        for save in self.saves:
            if save.fate != "kept" and save.moment < stretch.first <= (save.until or stretch.first):
                return save.values
        return None


class Story(Struct, frozen=True, kw_only=True):
    """The lanes that are drawn, most telling first, and how many are not, by what they are."""

    lanes: tuple[Lane, ...]
    troubled: int = 0  # in question, like the first ones
    others: int = 0  # saved, written or shared
    quiet: int = 0  # named, one content, nothing saved
    passing: int = 0  # without a name, or gone before the run ended


def weights_of(story: Story, moments: Moments) -> dict[int, int]:
    """How much each moment must stay open: 3 trouble, 2 a write, 1 any other mark on a lane."""
    weights: dict[int, int] = {}

    def weigh(moment: int, weight: int) -> None:
        weights[moment] = max(weight, weights.get(moment, 0))

    for lane in story.lanes:
        weigh(lane.since, 1)
        for save in lane.saves:
            weigh(save.moment, 3 if save.fate in ("differs", "refused") else 1)
            for read in save.reads:
                weigh(read.moment, 3 if read.differs or read.verdict in ("refused", "freed") else 1)
        for write in lane.writes:
            weigh(write.moment, 3 if write.harmful else 2)
        for counter in lane.counters:
            weigh(counter.since, 1)
    if moments.trace.outcome.kind != "finished":
        weigh(moments.count, 3)
    return weights


def fold_lane(lane: Lane, columns: Sequence[Column]) -> Lane:
    """The lane with only what the open columns show; what is in a fold is counted."""
    if not any(column.folded for column in columns):
        return lane
    starts = [column.first for column in columns]
    counts: dict[int, dict[str, int]] = {}
    harmful: set[int] = set()
    unseen: set[int] = set()

    def column_of(moment: int) -> int:
        return max(bisect_right(starts, moment) - 1, 0)

    def is_open(moment: int, kind: Literal["saves", "reads", "writes"]) -> bool:
        column = column_of(moment)
        if columns[column].folded:
            found = counts.setdefault(column, {"since": moment})
            found[kind] = found.get(kind, 0) + 1
            return False
        return True

    saves = []
    for save in lane.saves:
        reads = tuple(read for read in save.reads if is_open(read.moment, "reads"))
        if is_open(save.moment, "saves"):
            saves.append(save if len(reads) == len(save.reads) else replace(save, reads=reads))
    writes = []
    for write in lane.writes:
        if is_open(write.moment, "writes"):
            writes.append(write)
            continue
        column = column_of(write.moment)
        harmful |= {column} if write.harmful else set()
        unseen |= set() if write.seen else {column}
    begins = [column_of(stretch.first) for stretch in lane.stretches]
    return replace(
        lane,
        stretches=tuple(
            stretch
            for stretch, begin, following in zip(lane.stretches, begins, [*begins[1:], -1], strict=True)
            if begin != following
        ),
        saves=tuple(saves),
        writes=tuple(writes),
        counters=tuple(replace(counter, steps=_last_of_each(counter.steps, column_of)) for counter in lane.counters),
        folds=tuple(
            Folded(column=column, seen=column not in unseen, harmful=column in harmful, **found)
            for column, found in counts.items()
        ),
    )


def _last_of_each(steps: Sequence[tuple[int, int]], column_of: Callable[[int], int]) -> tuple[tuple[int, int], ...]:
    """The last step in each column: where the counter stands when the column is over."""
    return tuple({column_of(moment): (moment, version) for moment, version in steps}.values())
