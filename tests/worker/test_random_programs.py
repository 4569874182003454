"""Random programs: traced as plain, and the Trace knows who shares memory and counters. One seed, one program."""

import pytest

from tests.worker import told_by_trace
from tests.worker.compare import differences
from tests.worker.conftest import Traced
from tests.worker.plain_run import Plain
from tests.worker.programs import program


@pytest.mark.parametrize("seed", [*range(24), 54, 98, 134, 209])  # the last ones found something
def test_random_program(seed: int, plain: Plain, traced: Traced) -> None:
    source = program(seed)
    plain.ask(source)
    try:
        trace = traced(source)
    finally:
        told = plain.answer()
    assert list(differences(told, trace)) == []
    before = plain.run(source, split=source.count("\n") + 1)["before"]
    assert told_by_trace.memory(trace, before["names"]) == before["memory"]
    assert told_by_trace.counters(trace, sorted(before["versions"])) == before["counters"]
    for name, graph in before["graphs"].items():
        assert told_by_trace.graph(trace, trace.final[name].node or "") == graph, name
