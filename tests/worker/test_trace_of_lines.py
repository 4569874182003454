"""What the Trace tells line by line: steps, writes, and the reader's own names."""

from textwrap import dedent

import pytest

from tests.worker import told_by_trace
from tests.worker.conftest import Traced
from tests.worker.plain_run import Plain
from tests.worker.rows import ROWS

# What was written where: line, operator, the reader's name for what it went through, the version it made.
WRITES = {
    "x = torch.zeros(2); x.add_(1); x[0] = 5; x += x": [
        (3, "add_", "x", 1),
        (4, "__setitem__", "x", 2),
        (5, "add_", "x", 3),
    ],
    "x = torch.zeros(2); y = x.data; y.fill_(3); z = x.detach(); z.mul_(2)": [
        (4, "fill_", "y", 1),
        (6, "mul_", "z", 1),
    ],
    "x = torch.zeros(4); v = x[1:3]; v.zero_(); v.t().add_(1)": [(4, "zero_", "v", 1), (5, "add_", "v.t()", 2)],
    "a = torch.zeros(2); b = torch.ones(2); torch.add(a, b, out=a)": [(4, "add", "a", 1)],
    "x = torch.zeros(3); array = x.numpy(); array[1] = 7; array += 1": [
        (4, "(not an operator)", "array", None),
        (5, "(not an operator)", "array", None),
    ],
    "x = torch.zeros(3); x.numpy()[0] = 1; y = x + 1": [(3, "(not an operator)", None, None)],
    "x = torch.zeros(2); y = torch.from_dlpack(x); y.add_(1)": [(4, "add_", "y", 1)],
    "x = torch.zeros(2); x.untyped_storage().fill_(1); y = x * 1": [(3, "(not an operator)", None, None)],
    "a, b = torch.zeros(2), torch.ones(2); torch._foreach_add_([a, b], 1)": [
        (3, "_foreach_add_", "a", 1),
        (3, "_foreach_add_", "b", 1),
    ],
    "w = torch.ones(2, requires_grad=True); w.sum().backward(); opt = torch.optim.SGD([w], lr=1.); opt.step()": [
        (5, "add_", "w", 1)
    ],
    "w = torch.ones(2, requires_grad=True); w.sum().backward(); g = w.grad; (w * 2).sum().backward()": [
        (5, "AccumulateGrad", "g", 2)
    ],
    "x = torch.zeros(2); y = torch.zeros(3); x.data = y": [(4, ".data=", "x", None)],
    "x = torch.zeros(2); x.resize_(5); x.fill_(1)": [(3, "resize_", "x", 1), (4, "fill_", "x", 2)],
    "x = torch.zeros(2); y = x + 1; z = y.clone(); v = x.t(); x.requires_grad_(); x.retain_grad()": [],
    "x = torch.zeros(2, requires_grad=True); torch.nn.init.ones_(x); x.data.mul_(3)": [
        (3, "fill_", "x", 1),
        (4, "mul_", "x.data", 1),
    ],
    "bn = torch.nn.BatchNorm1d(2); bn.eval(); y = bn(torch.ones(1, 2)); bn.train(); z = bn(torch.rand(3, 2))": [
        (6, "add_", "bn.num_batches_tracked", 2),
        (6, "batch_norm", "bn.running_mean", None),
        (6, "batch_norm", "bn.running_var", None),
    ],
    "f = torch.nn.Embedding(3, 2, max_norm=.1); y = f(torch.tensor([1]))": [(3, "embedding", "f.weight", 2)],
    "x = torch.ones(2).requires_grad_(); y = x.clone(); y.clamp_(min=2).relu_()": [
        (4, "clamp_", "y", 1),
        (4, "relu_", "y", 2),
    ],
    "from torch import inference_mode as i; x = i()(torch.ones)(2); i()(x.add_)(1); i()(torch.add)(x, 1, out=x)": [
        (4, "add_", "x", None),
        (5, "add", "x", None),
    ],
    "import torch.nn.functional as F; x = torch.ones(2); y = F.relu(x, inplace=True)": [(4, "relu", "x", 1)],
    "x = torch.ones(3); x[:0] = 1; x[torch.tensor([False, False, False])] = 5": [
        (3, "__setitem__", "x", 1),
        (4, "__setitem__", "x", 2),
    ],
    "from numpy import zeros; a = zeros(2); x = torch.from_numpy(a); y = torch.from_numpy(a); x.add_(1); a[0] = 9": [
        (6, "add_", "x", 1),
        (7, "(not an operator)", "a", None),
    ],
}


@pytest.mark.parametrize(("statements", "expected"), WRITES.items())
def test_writes_are_listed_where_they_happened(statements: str, expected: list[object], traced: Traced) -> None:
    trace = traced("\n".join(["import torch", *statements.split("; ")]))
    assert trace.outcome.error is None
    assert [write for write in told_by_trace.writes(trace) if write[0] > 2] == expected  # line 2 only makes things


@pytest.mark.parametrize("row", ROWS)
def test_every_write_that_plain_torch_shows_is_listed(row: str, plain: Plain, traced: Traced) -> None:
    """Before each line the judge looks whose counter moved and whose memory differs; so must the Trace have it."""
    source = "import torch\n" + dedent(ROWS[row]).lstrip("\n")
    plain.ask(source, lines=True)
    try:
        trace = traced(source)
    finally:
        told = plain.answer()
    assert told["error"] is None
    for line, names in told["written"]:
        for name in names:
            assert told_by_trace.wrote(trace, line, name), (line, name)
    written = dict(map(tuple, told["written"]))
    for line, called in told_by_trace.counted(trace):
        assert called & set(written.get(line, ())), (line, called)


# The names that the reader would use, first bound first, by the shape that tells the tensors apart.
NAMES = {
    "a = torch.ones(1); b = a; c = [a]": {1: ["a", "b", "c[0]"]},
    "p = [torch.ones(1), torch.ones(2)]; d = {'k': torch.ones(3), 4: torch.ones(4)}": {
        1: ["p[0]"],
        2: ["p[1]"],
        3: ["d['k']"],
        4: ["d[4]"],
    },
    "p = [torch.ones(1)]; p[0] = torch.ones(2); p.append(torch.ones(3))": {1: ["p[0]"], 2: ["p[0]"], 3: ["p[1]"]},
    "d = {'k': torch.ones(1)}; d['k'] = torch.ones(2)": {1: ["d['k']"], 2: ["d['k']"]},
    "m = torch.nn.Sequential(torch.nn.Linear(3, 5)); y = m(torch.ones(2, 3))": {
        (5, 3): ["m.0.weight"],
        5: ["m.0.bias"],
        (2, 5): ["y"],
    },
    "m = torch.nn.Linear(1, 3); m.weight = torch.nn.Parameter(torch.ones(7, 1))": {
        (3, 1): ["m.weight"],
        (7, 1): ["m.weight"],
        3: ["m.bias"],
    },
    "class S: pass; s = S(); s.t = torch.ones(3); s.u = [torch.ones(4)]": {3: ["s.t"], 4: ["s.u[0]"]},
    "x, (y, *z) = torch.ones(1), [torch.ones(2), torch.ones(3)]; del x": {1: ["x"], 2: ["y"], 3: ["z[0]"]},
    "a = torch.ones(1); a = a.expand(2); a = a.repeat(3)": {1: ["a"], 2: ["a"], 6: ["a"]},
    "def f(t): u = t.repeat(2); return u.repeat(2); y = f(torch.ones(1))": {1: ["t"], 2: ["u"], 4: ["y"]},
    "for i in range(3): outs = [torch.ones(i + 1)]": {1: ["outs[0]"], 2: ["outs[0]"], 3: ["outs[0]"]},
}


@pytest.mark.parametrize(("statements", "expected"), NAMES.items())
def test_names_are_the_readers_own(statements: str, expected: dict[object, list[str]], traced: Traced) -> None:
    lines = []
    for statement in statements.split("; "):
        head, colon, rest = statement.partition(": ")
        if head.startswith(("def", "class", "for")) and colon:
            lines += [f"{head}:", f"    {rest}"]
        else:
            lines.append(f"    {statement}" if statement.startswith("return") else statement)
    trace = traced("\n".join(["import torch", *lines]))
    assert trace.outcome.error is None
    named = {}
    for tensor in trace.tensors.values():
        if tensor.names:
            named[tensor.shape[0] if len(tensor.shape) == 1 else tensor.shape] = list(tensor.names)
    assert named == expected


# Each with one statement a line, so that a statement and a line are the same.
STEPS = {
    "straight": """
        x = 1
        y = x + 1
        print(x, y)
        z = [1, 2]
        assert z
        del x
    """,
    "for": """
        for i in range(3):
            x = i
        y = 1
    """,
    "while and continue": """
        i = 0
        while i < 4:
            i += 1
            if i == 2:
                continue
            x = i
        y = 1
    """,
    "break and else": """
        for i in range(3):
            if i == 1:
                break
        else:
            x = 1
        for j in range(1):
            pass
        else:
            y = 1
    """,
    "functions": """
        def f(n):
            if n == 0:
                return 0
            return f(n - 1) + 1
        y = f(2)
    """,
    "generator": """
        def g():
            for i in range(2):
                yield i
        for i in g():
            x = i
        y = list(g())
    """,
    "try": """
        try:
            x = 1
            y = 2
        finally:
            z = 3
    """,
    "elif": """
        x = 2
        if x == 1:
            y = 1
        elif x == 2:
            y = 2
        else:
            y = 3
    """,
}


@pytest.mark.parametrize("row", STEPS)
def test_steps_are_the_lines_that_a_tracer_sees(row: str, plain: Plain, traced: Traced) -> None:
    source = dedent(STEPS[row]).lstrip("\n")
    plain.ask(source, lines=True)
    try:
        trace = traced(source)
    finally:
        told = plain.answer()
    assert [step.line for step in trace.steps] == told["lines"]
    assert trace.outcome.error is None
