"""At each moment of a run the Trace says what plain torch shows when the run is stopped there: row by row.

The judge is `stops.py`: lines and nodes in the order in which they began, calls under way, and before each line every
variable of its frame: version, grad_fn, values, `.grad`, who shares memory and counters.
"""

from textwrap import dedent

import pytest

from app.explain.narrate import Narrator
from app.trace.history import History
from app.trace.model import Trace
from app.trace.moments import Moments
from app.worker import budget
from tests.worker.at_moments import differences_at_moments
from tests.worker.compare import differences
from tests.worker.conftest import Traced
from tests.worker.moment_rows import ROWS
from tests.worker.plain_run import Plain


@pytest.mark.parametrize("row", ROWS)
def test_every_moment_is_as_plain(row: str, plain: Plain, traced: Traced) -> None:
    source = "import torch\n" + dedent(ROWS[row]).lstrip("\n")
    plain.ask(source, stops=True)
    try:
        trace = traced(source)
    finally:
        told = plain.answer()
    assert [*differences(told, trace), *differences_at_moments(told, trace)] == []


def traced_rows(source: str, traced: Traced) -> Trace:
    """The Trace of a row, which must not have raised."""
    trace = traced("import torch\n" + dedent(source).lstrip("\n"))
    assert trace.outcome.error is None
    return trace


# The line and the mode in which it began.
MODES = {
    """
        a = 1
        with torch.no_grad():
            b = 1
            with torch.enable_grad():
                c = 1
            with torch.inference_mode():
                d = 1
                with torch.inference_mode(False):
                    e = 1
        f = 1
    """: {2: "grad", 4: "no_grad", 6: "grad", 8: "inference", 10: "grad", 11: "grad"},
    """
        @torch.no_grad()
        def f():
            return 1
        y = f()
        torch.set_grad_enabled(False)
        a = 1
        torch.set_grad_enabled(True)
        b = 1
    """: {4: "no_grad", 5: "grad", 7: "no_grad", 8: "no_grad", 9: "grad"},
    """
        class F(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 1
            @staticmethod
            def backward(ctx, g):
                return g * 1
        y = F.apply(torch.ones(1, requires_grad=True))
        y.backward()
    """: {5: "no_grad", 8: "no_grad", 9: "grad", 10: "grad"},
}


@pytest.mark.parametrize(("source", "modes"), MODES.items())
def test_the_mode_of_each_line(source: str, modes: dict[int, str], traced: Traced) -> None:
    found = {step.line: step.mode for step in traced_rows(source, traced).steps}
    assert {line: found[line] for line in modes} == modes


# Frame, name, and what it stood for from then on: a tensor's shape, a text, or nothing.
BINDINGS = {
    "rebinding": (
        "x = torch.ones(1)\nx = torch.ones(2)\nx = 5\nx = 5\ndel x\nx = None",
        ["x (1,)", "x (2,)", "x 5", "x", "x None"],
    ),
    "two names, one tensor": ("x = torch.ones(1)\ny = x\nx = 1", ["x (1,)", "y (1,)", "x 1"]),
    "a loop": ("for i in range(2):\n  t = torch.ones(i)", ["i 0", "t (0,)", "i 1", "t (1,)"]),
    "a list that grows": (
        "p = [torch.ones(1)]\np.append(torch.ones(2))\np.pop(0)\np.clear()",
        [
            *("p list of 1", "p[0] (1,)", "p list of 2", "p[1] (2,)"),
            *("p list of 1", "p[0] (2,)", "p[1]", "p list of 0", "p[0]"),
        ],
    ),
    "a dict": ("d = {'k': torch.ones(1)}\nd['k'] = 1\ndel d", ["d dict of 1", "d['k'] (1,)", "d['k']", "d"]),
    "attributes": (
        "class A: pass\na = A()\na.t = torch.ones(1)\na.t = torch.ones(2)\ndel a.t",
        ["a A", "a.t (1,)", "a.t (2,)", "a.t"],
    ),
    "values of all kinds": (
        "a = 'text'\nb = 1.5\nc = (1, 2)\nd = True\ne = {1}\nf = lambda: 1\ng = torch\nh = torch.nn.ReLU()",
        ["a 'text'", "b 1.5", "c tuple of 2", "d True", "e set of 1", "h ReLU"],
    ),
    "variables of a function": (
        "def f(t, n=1):\n  u = t * n\n  for k in (u,):\n    n += 1\n  del u\n  return n\ny = f(torch.ones(1))",
        ["1 t (1,)", "1 n 1", "1 u (1,)", "1 k (1,)", "1 n 2", "1 u", "y 2"],
    ),
    "each call has its own": ("def f(n):\n  return n and f(n - 1)\ny = f(1)", ["1 n 1", "2 n 0", "y 0"]),
}  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), BINDINGS.values(), ids=BINDINGS.keys())
def test_what_names_stand_for(source: str, expected: list[str], traced: Traced) -> None:
    trace = traced_rows(source, traced)
    found = []
    for binding in trace.bindings:
        what = trace.tensors[binding.tensor].shape if binding.tensor else binding.text
        found.append(" ".join(str(part) for part in (binding.frame or None, binding.name, what) if part is not None))
    assert [one for one in found if not one.startswith("torch")] == expected


def test_calls_in_calls_know_who_called_them(traced: Traced) -> None:
    trace = traced_rows(
        """
        def gen(n):
            while n:
                yield n
                n -= 1
        def rec(n):
            if n:
                rec(n - 1)
            return n
        rec(1)
        for k in gen(2):
            m = k
        """,
        traced,
    )
    steps = trace.steps
    called = [
        (one.line, one.function, one.frame, one.depth, None if one.caller is None else steps[one.caller].line)
        for one in steps
    ]
    assert called[3:] == [
        (10, None, 0, 0, None),
        (7, "rec", 1, 1, 10),
        (8, "rec", 1, 1, 10),
        (7, "rec", 2, 2, 8),
        (9, "rec", 2, 2, 8),
        (9, "rec", 1, 1, 10),
        (11, None, 0, 0, None),
        (3, "gen", 3, 1, 11),
        (4, "gen", 3, 1, 11),
        (12, None, 0, 0, None),
        (11, None, 0, 0, None),
        (5, "gen", 3, 1, 11),
        (3, "gen", 3, 1, 11),
        (4, "gen", 3, 1, 11),
        (12, None, 0, 0, None),
        (11, None, 0, 0, None),
        (5, "gen", 3, 1, 11),
        (3, "gen", 3, 1, 11),
    ]  # fmt: skip


def test_what_backward_records_is_there_from_the_moment_on(traced: Traced) -> None:
    trace = traced_rows(
        """
        w = torch.tensor(2.0, requires_grad=True)
        y = w ** 3
        g, = torch.autograd.grad(y, w, create_graph=True)
        h, = torch.autograd.grad(g, w)
        """,
        traced,
    )
    first, second = trace.backwards
    assert (first.creates_graph, second.creates_graph) == (True, False)
    history = History(trace)
    line = {step.line: step.moment for step in trace.steps}
    recorded = {key for key, node in trace.nodes.items() if line[4] <= node.moment < line[5]}
    assert {trace.nodes[key].name for key in recorded} >= {"MulBackward0", "PowBackward0"}
    assert {fired.node for fired in second.fired} & recorded
    assert not recorded & history.state(line[4] - 1).nodes
    assert recorded <= history.state(line[5] - 1).nodes


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpoint_runs_its_function_again_within_backward(reentrant: bool, traced: Traced) -> None:
    trace = traced_rows(
        f"""
        from torch.utils.checkpoint import checkpoint
        def block(t):
            u = t.sigmoid()
            return u * u
        w = torch.ones(2, requires_grad=True)
        y = checkpoint(block, w * 1, use_reentrant={reentrant})
        s = y.sum()
        s.backward()
        g = w.grad
        """,
        traced,
    )
    moments = Moments(trace)
    lines = [step for step in trace.steps if step.function == "block"]
    assert [step.line for step in lines] == [4, 5] * 2
    began, over = (next(step.moment for step in trace.steps if step.line == line) for line in (9, 10))
    fired = {trace.nodes[one.node].name: one.moment for call in trace.backwards for one in call.fired}
    assert began < fired["SumBackward0"] < lines[2].moment < lines[3].moment < fired["SigmoidBackward0"] < over
    assert all(moments.is_line(step.moment) for step in lines)
    assert [frame.line for frame in History(trace).stack(lines[2].moment)] == [9, 4]
    assert len(trace.backwards) == (2 if reentrant else 1)
    grad = History(trace).variable("g", [one for one in trace.bindings if one.name == "g"], moments.count)
    assert grad is not None
    assert grad.values is not None


def test_several_backwards_and_what_they_free(traced: Traced) -> None:
    trace = traced_rows(
        """
        w = torch.ones(2, requires_grad=True)
        y = (w * w).sum()
        y.backward(retain_graph=True)
        y.backward()
        """,
        traced,
    )
    first, second = trace.backwards
    assert (first.keeps_graph, second.keeps_graph) == (True, False)
    freed = {node.name: node.freed_at for node in trace.nodes.values()}
    mul = next(one.moment for one in second.fired if trace.nodes[one.node].name == "MulBackward0")
    assert freed == {"AccumulateGrad": None, "SumBackward0": None, "MulBackward0": mul}
    history = History(trace)
    assert not history.state(mul - 1).freed
    assert {trace.nodes[key].name for key in history.state(mul).freed} == {"MulBackward0"}


def test_a_long_run_keeps_the_numbers_of_its_beginning_and_of_its_end(traced: Traced) -> None:
    trace = traced(
        "import torch\nw = torch.ones(20, requires_grad=True)\nfor i in range(1000):\n    (w * w).sum().backward()\n"
    )
    passes = [all(got and got.flat for fired in call.fired for got in fired.grad_outputs) for call in trace.backwards]
    assert passes[:100] == [True] * 100
    assert passes[-100:] == [True] * 100
    assert not passes[500]
    assert any("steps between" in sentence for sentence in trace.truncated)


def test_all_that_ran_after_recording_had_stopped_is_one_moment(traced: Traced) -> None:
    trace = traced(f"import torch\nw = torch.ones(2)\nfor i in range({budget.OPERATIONS + 50}):\n    w.add_(1)\n")
    moments = Moments(trace)
    assert trace.unobserved == moments.count == trace.steps[-1].moment + 1
    history = History(trace)
    counter = next(one.counter for one in trace.tensors.values() if "w" in one.names)
    assert counter is not None
    assert history.state(moments.count - 1).versions[counter] < budget.OPERATIONS
    assert history.state(moments.count).versions[counter] == budget.OPERATIONS + 50
    said = Narrator(history).tell(moments.count)
    assert said.place == "the rest of the run"
    assert "was not observed" in said.text


def test_a_sparse_gradient_is_a_gradient(traced: Traced) -> None:
    trace = traced(
        "import torch\ne = torch.nn.Embedding(10, 3, sparse=True)\ne(torch.tensor([1, 2])).sum().backward()\n"
    )
    (fired,) = [one for one in trace.backwards[0].fired if trace.nodes[one.node].name == "EmbeddingBackward0"]
    (sent,) = fired.grad_inputs
    assert sent is not None
    assert (sent.shape, sent.dtype, sent.flat) == ((10, 3), "float32", None)


def test_where_a_checkpoint_has_what_it_needs_nothing_was_refused(traced: Traced) -> None:
    trace = traced(
        "import torch\nfrom torch.utils.checkpoint import checkpoint\nw = torch.ones(3, requires_grad=True)\n"
        "checkpoint(lambda x: (x * x).sum().exp(), w, use_reentrant=False).backward()\n"
    )
    assert trace.outcome.kind == "finished"
    assert [operation.op for operation in trace.operations if operation.raised] == []
