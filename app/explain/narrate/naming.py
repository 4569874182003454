"""What the reader calls a tensor at a moment, and which of the names then in use lie over the same memory."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from math import prod
from operator import attrgetter

from msgspec import Struct

from app.explain.narrate.index import Index
from app.explain.narrate.words import code, elements
from app.trace.figures import numbers
from app.trace.history import cells_of
from app.trace.model import Binding, SavedTensor, Tensor

_MANY_CELLS = 256  # of one tensor, beyond which they are not compared one by one
_DEEPEST = 50  # frames looked through for a name
NAMELESS = "a temporary tensor"

_moment = attrgetter("moment")

Cells = range | frozenset[int]
Holds = Callable[[int, int], bool]  # of the moments from which on, and until before which, a name stood for a tensor


class Bindings(Struct, frozen=True, gc=False):
    """All that one name of a frame stood for."""

    name: str
    turns: Sequence[Binding]

    def at(self, moment: int) -> Binding | None:
        """What it stood for then."""
        at = bisect_right(self.turns, moment, key=_moment) - 1
        return self.turns[at] if at >= 0 else None


class Named(Struct, frozen=True):
    """A tensor that a name stood for."""

    name: str
    key: str
    tensor: Tensor


class Names:
    """Names of tensors, at the moment and in the frame where a line ran."""

    def __init__(self, index: Index) -> None:
        self._index, self._trace = index, index.trace
        self._of_frame: defaultdict[int, list[Bindings]] = defaultdict(list)
        self._of_tensor: defaultdict[tuple[str, int], list[tuple[int, int, str]]] = defaultdict(list)
        for frame, name, turns in index.history.bound():
            self._of_frame[frame].append(Bindings(name, turns))
            for at, turn in enumerate(turns):
                if turn.tensor is not None:
                    end = turns[at + 1].moment if at + 1 < len(turns) else index.moments.count + 1
                    self._of_tensor[turn.tensor, frame].append((turn.moment, end, name))
        self._cells: dict[str, Cells | None] = {}

    def frames(self, step: int) -> Iterator[int]:
        """The frames that were under way, the innermost first; the top level last."""
        at: int | None = step
        seen: set[int] = set()
        while at is not None and at < len(self._trace.steps) and len(seen) < _DEEPEST:
            frame = self._trace.steps[at].frame
            if frame not in seen:
                seen.add(frame)
                yield frame
            at = self._trace.steps[at].caller
        if 0 not in seen:
            yield 0

    def name(self, key: str, moment: int, step: int, *, made: bool = False) -> str | None:
        """The reader's name for a tensor before the line at `moment` ran, or after it where it was `made` by that."""
        keys = list(self._same(key))
        until = self._until(step)
        here = self._trace.steps[step].frame if step < len(self._trace.steps) else 0
        if not made:
            for frame in self.frames(step):
                if found := self._first(keys, frame, lambda since, end: since < moment <= end):
                    return found
        if found := self._first(keys, here, lambda since, _: moment <= since <= until):
            return found
        tensor = self._trace.tensors[key]
        return tensor.expression or tensor.name

    def called(self, key: str, moment: int, step: int, *, made: bool = False) -> str:
        """The same as code; nameless ones by what they are."""
        name = self.name(key, moment, step, made=made)
        return code(name) if name else NAMELESS

    def is_named(self, key: str, moment: int, step: int) -> bool:
        """Whether a name stood for `key` after that moment."""
        keys = list(self._same(key))
        return any(self._first(keys, frame, lambda since, end: since <= moment < end) for frame in self.frames(step))

    def kept(self, saved: SavedTensor, moment: int, step: int, *, made: bool = False) -> str:
        """What a node keeps, in words: a name, or the number that it is."""
        if saved.tensor is None:
            return NAMELESS
        name = self.name(saved.tensor, moment, step, made=made and self._is_new(saved.tensor, moment))
        if name:
            return code(name)
        if saved.values is not None and saved.values.flat and saved.values.shape == ():
            return f"the number {numbers(saved.values.flat)[0]}"
        tensor = self._trace.tensors[saved.tensor]
        if tensor.storage is not None and (over := self.over(tensor.storage, moment, step)):
            return f"a view of {code(over[0].name)}"
        return f"{NAMELESS} of {elements(tensor.shape)}"

    def over(self, storage: str, moment: int, step: int) -> list[Named]:
        """The tensors over `storage` that names stood for after that moment, each by one name, the oldest first."""
        found: dict[str, Named] = {}
        for frame in self.frames(step):
            for bindings in self._of_frame.get(frame, ()):
                binding = bindings.at(moment)
                if binding is None or binding.tensor is None:
                    continue
                key = self._index.history.as_of(binding.tensor, moment) or binding.tensor
                tensor = self._trace.tensors[key]
                if tensor.storage == storage and key not in found:
                    found[key] = Named(bindings.name, key, tensor)
        return sorted(found.values(), key=lambda named: int(named.key[1:]))

    def covered(self, one: Tensor, one_key: str, other: Tensor, other_key: str) -> int | None:
        """How many cells of `one` are cells of `other` too, both over one storage; None where that is not known."""
        geometry = (one.shape, one.stride, one.offset, one.dtype)
        cells, others = self.cells(one_key), self.cells(other_key)
        if geometry == (other.shape, other.stride, other.offset, other.dtype):
            return len(cells) if cells is not None else prod(one.shape)
        if cells is None or others is None or one.dtype != other.dtype:
            return None
        if isinstance(cells, range) and isinstance(others, range):
            return max(min(cells.stop, others.stop) - max(cells.start, others.start), 0)
        if isinstance(cells, range):
            return sum(cell in cells for cell in others)
        return sum(cell in others for cell in cells)

    def cells(self, key: str) -> Cells | None:
        """Which cells of its storage a tensor covers; None for many that do not lie side by side."""
        if key not in self._cells:
            self._cells[key] = _cells(self._trace.tensors[key])
        return self._cells[key]

    def _is_new(self, key: str, moment: int) -> bool:
        return self._trace.tensors[key].moment == moment

    def is_same(self, key: str, other: str) -> bool:
        """Whether both are one tensor, perhaps before and after its memory or geometry was swapped."""
        return key == other or key in self._same(other) or other in self._same(key)

    def _same(self, key: str) -> Iterator[str]:
        """`key` and what it was before its memory or geometry was swapped: names stay bound to the first."""
        at: str | None = key
        seen: set[str] = set()
        while at is not None and at in self._trace.tensors and at not in seen:
            seen.add(at)
            yield at
            at = self._trace.tensors[at].continues

    def _until(self, step: int) -> int:
        """The last moment before the frame of `step` begins its next line."""
        following = self._index.passes.following
        after = following[step] if step < len(following) else -1
        return self._trace.steps[after].moment - 1 if after >= 0 else self._index.moments.count

    def _first(self, keys: Sequence[str], frame: int, holds: Holds) -> str | None:
        for key in keys:
            for since, end, name in self._of_tensor.get((key, frame), ()):
                if holds(since, end):
                    return name
        return None


def _cells(tensor: Tensor) -> Cells | None:
    if tensor.stride is None or tensor.storage is None:
        return None
    count, packed = 1, True
    for size, stride in zip(reversed(tensor.shape), reversed(tensor.stride), strict=True):
        packed = packed and (size == 1 or stride == count)
        count *= size
    if packed:
        return range(tensor.offset, tensor.offset + count)
    if count > _MANY_CELLS:
        return None
    return frozenset(cells_of(tensor.shape, tensor.stride, tensor.offset))
