"""A tensor, or a numpy array, as a window over a storage: which cells it sees, and its place in words."""

from msgspec import Struct

from app.diagram.facts import cells_of_view, span_of_view
from app.trace.figures import shape_words
from app.trace.model import Array, Tensor


class Window(Struct, frozen=True, kw_only=True):
    """A tensor, or a numpy array, over a storage."""

    ref: str | None
    name: str
    named: bool
    geometry: str  # in words
    cells: tuple[int, ...]  # of the storage, in the order of the elements; empty if not known one by one
    span: tuple[int, int] | None
    repeats: int = 1  # elements that are the same cell
    counter: str | None = None
    array: bool = False
    since: int | None = None

    def geometry_at(self, version: str | None) -> str:
        """Its place in words, with the bare version of its counter where that is not shown by itself."""
        words = f"{self.geometry} · each cell ×{self.repeats:,}" if self.repeats > 1 else self.geometry
        return words if version is None else f"{words} · version {version}"


def window_of_tensor(key: str, tensor: Tensor) -> Window:
    """The window of tensor `key`."""
    cells = cells_of_view(tensor)
    return Window(
        ref=key,
        name=tensor.label,
        named=tensor.name is not None,
        geometry=_geometry(tensor),
        cells=cells,
        span=span_of_view(tensor),
        repeats=len(cells) // len(set(cells)) if cells else 1,
        counter=tensor.counter,
        since=tensor.moment,
    )


def window_of_array(array: Array) -> Window:
    """The window of a numpy array of the reader's."""
    return Window(
        ref=None,
        name=array.name,
        named=True,
        geometry=f"numpy array, {_geometry(array)}",
        cells=cells_of_view(array),
        span=span_of_view(array),
        array=True,
    )


def _geometry(view: Tensor | Array) -> str:
    if view.stride is None:
        return f"shape {shape_words(view.shape)}"
    if not view.shape:
        return f"scalar · offset {view.offset}" if view.offset else "scalar"
    return f"shape {shape_words(view.shape)} · stride {', '.join(map(str, view.stride))} · offset {view.offset}"
