"""Reads the lanes of the tape out of a Trace. Contents that the Trace does not know stay unknown."""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set

from app.diagram.facts import cells_of_view
from app.diagram.tape_choice import Fates, choose
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
from app.trace.model import SavedTensor, Tensor, Trace, Values, Write
from app.trace.moments import Moments

_MOST_COUNTERS = 3
_MOST_NAMES = 6


def read_story(trace: Trace, moments: Moments) -> Story:
    """The lanes of a run that took at least one moment."""
    fates = Fates(trace)
    choice = choose(trace, fates)
    index = _Index(trace, moments, {storage for storage, _ in choice.drawn})
    return Story(
        lanes=tuple(_LaneReader(index, moments, fates, storage, rank).read() for storage, rank in choice.drawn),
        troubled=choice.troubled,
        others=choice.others,
        quiet=choice.quiet,
        passing=choice.passing,
    )


class _Index:
    """What the Trace says of some storages, by storage."""

    def __init__(self, trace: Trace, moments: Moments, wanted: Set[str]) -> None:
        self.trace = trace
        self.over: dict[str, list[str]] = {storage: [] for storage in wanted}
        for key, tensor in trace.tensors.items():
            if tensor.storage is not None and tensor.storage in wanted:
                self.over[tensor.storage].append(key)
        tensors = {key: storage for storage, keys in self.over.items() for key in keys}
        self.saved: dict[str, list[tuple[str, SavedTensor]]] = {storage: [] for storage in wanted}
        for node_id, node in trace.nodes.items():
            for saved in node.saved:
                if saved.tensor in tensors:
                    self.saved[tensors[saved.tensor]].append((node_id, saved))
        self.fired = moments.firings({node for saved_here in self.saved.values() for node, _ in saved_here})
        counters = {trace.tensors[key].counter for key in tensors}
        self.writes: dict[str, list[Write]] = {storage: [] for storage in wanted}
        self.moved: defaultdict[str, list[Write]] = defaultdict(list)  # by counter
        for write in trace.writes:
            if write.changed and write.storage in wanted:
                self.writes[write.storage].append(write)
            if write.counter in counters and write.counter is not None:
                self.moved[write.counter].append(write)
        self.arrays: dict[str, list[str]] = {storage: [] for storage in wanted}
        for array in trace.arrays:
            if array.storage in wanted:
                self.arrays[array.storage].append(array.name)


class _LaneReader:
    """Reads one storage's lane."""

    def __init__(self, index: _Index, moments: Moments, fates: Fates, storage: str, rank: int) -> None:
        self.index, self.moments, self.fates, self.id, self.rank = index, moments, fates, storage, rank
        self.trace = index.trace
        self.storage = self.trace.storages[storage]
        self.tensors = index.over.get(storage, [])
        self.since = moments.of(self.storage.step)

    def read(self) -> Lane:
        saves = self._saves()
        writes = self._writes(saves)
        known = [self.since, *(write.moment for write in writes)]
        known += [moment for save in saves for moment in (save.moment, save.until or save.moment)]
        return Lane(
            storage=self.id,
            rank=self.rank,
            names=self._names(self.tensors, self.index.arrays.get(self.id, ())),
            since=self.since,
            until=None if self.storage.alive else max(known),
            stretches=tuple(self._stretches(saves, writes)),
            saves=saves,
            writes=writes,
            counters=tuple(self._counters(saves, writes)),
        )

    def _names(self, tensors: Iterable[str], arrays: Iterable[str] = ()) -> tuple[tuple[str, str], ...]:
        names = {name: key for key in tensors for name in self.trace.tensors[key].names}
        if not names:
            names = {self.trace.tensors[key].label: key for key in list(tensors)[:1]}
        names |= dict.fromkeys(arrays, self.id)
        return tuple(list(names.items())[:_MOST_NAMES])

    def _saves(self) -> tuple[Save, ...]:
        together: dict[tuple[str, str, Fate], list[SavedTensor]] = {}
        for node, saved in self.index.saved.get(self.id, ()):
            together.setdefault((node, saved.tensor or "", self.fates.of(node, saved)), []).append(saved)
        saves = [self._save(node, tensor, fate, group) for (node, tensor, fate), group in together.items()]
        return tuple(sorted(saves, key=lambda save: (save.moment, -RANK[save.fate])))

    def _save(self, node: str, tensor: str, fate: Fate, group: Sequence[SavedTensor]) -> Save:
        saved = group[0]
        was_read = saved.version_read is not None or saved.intact is not None
        fired = self.index.fired[node] if was_read else []
        reads = []
        for at, (moment, finished) in enumerate(fired):
            last = at == len(fired) - 1 or not any(done for _, done in fired[at + 1 :])
            if finished:
                checked = saved.version is not None and not saved.hooked
                found = saved.version_read if last else saved.version
                verdict: Verdict = "passed" if checked else "unchecked"
                reads.append(Read(moment=moment, verdict=verdict, found=found, differs=last and fate == "differs"))
            elif fate == "refused":
                reads.append(Read(moment=moment, verdict="refused", found=saved.version_read))
            elif at and self.trace.nodes[node].freed:
                reads.append(Read(moment=moment, verdict="freed"))
        return Save(
            moment=self.moments.of(saved.saved_at),
            node=node,
            node_name=self.trace.nodes[node].name,
            slots=tuple(entry.slot for entry in group),
            tensor=tensor,
            counter=self.trace.tensors[tensor].counter,
            version=saved.version,
            fate=fate,
            reads=tuple(reads),
        )

    def _writes(self, saves: Sequence[Save]) -> tuple[Overwrite, ...]:
        watched = {save.counter for save in saves}
        watched |= {tensor.counter for key in self.tensors if (tensor := self.trace.tensors[key]).requires_grad}
        watched.discard(None)
        lost = [save for save in saves if save.fate in ("differs", "changed") and self.rank >= TROUBLE]
        found = []
        for write in self.index.writes.get(self.id, ()):
            if write.step == self.storage.step and self.rank < TROUBLE:
                continue  # what fills new memory is no write into it
            moment = write.moment
            seen = write.counter is not None and (not watched or write.counter in watched)
            fates = set() if seen else {save.fate for save in lost if save.moment <= moment <= (save.until or moment)}
            found.append(
                Overwrite(moment=moment, write=write, seen=seen, missed=bool(fates), harmful="differs" in fates)
            )
        return tuple(found)

    def _stretches(self, saves: Sequence[Save], writes: Sequence[Overwrite]) -> Iterator[Stretch]:
        end = self.moments.count
        starts = sorted({self.since, *(write.moment for write in writes)})
        troubled = [save for save in saves if save.fate != "kept"] if self.rank >= TROUBLE else []
        # contents that changed though no write was seen: the stretch ends where that came to light
        for save in troubled:
            for read in save.reads:
                at = bisect_right(starts, read.moment)
                if read.differs and not any(save.moment <= start for start in starts[max(1, at - 1) : at]):
                    insort(starts, read.moment)
        subject = self._subject(saves)
        written = {write.moment for write in writes}
        known: list[list[tuple[str | None, Values]]] = [[] for _ in starts]
        for moment, tensor, values in self._snapshots(writes):
            known[max(bisect_right(starts, moment) - 1, 0)].append((tensor, values))
        for at, (first, following) in enumerate(zip(starts, [*starts[1:], end + 1], strict=True)):
            yield Stretch(
                first=first,
                last=following - 1,
                values=self._seen_as(subject, known[at]),
                tone=_tone(troubled, first),
                written=first in written,
            )

    def _snapshots(self, writes: Sequence[Overwrite]) -> Iterator[tuple[float, str | None, Values]]:
        """What is known of the contents: when, of which tensor (None: of all cells), and what they were."""
        written = {write.moment: write.write for write in writes}
        for node, saved in self.index.saved.get(self.id, ()):
            tensor = self.trace.tensors[saved.tensor] if saved.tensor else None
            if saved.values is not None and tensor is not None:
                moment = self.moments.of(saved.saved_at)
                write = written.get(moment)
                counted = write and write.counter == tensor.counter and None not in (saved.version, write.version)
                later = counted and write and (saved.version or 0) >= (write.version or 0)
                # what a line saved, it saved before it wrote, unless the counter says otherwise
                yield (moment - 0.5 if write and not later else moment), saved.tensor, saved.values
            fired = self.index.fired[node]
            if fired and saved.intact is not None:
                values = saved.values if saved.intact else saved.values_read
                if values is not None:
                    yield fired[-1][0], saved.tensor, values
        end = self.moments.count
        if self.storage.alive and self.storage.values is not None:
            yield end, None, self.storage.values
        for key in self.tensors:
            tensor = self.trace.tensors[key]
            if tensor.alive and tensor.values is not None:
                yield end, key, tensor.values

    def _subject(self, saves: Sequence[Save]) -> str | None:
        """The tensor through which the contents are shown: the one that was saved, else the largest that has a name."""
        if saves:
            return max(saves, key=lambda save: RANK[save.fate]).tensor
        named = [key for key in self.tensors if self.trace.tensors[key].names] or self.tensors
        return max(named, key=lambda key: _numel(self.trace.tensors[key]), default=None)

    def _seen_as(self, subject: str | None, known: Sequence[tuple[str | None, Values]]) -> Values | None:
        if subject is None:
            return next((values for tensor, values in known if tensor is None), None)
        tensor = self.trace.tensors[subject]
        for key, values in known:
            if key is not None and _same_cells(self.trace.tensors[key], tensor):
                return values
        for key, values in known:
            if key is None and values.flat is not None and values.dtype == tensor.dtype:
                cells = cells_of_view(tensor)
                if cells and max(cells) < len(values.flat):
                    flat = tuple(values.flat[cell] for cell in cells[:1_000])
                    return Values(shape=tensor.shape, dtype=tensor.dtype, flat=flat) if len(cells) <= 1_000 else None
        return None

    def _counters(self, saves: Sequence[Save], writes: Sequence[Overwrite]) -> Iterator[CounterLine]:
        checked = list(
            dict.fromkeys(save.counter for save in sorted(saves, key=lambda save: -RANK[save.fate]) if save.counter)
        )
        moved = list(dict.fromkeys(write.write.counter for write in writes if write.write.counter))
        named = dict.fromkeys(
            tensor.counter for key in self.tensors if (tensor := self.trace.tensors[key]).names and tensor.counter
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
        since = max(self.moments.of(counter.step), self.since)
        steps: list[tuple[int, int]] = []
        start = None
        for write in self.index.moved.get(key, ()):
            if write.version is None:
                continue
            moment = write.moment
            if start is None:
                start = max(write.version - 1, 0)
            if write.step == self.storage.step and self.rank < TROUBLE:
                start = write.version
            else:
                steps.append((moment, write.version))
        tensors = [other for other in self.tensors if self.trace.tensors[other].counter == key]
        named = [other for other in tensors if self.trace.tensors[other].names]
        return CounterLine(
            id=key,
            names=self._names(named or tensors),
            since=since,
            start=counter.version if start is None else start,
            steps=tuple(steps),
            checked=checked,
        )


def _tone(saves: Sequence[Save], first: int) -> Tone:
    """How contents that are there from `first` on stand to what was saved before."""
    tones = set[Tone]()
    for save in saves:
        if save.moment < first and (save.until is None or save.until >= first):
            tones.add("wrong" if save.fate == "differs" else "stale")
    return "wrong" if "wrong" in tones else "stale" if tones else "plain"


def _same_cells(one: Tensor, other: Tensor) -> bool:
    return (one.shape, one.stride, one.offset, one.dtype) == (other.shape, other.stride, other.offset, other.dtype)


def _numel(tensor: Tensor) -> int:
    count = 1
    for size in tensor.shape:
        count *= size
    return count
