"""Folding: every node is in exactly one box, and nothing goes in circles."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.diagram.fold import MOST, MOST_OPENED, fold
from app.diagram.parts import Folded
from app.trace.flow import cuts
from app.trace.model import ModuleCall, Trace
from tests.builders import Told
from tests.told_runs import a_chain, a_loop, a_residual_net, overwritten, two_networks


def fold_of(trace: Trace, *opened: str, troubled: frozenset[str] = frozenset()) -> Folded:
    return fold(trace, cuts(trace), frozenset(opened), troubled)


def all_nodes(folded: Folded) -> list[str]:
    return sorted(node for part in (*folded.parts.values(), *folded.apart) for node in part.nodes)


@pytest.mark.parametrize(
    "trace",
    [
        overwritten(".data"),
        two_networks(),
        a_chain(30),
        a_chain(300),
        a_chain(300, lines=False),
        a_residual_net(9),
        a_loop(50),
    ],
    ids=["data", "two", "chain", "long chain", "one line", "residual", "loop"],
)
def test_every_node_is_in_one_box(trace: Trace) -> None:
    for opened in (), ("c-0", "k-n30", "memory", "no such fold", "line-2"):
        folded = fold_of(trace, *opened)
        assert all_nodes(folded) == sorted(trace.nodes)
        assert len(folded.parts) <= (MOST_OPENED if opened else MOST)


def test_a_small_graph_is_drawn_whole() -> None:
    assert {part.kind for part in fold_of(two_networks()).parts.values()} == {"node"}


def test_a_long_chain_folds_its_middle_and_says_how_many() -> None:
    folded = fold_of(a_chain(30))
    (chain,) = [part for part in folded.parts.values() if part.kind == "chain"]
    assert chain.title == "24 in a row"
    assert chain.words == "24 nodes"
    assert chain.id not in fold_of(a_chain(30), chain.id).parts


def test_passes_that_are_alike_leave_the_last() -> None:
    folded = fold_of(a_loop(300))
    (passes,) = folded.apart
    assert passes.title == "×299 more"
    assert len(passes.nodes) == 598
    assert len(folded.parts) == 3  # the last pass, and the leaf that all share


def test_a_pass_with_trouble_stays_open() -> None:
    folded = fold_of(a_loop(10), troubled=frozenset({"n3"}))
    assert "n3" in folded.parts
    assert folded.apart[0].title == "×8 more"


def test_module_calls_fold_with_the_leaves_that_only_they_use() -> None:
    folded = fold_of(a_residual_net(4))
    modules = [part for part in folded.parts.values() if part.kind == "module"]
    assert [part.title for part in modules] == ["net.3", "net.2", "net.1", "net.0"]
    assert [part.words for part in modules] == ["Block, 4 nodes"] * 4
    opened = fold_of(a_residual_net(4), "c-2")
    assert [group.title for group in opened.groups] == ["net.2"]
    assert len(opened.groups[0].members) == 4


def test_a_cut_joins_what_it_parted() -> None:
    folded = fold_of(two_networks())
    (join,) = [join for join in folded.joins if join.cut]
    order = list(folded.parts)
    assert not join.edges
    assert order.index(join.source) < order.index(join.target)


def a_graph(edges: list[tuple[int, int]], lines: list[int], modules: list[int]) -> Trace:
    """A node for each line; node i takes the results of earlier ones."""
    told = Told()
    value = told.line(1).tensor("x", 1.0, requires_grad=True)
    told.calls += [ModuleCall(module=f"m{at}", kind="Linear", parent=None, step=0) for at in range(3)]
    results = [value]
    for at, line in enumerate(lines):
        told.line(line)
        told.call = modules[at % len(modules)] if modules else None
        made = told.tensor(None, 1.0, alive=False)
        inputs = [results[source % len(results)] for target, source in edges if target == at] or [results[-1]]
        told.node(f"Op{line}Backward0", made, [*inputs, value])
        results.append(made)
    told.backward(results[-1])
    return told.trace()


graphs = st.builds(
    a_graph,
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=60),
    st.lists(st.integers(1, 9), min_size=1, max_size=80),
    st.lists(st.integers(0, 2), max_size=3),
)


@given(graphs)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_graph_folds_whole_and_without_circles(trace: Trace) -> None:
    for opened in frozenset[str](), frozenset({"c-0", "line-3"}):
        folded = fold(trace, cuts(trace), opened)
        assert all_nodes(folded) == sorted(trace.nodes)
        order = {key: at for at, key in enumerate(folded.parts)}
        assert all(order[join.source] < order[join.target] for join in folded.joins)
