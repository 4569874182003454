"""What the Trace says of a run, held against what torch says when it is asked directly in a fresh process.

Each row runs twice: traced, and plainly up to its first line with a backward, where plain torch is asked who shares
memory and counters, what the graphs are and what they saved; hooks then note what the rest of the run fires.
"""

import re
from math import prod
from textwrap import dedent

import pytest

from app.trace.model import Trace
from tests.worker import told_by_trace
from tests.worker.compare import differences
from tests.worker.conftest import Traced
from tests.worker.plain_run import Plain, Told
from tests.worker.rows import ROWS


def prepared(row: str) -> tuple[str, int]:
    """The row's source, and its first line with a backward."""
    source = "import torch\n" + dedent(ROWS[row]).lstrip("\n")
    starts = re.compile(r"\S.*(backward\(|autograd\.grad\()")
    return source, next(n for n, line in enumerate(source.splitlines(), start=1) if starts.match(line))


@pytest.fixture(scope="module", params=ROWS)
def both(request: pytest.FixtureRequest, plain: Plain, traced: Traced) -> tuple[Trace, Told]:
    """A row's Trace, and what plain torch says of it."""
    source, split = prepared(request.param)
    plain.ask(source, split=split)
    try:
        trace = traced(source)
    finally:
        told = plain.answer()
    assert told["error"] is None
    assert trace.outcome.error is None
    return trace, told


def test_who_shares_memory(both: tuple[Trace, Told]) -> None:
    trace, told = both
    assert told_by_trace.memory(trace, told["before"]["names"]) == told["before"]["memory"]


def test_windows_over_memory(both: tuple[Trace, Told]) -> None:
    """Shape and stride; and an offset that tells two tensors of one storage as far apart as their addresses are."""
    trace, told = both
    starts: dict[str | None, int] = {}
    for name, (shape, stride, address, item_bytes) in told["before"]["places"].items():
        tensor = trace.tensors[trace.final[name].tensor or ""]
        assert (tensor.shape, tensor.stride) == (tuple(shape), tuple(stride)), name
        start = address - tensor.offset * item_bytes
        assert starts.setdefault(tensor.storage, start) == start, name


def test_cells_of_storages(both: tuple[Trace, Told]) -> None:
    trace, told = both
    for name, (size_bytes, *contents) in told["before"]["cells"].items():
        storage = trace.storages[trace.final[name].storage or ""]
        assert storage.size_bytes == size_bytes, name
        tensor = trace.tensors[trace.final[name].tensor or ""]
        if storage.dtype == tensor.dtype and contents[0] == [prod(tensor.shape)]:  # else some were never written
            assert told_by_trace.listed(storage.values) == contents, name


def test_who_shares_a_counter(both: tuple[Trace, Told]) -> None:
    trace, told = both
    assert told_by_trace.counters(trace, sorted(told["before"]["versions"])) == told["before"]["counters"]


def test_versions(both: tuple[Trace, Told]) -> None:
    trace, told = both
    assert {name: trace.final[name].version for name in told["before"]["versions"]} == told["before"]["versions"]
    for name, version in told["before"]["versions"].items():
        counter = trace.final[name].counter
        assert counter
        assert trace.counters[counter].version == version


def test_whole_graphs(both: tuple[Trace, Told]) -> None:
    trace, told = both
    for name, graph in told["before"]["graphs"].items():
        root = trace.final[name].node
        assert root, name
        assert told_by_trace.graph(trace, root) == graph, name


def test_lines_that_recorded_nodes(both: tuple[Trace, Told]) -> None:
    trace, told = both
    for name, lines in told["before"]["lines"].items():
        nodes = told_by_trace.nodes_above(trace, trace.final[name].node or "")
        for node, line in zip(nodes, lines, strict=True):
            step = trace.nodes[node].step
            assert step is not None
            assert line in (None, trace.line(step)), (name, trace.nodes[node].name)


def test_what_nodes_saved(both: tuple[Trace, Told]) -> None:
    trace, told = both
    for name, saved in told["before"]["saved"].items():
        nodes = told_by_trace.nodes_above(trace, trace.final[name].node or "")
        for node, plain in zip(nodes, saved, strict=True):
            says = told_by_trace.saved(trace, node)
            assert says.keys() == plain.keys(), (name, trace.nodes[node].name)
            for slot, entry in plain.items():
                if entry is None:
                    continue  # written since: torch refuses to show it
                *contents, names = entry
                assert says[slot][:3] == contents, (name, trace.nodes[node].name, slot)
                assert not names or set(names) & set(says[slot][3]), (name, trace.nodes[node].name, slot)


def test_order_and_gradients_of_backward(both: tuple[Trace, Told]) -> None:
    trace, told = both
    assert told_by_trace.fired(trace) == told["after"]["fired"]


def test_rest_of_the_run_is_as_plain(both: tuple[Trace, Told]) -> None:
    trace, told = both
    assert list(differences(told, trace)) == []
