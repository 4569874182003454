"""The figure as rows: the same facts for those who do not see it, and every number that had no room."""

from collections.abc import Sequence

from msgspec import Struct

from app.diagram.cells import row_of, shape_words
from app.diagram.facts import Facts, Fate
from app.diagram.windows import Shelf
from app.trace.model import Values

MOST_ROWS = 120

_FATES: dict[Fate, str] = {
    "intact": "",
    "refused": ", refused",
    "wrong": ", changed after saving",
    "stale": ", counter moved since",
    "changed": ", changed after saving",
}


class Table(Struct, frozen=True, kw_only=True):
    """Rows under a caption; `left_out` says how many more there are."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: str | None = None


def tables(facts: Facts, kept: Sequence[Shelf], quiet: Sequence[str]) -> tuple[Table, ...]:
    """Nodes, and storages with the tensors over them."""
    made = []
    if facts.trace.nodes:
        made.append(_nodes(facts))
    if kept:
        made.append(_storages(facts, kept, quiet))
    return tuple(made)


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
        firing, line, tensor = facts.firings.get(key), facts.line(node.step), facts.tensor_of(key)
        saved = [
            f"{one.slot} at version {one.version if one.version is not None else '–'}{_FATES[facts.fate(one)]}"
            for one in node.saved
        ]
        sent = [_numbers(values) for values in firing.fired.grad_inputs if values] if firing else []
        rows.append(
            (
                str(firing.order) if firing else "not run",
                node.name,
                str(line) if line is not None else "",
                trace.tensors[tensor].label if tensor else "",
                "; ".join(saved) + (" (freed since)" if node.freed and saved else ""),
                _numbers(facts.received(key)),
                "; ".join(sent),
            )
        )
    return Table(
        caption="Nodes, in the order of backward",
        head=("order", "node", "line", "tensor", "saved", "gradient received", "gradient sent"),
        rows=tuple(rows),
        left_out=f"{len(keys) - MOST_ROWS:,} more nodes are not listed." if len(keys) > MOST_ROWS else None,
    )


def _storages(facts: Facts, kept: Sequence[Shelf], quiet: Sequence[str]) -> Table:
    rows = []
    for shelf in kept:
        held = row_of(facts.trace.storages[shelf.storage].values).words if shelf.alive else "gone since"
        for window in shelf.windows:
            version = facts.trace.counters[window.counter].version if window.counter else None
            rows.append(
                (
                    shelf.storage.upper(),
                    window.name,
                    window.geometry,
                    window.counter or "none",
                    str(version) if version is not None else "none",
                    held,
                )
            )
    return Table(
        caption="Storages, and the tensors over them",
        head=("storage", "tensor", "window", "counter", "version", "contents"),
        rows=tuple(rows[:MOST_ROWS]),
        left_out=f"{len(quiet):,} quiet storages are not listed." if quiet else None,
    )


def _numbers(values: Values | None) -> str:
    if values is None:
        return ""
    cells = row_of(values)
    return cells.words or shape_words(values.shape)
