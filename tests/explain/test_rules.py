"""Rules against PyTorch: a row is a snippet, what torch says of it, and what we say, with its lines."""

import pytest

from app.explain import explain
from tests.tracing import trace_of

LEAF = "w = torch.ones(3, requires_grad=True)"
NUMPY_TWICE = f"{LEAF}; n = torch.ones(3).numpy(); p, q = torch.from_numpy(n), torch.from_numpy(n)"
OVERWRITTEN = "modified by an inplace operation"
NORM = "m = torch.nn.BatchNorm1d(1).eval(); x = torch.randn(4, 1, requires_grad=True)"
NETS = "A = torch.nn.Linear(2, 3); B = torch.nn.Linear(3, 1); x = torch.ones(4, 2)"

# each statement becomes a line; line 1 is `import torch`
ROWS = [
    # saved-tensor-overwritten
    (f"{LEAF}; y = w.sigmoid(); y.add_(1); y.sum().backward()", {"saved-tensor-overwritten": (4, 3, 5)}, OVERWRITTEN),
    (
        f"{LEAF}; y = w.sigmoid(); y[0].add_(1); y.sum().backward()",
        {"saved-tensor-overwritten": (4, 3, 5)},
        OVERWRITTEN,
    ),
    (f"{LEAF}; y = w.sigmoid(); y[0] = 1; y.sum().backward()", {"saved-tensor-overwritten": (4, 3, 5)}, OVERWRITTEN),
    (
        f"{LEAF}; y = w.sigmoid(); c = y.detach(); c.zero_(); y.sum().backward()",
        {"saved-tensor-overwritten": (5, 3, 6)},
        OVERWRITTEN,
    ),
    (f"{LEAF}; y = w.sigmoid(); y.sum().backward(); y.detach().add_(1)", {}, None),  # backward had read it
    (f"{LEAF}; y = w * 2; y += 1; y.sum().backward()", {}, None),  # nothing saved y
    (
        f"{LEAF}; x = torch.ones(3); y = w * x; x.add_(1); y.sum().backward()",
        {"saved-tensor-overwritten": (5, 4, 6)},
        OVERWRITTEN,
    ),
    (f"{LEAF}; x = torch.ones(3); y = w + x; x.add_(1); y.sum().backward()", {}, None),  # + saves nothing
    # write-hidden-by-data
    (f"{LEAF}; y = w.sigmoid(); y.data.add_(1); y.sum().backward()", {"write-hidden-by-data": (4, 3, 5)}, None),
    (
        f"{LEAF}; y = w.sigmoid(); c = y.data; c[1:].zero_(); y.sum().backward()",
        {"write-hidden-by-data": (5, 4, 3, 6)},
        None,
    ),
    (f"{LEAF}; y = w.sigmoid(); c = y.data.clone(); c.zero_(); y.sum().backward()", {}, None),
    (f"{LEAF}; y = w.sigmoid(); y.data.add_(0); y.sum().backward()", {}, None),  # contents are as saved
    (f"{LEAF}; y = w.sigmoid(); y.sum().backward(); y.data.add_(1)", {}, None),
    (f"{LEAF}; y = w * 2; y.data.add_(1); y.sum().backward()", {"hidden-write": (4, 3, 5)}, None),  # nothing saved y
    (
        f"{LEAF}; x = torch.ones(3); y = (x * w).sum(); x.data = torch.zeros(3); y.backward()",
        {"write-hidden-by-data": (5, 4, 6)},
        None,
    ),
    # write-hidden-by-alias
    (
        f"{LEAF}; x = torch.ones(3); n = x.numpy(); y = (x * w).sum(); n[:] = 7; y.backward()",
        {"write-hidden-by-alias": (6, 5, 7)},
        None,
    ),
    (
        f"{NUMPY_TWICE}; y = (p * w).sum(); q.zero_(); y.backward()",
        {"write-hidden-by-alias": (6, 5, 7)},
        None,
    ),
    (f"{LEAF}; x = torch.ones(3); n = x.numpy(); y = (x * w).sum(); y.backward(); n[:] = 7", {}, None),
    (
        f"{NORM}; y = m(x); m.train(); z = m(x); y.sum().backward()",
        {"buffer-overwritten-unversioned": (6, 4, 7)},  # two buffers, one line
        None,
    ),
    # graph-cut
    (f"{NETS}; B(A(x).detach()).sum().backward()", {"graph-cut": (5,)}, None),
    (f"{NETS}; h = A(x); h.detach_(); B(h).sum().backward()", {"graph-cut": (6,)}, None),
    (f"{NETS}; B(A(x).data).sum().backward()", {"graph-cut": (5,)}, None),
    (f"{NETS}; B(A(x)).sum().backward(); log = A(x).detach().sum()", {}, None),  # the loss does not depend on it
    (f"{NETS}; B(A(x)).sum().backward(); B(A(x).detach()).sum().backward()", {}, None),  # A had its gradient
    (f"{LEAF}; y = w + (w.round() - w).detach(); y.sum().backward()", {}, None),  # straight through
    # leaf-without-gradient
    (f"{LEAF}; v = torch.ones(3, requires_grad=True); (w * 2).sum().backward()", {"leaf-without-gradient": (4,)}, None),
    (f"{LEAF}; v = torch.ones(3); (w * v).sum().backward()", {}, None),
    (f"{LEAF}; (w * 2).sum().backward(); w.grad = None", {}, None),  # it had one
    (f"{LEAF}; v = torch.ones(3, requires_grad=True); torch.autograd.grad((w * 2).sum(), w)", {}, None),
    (
        f"{LEAF}; v = torch.ones(3, requires_grad=True); s = w.sum().item(); (v * s).sum().backward()",
        {"graph-cut": (4,)},  # by a number, which came back
        None,
    ),
    # non-leaf-grad-read
    (f"{LEAF}; y = w * 2; y.sum().backward(); g = y.grad", {"non-leaf-grad-read": (5, 3)}, None),
    (f"{LEAF}; y = w * 2; y.retain_grad(); y.sum().backward(); g = y.grad", {}, None),
    (f"{LEAF}; y = w * 2; y.sum().backward(); g = w.grad", {}, None),
    # inplace-on-leaf
    (f"{LEAF}; w += 1", {"inplace-on-leaf": (3, 2)}, "a leaf Variable that requires grad"),
    (f"{LEAF}; w.zero_()", {"inplace-on-leaf": (3, 2)}, "a leaf Variable that requires grad"),
    (f"{LEAF}; torch.no_grad().__enter__(); w += 1", {}, None),
    # backward-twice
    (f"{LEAF}; y = (w * w).sum(); y.backward(); y.backward()", {"backward-twice": (5, 4, 3)}, "a second time"),
    (f"{LEAF}; y = (w * w).sum(); y.backward(retain_graph=True); y.backward()", {}, None),
    (f"{LEAF}; y = (w + w).sum(); y.backward(); y.backward()", {}, None),  # nothing was saved
    # nothing-to-differentiate
    (f"{LEAF}; y = w.detach().sum(); y.backward()", {"nothing-to-differentiate": (3, 4)}, "does not require grad"),
    ("w = torch.ones(3); w.sum().backward()", {"nothing-to-differentiate": (3,)}, "does not require grad"),
    (
        f"{LEAF}; y = torch.tensor((w * w).sum().item()); y.backward()",
        {"nothing-to-differentiate": (3, 4)},
        "does not require grad",
    ),
    (
        f"import numpy as np; {LEAF}; n = np.square(w.detach().numpy()); torch.from_numpy(n).sum().backward()",
        {"nothing-to-differentiate": (4, 5)},
        "does not require grad",
    ),
    # and three more errors
    (f"{LEAF}; (w * 2).backward()", {"backward-needs-scalar": (3,)}, "implicitly created only for scalar"),
    (f"{LEAF}; w.numpy()", {"numpy-on-requires-grad": (3,)}, "Can't call numpy()"),
    (
        f"{LEAF}; v = torch.ones(3, requires_grad=True); torch.autograd.grad((w * 2).sum(), v)",
        {"unused-input": (4,)},
        "appears to not have been used",
    ),
    (f"{LEAF}; torch.ones(2) + torch.ones(3)", {}, "must match the size"),  # not autograd's
]


@pytest.mark.parametrize(("snippet", "expected", "torch_says"), ROWS, ids=[row[0] for row in ROWS])
def test_rules_agree_with_torch(snippet: str, expected: dict[str, tuple[int, ...]], torch_says: str | None) -> None:
    trace = trace_of("import torch\n" + "\n".join(snippet.split("; ")))
    error = trace.outcome.error
    assert (error is None) == (torch_says is None), error
    assert torch_says is None or (error and torch_says in error.message)
    assert {diagnosis.rule: diagnosis.lines for diagnosis in explain(trace)} == expected


def test_names_and_lines_are_the_readers() -> None:
    trace = trace_of(
        "import torch\na = torch.ones(2, requires_grad=True)\n"
        "out = a.sigmoid()\nc = out.data\nc.zero_()\nout.sum().backward()"
    )
    (found,) = explain(trace)
    assert found.severity == "wrong"
    for said in ("Line 3 saved `out`", "`zero_` on line 5", "through `c`", "`.data` on line 4", "line 6"):
        assert said in found.cause


def test_an_under_no_grad_teacher_is_only_a_note() -> None:
    trace = trace_of(
        "import torch\nA = torch.nn.Linear(2, 1)\nB = torch.nn.Linear(2, 1)\nx = torch.ones(4, 2)\n"
        "with torch.no_grad():\n    target = A(x)\n(B(x) - target).pow(2).sum().backward()"
    )
    assert [(found.rule, found.severity) for found in explain(trace)] == [("deliberate-cut", "note")]


LOOP = "\nfor _ in range(2):\n    "
STATE = f"h = torch.zeros(3){LOOP}h = (h * w + 1).tanh()\n    h.sum().backward()"
SWITCHED_OFF = f"torch.set_grad_enabled(False)\n{LEAF}\n(w * 2).sum().backward()"
OTHER = "v = torch.ones(3, requires_grad=True)"
LAYERS = (
    "net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))"
    "\noptimizer = torch.optim.SGD(net.parameters())"
    "\nfirst = net(torch.ones(2)).sum()\nsecond = net(torch.ones(2)).sum()"
    "\nfirst.backward()\noptimizer.step()\nsecond.backward()"
)


@pytest.mark.parametrize(
    ("snippet", "cause", "fix"),
    [
        (LAYERS, "saved a view of `net.1.weight`", "Run backward before line 7"),  # a clone would not help
        (f"{LEAF}\n{STATE}", "in a later pass", "with `.detach()`"),  # the forward was run again
        (f"{LEAF}\ny = (w * w).sum(){LOOP}y.backward()", "in a later pass", "Run the forward again"),
        (f"{LEAF}\ny = (w * w).sum()\nw.data = w + 1\ny.backward()", "assigning to `.data`", "Assign to `.data` after"),
        (SWITCHED_OFF, "grad mode off", "grad mode on"),  # not by no_grad
        (f"{LEAF}\n{OTHER}\nwith torch.no_grad(): k = w * 2\n(k * v).sum().backward()", "takes `k`", "run line 4 with"),
    ],
)
def test_the_fix_suits_what_happened(snippet: str, cause: str, fix: str) -> None:
    (found,) = explain(trace_of(f"import torch\n{snippet}"))
    assert cause in found.cause
    assert fix in found.fix


def test_a_line_of_a_loop_is_told_of_once() -> None:
    snippet = f"{LEAF}{LOOP}y = w * 2\n    y.sum().backward()\n    print(y.grad)"
    assert [found.rule for found in explain(trace_of(f"import torch\n{snippet}"))] == ["non-leaf-grad-read"]


def test_a_buffer_that_no_counter_follows_has_no_other_counter() -> None:
    snippet = f"import torch; {NORM}; y = m(x); m.train(); m(x); y.sum().backward()"
    (found,) = explain(trace_of(snippet.replace("; ", "\n")))
    assert "`batch_norm` on line 6 wrote `m.running_mean` and counted no write" in found.cause
    assert "Run line 6 after backward on line 7" in found.fix


def test_a_backward_before_the_write_is_not_accused() -> None:
    first, write, second = "y.sum().backward(retain_graph=True)", "y.data.zero_()", "y.sum().backward()"
    (found,) = explain(trace_of(f"import torch\n{LEAF}\ny = w.exp()\n{first}\n{write}\n{second}"))
    assert (found.rule, found.lines) == ("write-hidden-by-data", (5, 3, 6))


def test_the_copy_of_an_average_wants_no_gradient() -> None:
    snippet = (
        "w = torch.nn.Parameter(torch.ones(2))\naverage = torch.nn.Parameter(torch.ones(2))\n(w * w).sum().backward()"
        "\nwith torch.no_grad(): average.lerp_(w, 0.1)"
    )
    assert explain(trace_of(f"import torch\n{snippet}")) == ()


FREEZE = "w.requires_grad_(False)"
THAW = "x = torch.ones(3); y = w * x; x.requires_grad_(); y.sum().backward()"


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        (
            f"{NETS}; y = B(A(x)); B.weight.data.zero_(); y.sum().backward()",
            "Line 5 saved a view of `B.weight` for backward",
        ),
        (
            f"{LEAF}; y = w.exp(); torch.nn.functional.dropout(y, 0.5, True, inplace=True); y.sum().backward()",
            "Give a `.clone()` of `y` to line 4",
        ),
        (f"{LEAF}; y = w * 2; {FREEZE}; y.sum().backward(); print(w.grad)", "Line 4 turned `requires_grad` off"),
        (f"{LEAF}; {THAW}", "`x` did not require grad when line 4 computed with it. Line 5 turned that on afterwards"),
        (
            f"{LEAF}; parts = [w.sum(), w.prod()]; torch.tensor(parts).sum().backward()",
            "line 4 took `parts[0]` and `parts[1]` out of it by copying values into a new tensor",
        ),
        (f"{LEAF}; parts = [w.sum(), w.prod()]; torch.tensor(parts).sum().backward()", "Use `torch.stack()` on line 4"),
        (f"{LEAF}; y = (w > 0).float(); y.sum().backward()", "Use an operator on line 3 that has a derivative"),
    ],
)
def test_what_is_said_names_the_lines_that_did_it(statements: str, says: str) -> None:
    lines = "\n".join(statements.split("; "))
    first, *_ = explain(trace_of(f"import torch\n{lines}"))
    assert says in f"{first.cause} {first.fix}"


WRITER = "def forward(w):\n    y = w.sigmoid()\n    {}\n    return y\nw = torch.ones(3, requires_grad=True)\n{}"


@pytest.mark.parametrize(
    ("write", "backward", "rule", "lines"),
    [
        ("y.data.zero_()", "forward(w).sum().backward()", "write-hidden-by-data", (4, 3, 7)),
        ("y.mul_(2)", "forward(w).sum().backward()", "saved-tensor-overwritten", (4, 3, 7)),
        ("y = torch.tensor(y.sum().item())", "forward(w).backward()", "nothing-to-differentiate", (4, 7)),
        (  # caught by the reader: backward was refused all the same
            "y.mul_(2)",
            "try: forward(w).sum().backward()\nexcept RuntimeError: pass",
            "saved-tensor-overwritten",
            (4, 3, 7),
        ),
    ],
)
def test_backward_on_the_line_that_ran_the_forward(
    write: str, backward: str, rule: str, lines: tuple[int, ...]
) -> None:
    (found,) = explain(trace_of(f"import torch\n{WRITER.format(write, backward)}"))
    assert (found.rule, found.lines) == (rule, lines)
