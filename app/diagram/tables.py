"""The figure as rows: the same facts for those who do not see it, and every number that had no room."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from app.diagram.cells import row_of, summed_up
from app.diagram.facts import Facts, Fate
from app.diagram.shelves import Shelf
from app.trace.figures import shape_words
from app.trace.model import Values

MOST_ROWS = 120
MOST_TURNS = 100  # of one cell, the last ones

_FATES: dict[Fate, str] = {
    "intact": "",
    "refused": ", refused",
    "wrong": ", changed after saving",
    "stale": ", counter moved since",
    "changed": ", changed after saving",
}


class Entry(Struct, frozen=True):
    """One cell of a table: its text, or the track of it."""

    text: str
    track: int | None = None


class Row(Struct, frozen=True, kw_only=True):
    """One row, there from `since` on."""

    entries: tuple[Entry, ...]
    since: int | None = None


class Table(Struct, frozen=True, kw_only=True):
    """Rows under a caption; `left_out` says how many more there are."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]
    left_out: str | None = None


def tables(facts: Facts, kept: Sequence[Shelf], quiet: Sequence[str]) -> tuple[Table, ...]:
    """Nodes, and storages with the tensors over them, from moment to moment."""
    made = []
    if facts.trace.nodes:
        made.append(_nodes(facts))
    if kept:
        made.append(_storages(facts, kept, quiet))
    return tuple(made)


def _entry(facts: Facts, turns: Sequence[tuple[int, str]], before: str = "") -> Entry:
    """What a cell says from each moment on; `before` the first of them."""
    turns = [(0, before), *turns[-MOST_TURNS:]] if before else list(turns[-MOST_TURNS:])
    return Entry(turns[-1][1] if turns else before, facts.film.changes(turns))


def _nodes(facts: Facts) -> Table:
    trace = facts.trace
    last = len(trace.backwards)

    def turn(key: str) -> tuple[int, int]:
        firing = facts.firings.get(key)
        return (firing.backward, firing.order) if firing else (last, 0)

    keys = sorted(trace.nodes, key=turn)
    if last > 1:  # what the last backward ran says most
        keys = sorted(keys, key=lambda key: -turn(key)[0] if key in facts.firings else 1)
    rows = []
    for key in keys[:MOST_ROWS]:
        node = trace.nodes[key]
        line, tensor, fired = facts.line(node.step), facts.tensor_of(key), facts.history.firings[key][-MOST_TURNS:]
        entries = (
            _entry(facts, [(one.moment, str(facts.order_of(one))) for one in fired], "not run"),
            Entry(node.name),
            Entry(str(line) if line is not None else ""),
            Entry(trace.tensors[tensor].label if tensor else ""),
            _entry(facts, _saved(facts, key)),
            _entry(facts, [(one.moment, _numbers(one.grad_outputs[:1])) for one in fired], "–"),
            _entry(facts, [(one.moment, _numbers(one.grad_inputs)) for one in fired], "–"),
        )
        rows.append(Row(entries=entries, since=node.moment))
    return Table(
        caption="Nodes, in the order of backward",
        head=("order", "node", "line", "tensor", "saved", "gradient received", "gradient sent"),
        rows=tuple(rows),
        left_out=f"{len(keys) - MOST_ROWS:,} more nodes are not listed." if len(keys) > MOST_ROWS else None,
    )


def _saved(facts: Facts, key: str) -> list[tuple[int, str]]:
    """What a node keeps, and what became of it, from moment to moment."""
    node = facts.trace.nodes[key]
    spoilt = [facts.spoilt(key, at) if _FATES[facts.fate(one)] else None for at, one in enumerate(node.saved)]
    moments = {node.moment, *(moment for moment in (node.freed_at, *spoilt) if moment is not None)}
    turns = []
    for moment in sorted(moments):
        told = [
            f"{one.slot} at version {one.version if one.version is not None else '–'}"
            f"{_FATES[facts.fate(one)] if since is not None and since <= moment else ''}"
            for one, since in zip(node.saved, spoilt, strict=True)
        ]
        freed = node.freed_at is not None and node.freed_at <= moment and bool(told)
        turns.append((moment, "; ".join(told) + (" (freed since)" if freed else "")))
    return turns


def _storages(facts: Facts, kept: Sequence[Shelf], quiet: Sequence[str]) -> Table:
    rows = []
    for shelf in kept:
        held = _entry(facts, list(_contents(facts, shelf)))
        for window in shelf.windows:
            versions = facts.history.moves(window.counter) if window.counter else []
            entries = (
                Entry(shelf.storage.upper()),
                Entry(window.name),
                Entry(window.geometry),
                Entry(window.counter or "none"),
                _entry(facts, [(moment, str(version)) for moment, version in versions], "" if versions else "none"),
                held,
            )
            rows.append(Row(entries=entries, since=window.since))
    one = len(quiet) == 1
    return Table(
        caption="Storages, and the tensors over them",
        head=("storage", "tensor", "window", "counter", "version", "contents"),
        rows=tuple(rows[:MOST_ROWS]),
        left_out=f"{len(quiet):,} quiet storage{' is' if one else 's are'} not listed." if quiet else None,
    )


def _contents(facts: Facts, shelf: Shelf) -> Iterator[tuple[int, str]]:
    """What a storage held, in words."""
    storage = facts.trace.storages[shelf.storage]
    for moment, held in facts.film.seen(zip(*facts.history.contents(shelf.storage), strict=True)):
        cells = held.cells
        if cells is None:
            yield moment, summed_up(Values(shape=(shelf.count,), dtype="", summary=held.summary))
        else:
            yield moment, row_of(Values(shape=(len(cells),), dtype=storage.dtype, flat=cells)).words
    if not storage.contents:
        yield 0, row_of(storage.values).words if shelf.alive else "gone since"


def _numbers(gradients: Sequence[Values | None]) -> str:
    """Gradients in words, those that there are."""
    return "; ".join(row_of(values).words or shape_words(values.shape) for values in gradients if values is not None)
