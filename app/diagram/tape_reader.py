"""Reads the lanes of the tape out of a Trace and its history. Contents that were not kept stay unknown."""

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence, Set

from app.diagram.tape_choice import Fates, choose, moved, names_of
from app.diagram.tape_lanes import (
    RANK,
    TROUBLE,
    CounterLine,
    Fate,
    Lane,
    Overwrite,
    Read,
    Save,
    Story,
    Stretch,
    Tone,
    Verdict,
)
from app.trace.history import History
from app.trace.model import SavedTensor, Tensor, Trace, Write

_MOST_COUNTERS = 3
_MOST_NAMES = 6


def read_story(history: History) -> Story:
    """The lanes of a run that took at least one moment."""
    names = names_of(history.trace)
    fates = Fates(history)
    choice = choose(history.trace, fates, names)
    index = _Index(history.trace, {storage for storage, _ in choice.drawn}, names)
    return Story(
        lanes=tuple(_LaneReader(index, history, fates, storage, rank).read() for storage, rank in choice.drawn),
        troubled=choice.troubled,
        others=choice.others,
        quiet=choice.quiet,
        passing=choice.passing,
    )


class _Index:
    """What the Trace says of some storages, by storage."""

    def __init__(self, trace: Trace, wanted: Set[str], names: dict[str, tuple[str, ...]]) -> None:
        self.names = names  # by tensor
        self.over: dict[str, list[str]] = {storage: [] for storage in wanted}
        for key, tensor in trace.tensors.items():
            if tensor.storage is not None and tensor.storage in wanted:
                self.over[tensor.storage].append(key)
        tensors = {key: storage for storage, keys in self.over.items() for key in keys}
        self.saved: dict[str, list[tuple[str, int, SavedTensor]]] = {storage: [] for storage in wanted}
        for node_id, node in trace.nodes.items():
            for at, saved in enumerate(node.saved):
                if saved.tensor in tensors:
                    self.saved[tensors[saved.tensor]].append((node_id, at, saved))
        self.writes: dict[str, list[Write]] = {storage: [] for storage in wanted}
        for write in trace.writes:
            if write.changed and write.storage in wanted:
                self.writes[write.storage].append(write)
        self.arrays: dict[str, list[str]] = {storage: [] for storage in wanted}
        for array in trace.arrays:
            if array.storage in wanted:
                self.arrays[array.storage].append(array.name)


class _LaneReader:
    """Reads one storage's lane."""

    def __init__(self, index: _Index, history: History, fates: Fates, storage: str, rank: int) -> None:
        self.index, self.history, self.fates, self.id, self.rank = index, history, fates, storage, rank
        self.trace = history.trace
        self.storage = self.trace.storages[storage]
        self.tensors = index.over.get(storage, [])
        self.since = max(self.storage.moment, 1)

    def read(self) -> Lane:
        saves = self._saves()
        writes = self._writes(saves)
        known = [self.since, *(write.moment for write in writes)]
        known += [moment for save in saves for moment in (save.moment, save.until or save.moment)]
        return Lane(
            storage=self.id,
            rank=self.rank,
            names=self._names(self.tensors, self.index.arrays.get(self.id, ())),
            subject=self._subject(saves),
            since=self.since,
            until=None if self.storage.alive else max(known),
            stretches=tuple(self._stretches(saves, writes)),
            saves=saves,
            writes=writes,
            counters=tuple(self._counters(saves, writes)),
        )

    def _names(self, tensors: Iterable[str], arrays: Iterable[str] = ()) -> tuple[tuple[str, str], ...]:
        names = {name: key for key in tensors for name in self.index.names.get(key, ())}
        if not names:
            names = {self.trace.tensors[key].label: key for key in list(tensors)[:1]}
        names |= dict.fromkeys(arrays, self.id)
        return tuple(list(names.items())[:_MOST_NAMES])

    def _saves(self) -> tuple[Save, ...]:
        together: dict[tuple[str, str, Fate], list[tuple[int, SavedTensor]]] = {}
        for node, at, saved in self.index.saved.get(self.id, ()):
            fate = self.fates.of(node, at, saved)
            together.setdefault((node, saved.tensor or "", fate), []).append((at, saved))
        saves = [self._save(node, tensor, fate, group) for (node, tensor, fate), group in together.items()]
        return tuple(sorted(saves, key=lambda save: (save.moment, -RANK[save.fate])))

    def _save(self, node: str, tensor: str, fate: Fate, group: Sequence[tuple[int, SavedTensor]]) -> Save:
        at, saved = group[0]
        return Save(
            moment=self.trace.nodes[node].moment or self.history.moments.of(saved.saved_at),
            node=node,
            node_name=self.trace.nodes[node].name,
            slots=tuple(entry.slot for _, entry in group),
            tensor=tensor,
            counter=self.trace.tensors[tensor].counter,
            version=saved.version,
            values=saved.values,
            fate=fate,
            reads=tuple(self._reads(node, at, saved)),
        )

    def _reads(self, node: str, at: int, saved: SavedTensor) -> Iterator[Read]:
        """What backward found each time that it came to the node."""
        checks = {moment: check for moment, check, _ in self.history.checks.get((node, at), ())}
        for fired in self.history.firings.get(node, ()):
            check = checks.get(fired.moment)
            if check is None:
                if not fired.finished and checks and self.trace.nodes[node].freed:
                    yield Read(moment=fired.moment, verdict="freed")
                continue
            lost = moved(saved, check.version)
            checked = saved.version is not None and not saved.hooked
            if not fired.finished:
                if lost:
                    yield Read(moment=fired.moment, verdict="refused", found=check.version)
                continue
            verdict: Verdict = "passed" if checked and not lost else "unchecked"
            differs = check.intact is False and not saved.hooked and not lost
            yield Read(moment=fired.moment, verdict=verdict, found=check.version, differs=differs)

    def _writes(self, saves: Sequence[Save]) -> tuple[Overwrite, ...]:
        watched = {save.counter for save in saves}
        watched |= {tensor.counter for key in self.tensors if (tensor := self.trace.tensors[key]).requires_grad}
        watched.discard(None)
        lost = [save for save in saves if save.fate in ("differs", "changed") and self.rank >= TROUBLE]
        found = []
        for write in self.index.writes.get(self.id, ()):
            if write.moment == self.storage.moment and self.rank < TROUBLE:
                continue  # what fills new memory is no write into it
            moment = write.moment
            seen = write.counter is not None and (not watched or write.counter in watched)
            fates = set() if seen else {save.fate for save in lost if save.moment <= moment <= (save.until or moment)}
            found.append(
                Overwrite(moment=moment, write=write, seen=seen, missed=bool(fates), harmful="differs" in fates)
            )
        return tuple(found)

    def _stretches(self, saves: Sequence[Save], writes: Sequence[Overwrite]) -> Iterator[Stretch]:
        written = {write.moment for write in writes}
        changed = (moment for moment in self.history.contents(self.id)[0] if moment > self.since)
        starts = sorted({self.since, *written, *changed})
        troubled = [save for save in saves if save.fate != "kept"] if self.rank >= TROUBLE else []
        # contents that changed though nothing was seen to change them: the stretch ends where that came to light
        for save in troubled:
            for read in save.reads:
                at = bisect_right(starts, read.moment)
                if read.differs and not any(save.moment <= start for start in starts[max(1, at - 1) : at]):
                    insort(starts, read.moment)
        for first, following in zip(starts, [*starts[1:], self.history.moments.count + 1], strict=True):
            yield Stretch(
                first=first,
                last=following - 1,
                tone=_tone(troubled, first),
                written=first in written,
            )

    def _subject(self, saves: Sequence[Save]) -> str | None:
        """The tensor through which the contents are shown: the one that was saved, else the largest that has a name."""
        if saves:
            return max(saves, key=lambda save: RANK[save.fate]).tensor
        named = [key for key in self.tensors if self.index.names.get(key)] or self.tensors
        return max(named, key=lambda key: _numel(self.trace.tensors[key]), default=None)

    def _counters(self, saves: Sequence[Save], writes: Sequence[Overwrite]) -> Iterator[CounterLine]:
        checked = list(
            dict.fromkeys(save.counter for save in sorted(saves, key=lambda save: -RANK[save.fate]) if save.counter)
        )
        moved = list(dict.fromkeys(write.write.counter for write in writes if write.write.counter))
        named = dict.fromkeys(
            counter
            for key in self.tensors
            if self.index.names.get(key) and (counter := self.trace.tensors[key].counter)
        )
        if self.rank >= TROUBLE:
            wanted = [*checked, *moved]
        elif checked:
            wanted = [checked[0], *(counter for counter in named if len(named) > 1)]
        else:
            needed = [counter for counter in moved if counter in named] or moved[:1]
            wanted = [*needed, *(counter for counter in named if len(named) > 1)]
        for counter in list(dict.fromkeys(wanted))[:_MOST_COUNTERS]:
            yield self._counter(counter, counter in checked)

    def _counter(self, key: str, checked: bool) -> CounterLine:
        counter = self.trace.counters[key]
        since = max(counter.moment, self.since)
        start = counter.first
        if self.rank < TROUBLE:  # what fills new memory is no write into it
            start = self.history.version(key, since)
        moves = [move for move in counter.moves if move[0] > since or self.rank >= TROUBLE]
        tensors = [other for other in self.tensors if self.trace.tensors[other].counter == key]
        named = [other for other in tensors if self.index.names.get(other)]
        return CounterLine(
            id=key, names=self._names(named or tensors), since=since, start=start, steps=tuple(moves), checked=checked
        )


def _tone(saves: Sequence[Save], first: int) -> Tone:
    """How contents that are there from `first` on stand to what was saved before."""
    tones = set[Tone]()
    for save in saves:
        if save.moment < first and (save.until is None or save.until >= first):
            tones.add("wrong" if save.fate == "differs" else "stale")
    return "wrong" if "wrong" in tones else "stale" if tones else "plain"


def _numel(tensor: Tensor) -> int:
    count = 1
    for size in tensor.shape:
        count *= size
    return count
