"""What moments say, word for word: near misses beside hits."""

import pytest
from msgspec.structs import replace

from app.explain.narrate import Narrator, Telling
from app.trace.history import History
from app.trace.model import Outcome
from app.web.prose import prose
from tests.tracing import trace_of

A = "a = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)"
SIGMOID = f"{A}; out = a.sigmoid()"
REFUSED = (
    "SigmoidBackward0 was to read `out`, saved at version 0; its counter is at 1, so backward refuses and raises. "
    "Line 6 raised `RuntimeError`, which ends the run."
)
BACK = "line 6, backward through "


def tellings(source: str) -> list[Telling]:
    history = History(trace_of(source))
    narrator = Narrator(history)
    return [narrator.tell(moment) for moment in range(1, history.moments.count + 1)]


def by_place(source: str) -> dict[str, str]:
    """What was said at each place, the last time there."""
    return {telling.place: telling.text for telling in tellings(source)}


def lines(statements: str) -> str:
    """Each statement a line, after `import torch` on line 1."""
    return "\n".join(["import torch", *statements.split("; ")])


# each statement is a line; line 1 is `import torch`
ROWS = [
    (
        f"{A}; h = a * 2; h.register_hook(print)",
        {"line 4": "Line 4: `register_hook` put a hook on the gradient of `h`."},
    ),
    # what was made, and from what
    ("x = 1", {"line 1": "Line 1: nothing here is recorded by autograd.", "line 2": "Line 2: `x` is 1."}),
    (A, {"line 2": "Line 2: `tensor` made `a`, a leaf that requires grad, with 3 elements."}),
    ("a = torch.ones(64, 20)", {"line 2": "Line 2: `ones` made `a`, with 64 × 20 elements."}),
    ("torch.ones(())", {"line 2": "Line 2: `ones` made `torch.ones(())`, with 1 element."}),
    (
        SIGMOID,
        {"line 3": "Line 3: `sigmoid` made `out` from `a`. SigmoidBackward0 keeps `out` for backward, at version 0."},
    ),
    (
        "a = torch.ones(3); b = torch.zeros_like(a, requires_grad=True)",
        {"line 3": "Line 3: `zeros_like` made `b`, a leaf that requires grad, from `a`."},
    ),
    (
        f"{A}; b = (a * 2).detach().requires_grad_()",
        {
            "line 3": "Line 3: `.detach()` gave `b`: the memory of `a * 2`, its version counter too, and no graph. "
            "`mul` and `.detach()` made `b`, a leaf that requires grad, from `a`."
        },
    ),
    (
        f"{A}; opt = torch.optim.SGD([a]); opt.step()",
        {"line 4": "Line 4: the SGD found a gradient at none of its parameters."},
    ),
    ("m = torch.nn.BatchNorm1d(2)", {"line 2": "Line 2: `m.weight` and `m.bias` are new, leaves that require grad."}),
    (f"{A}; b = a + a", {"line 3": "Line 3: `add` made `b` from `a`, and recorded AddBackward0."}),
    ("a = torch.ones(3); b = a + a", {"line 3": "Line 3: `add` made `b` from `a`."}),  # nothing to record
    (f"{A}; b = a * 2", {"line 3": "Line 3: `mul` made `b` from `a`. MulBackward0 keeps the number 2 for backward."}),
    (
        f"{A}; b = (a * a).sum()",
        {"line 3": "Line 3: `mul` and `sum` made `b` from `a`. MulBackward0 keeps `a` for backward, at version 0."},
    ),
    (
        f"{A}; b, c = a.sum(), a.exp()",
        {
            "line 3": "Line 3: `sum` and `exp` made `b` and `c` from `a`. "
            "ExpBackward0 keeps `c` for backward, at version 0."
        },
    ),
    (
        "m = torch.nn.Linear(2, 1)",
        {"line 2": "Line 2: `m.weight` and `m.bias` are new, leaves that require grad."},
    ),
    # views
    (
        "x = torch.ones(3, 2); row = x[1]",
        {
            "line 3": "Line 3: `x[1]` gave `row`, a view of `x`: the same memory, offset 2, "
            "and its writes count for `x` too."
        },
    ),
    (
        "x = torch.ones(3, 2); y = x.view(6)",
        {
            "line 3": "Line 3: `view` gave `y`, a view of `x`: the same memory, offset 0, "
            "and its writes count for `x` too."
        },
    ),
    (
        "x = torch.ones(3, 2); y = x.t().reshape(6)",
        {"line 3": "Line 3: `t` and `reshape` made `y` from `x`."},
    ),  # a copy
    ("x = torch.ones(3); y = x.contiguous()", {"line 3": "Line 3: `contiguous` gave `x` itself back."}),
    ("x = torch.ones(3); y = x", {"line 3": "Line 3: `y` is the same tensor as `x`."}),
    ("x = torch.ones(3); del x", {"line 3": "Line 3: `x` no longer names a tensor."}),
    # out of the graph
    (
        f"{SIGMOID}; c = out.data",
        {"line 4": "Line 4: `.data` gave `c`: the memory of `out`, no graph, and a version counter of its own."},
    ),
    (
        f"{SIGMOID}; c = out.detach()",
        {"line 4": "Line 4: `.detach()` gave `c`: the memory of `out`, its version counter too, and no graph."},
    ),
    (
        "x = torch.ones(3); c = x.detach()",  # there was no graph to lose
        {"line 3": "Line 3: `.detach()` gave `c`: the memory of `x`, and its version counter too."},
    ),
    (
        f"{SIGMOID}; c = out.detach().clone()",
        {
            "line 4": "Line 4: `.detach()` gave `out.detach()`: the memory of `out`, its version counter too, "
            "and no graph. `.detach()` and `clone` made `c` from `out`."
        },
    ),
    (
        f"{A}; v = a.sum().item()",
        {
            "line 3": "Line 3: `.item()` read `a.sum()` as the number 6, which has no graph. "
            "`sum` made `a.sum()` from `a`, and recorded SumBackward0."
        },
    ),
    ("x = torch.ones(()); v = x.item()", {"line 3": "Line 3: `.item()` read `x` as the number 1."}),
    (
        "x = torch.ones(3); n = x.numpy()",
        {"line 3": "Line 3: `.numpy()` handed `x` to numpy, whose writes autograd does not see."},
    ),
    # writes
    (
        f"{SIGMOID}; c = out.data; c.zero_()",
        {
            "line 5": "Line 5: `zero_` wrote the 3 elements that `out` and `c` share, through `c`. "
            "`out`'s counter stays 0."
        },
    ),
    (
        f"{SIGMOID}; c = out.detach(); c.zero_()",
        {
            "line 5": "Line 5: `zero_` wrote the 3 elements that `out` and `c` share, through `c`. "
            "The counter that they share goes from 0 to 1."
        },
    ),
    (
        f"{SIGMOID}; out.data.zero_()",
        {"line 4": "Line 4: `zero_` wrote the 3 elements of `out` through `out.data`. `out`'s counter stays 0."},
    ),
    (
        f"{SIGMOID}; c = out.data.clone(); c.zero_()",  # a copy: its own memory
        {"line 5": "Line 5: `zero_` wrote the 3 elements of `c`: now 0 0 0. Its counter goes from 0 to 1."},
    ),
    (
        "x = torch.zeros(5); x[0] = 1",
        {"line 3": "Line 3: `x[0] = …` wrote into `x`. Its counter goes from 0 to 1."},
    ),
    (
        "x = torch.zeros(4); x[:2].add_(1)",
        {
            "line 3": "Line 3: `add_` wrote 2 elements of `x` through `x[:2]`. "
            "The counter that they share goes from 0 to 1."
        },
    ),
    (
        "x = torch.zeros(4); y = x[:2]; x.add_(1)",
        {
            "line 4": "Line 4: `add_` wrote the 4 elements of `x`, and `y` sees 2 of them. "
            "The counter that they share goes from 0 to 1."
        },
    ),
    (
        "x = torch.zeros(4); y = x[:2]; x[2:].add_(1)",  # other cells
        {
            "line 4": "Line 4: `add_` wrote 2 elements of `x` through `x[2:]`. "
            "The counter that they share goes from 0 to 1."
        },
    ),
    (
        "x = torch.zeros(2); y = x.data; z = x.detach(); z.add_(1)",
        {
            "line 5": "Line 5: `add_` wrote the 2 elements that `x`, `y` and `z` share, through `z`. "
            "`z`'s counter goes from 0 to 1, and `y`'s stays 0."
        },
    ),
    (
        "x = torch.ones(2); n = x.numpy(); n[0] = 5",
        {
            "line 4": "Line 4: the memory of `x`, over which the array `n` lies, was changed by nothing that counts "
            "writes. `x`'s counter stays 0."
        },
    ),
    (
        "x = torch.ones(2); x.data = torch.zeros(2)",
        {"line 3": "Line 3: assigning to `.data` put other memory under `x`. Its counter stays 0."},
    ),
    (
        "x = torch.ones(2, 3); x.t_()",
        {"line 3": "Line 3: `t_` gave `x` another shape, in place. Its counter goes from 0 to 1."},
    ),
    ("x = torch.empty(2).fill_(1)", {"line 2": "Line 2: `empty` made `x`, with 2 elements."}),  # fills a result
    # whether recording is on
    (
        f"{A}; torch.set_grad_enabled(False); b = a * 2",
        {"line 4": "Line 4: `mul` made `b` from `a`, without a graph: recording is off (`no_grad`)."},
    ),
    ("torch.set_grad_enabled(False); x = 1", {"line 3": "Line 3: `x` is 1. Recording is off here (`no_grad`)."}),
    ("torch.set_grad_enabled(True); x = 1", {"line 3": "Line 3: `x` is 1."}),
    ("x = torch.ones(2); x.requires_grad_()", {"line 3": "Line 3: `x` requires grad from here on."}),
    (f"{A}; a.requires_grad = False", {"line 3": "Line 3: `a` no longer requires grad."}),
    # gradients
    (f"{A}; a.sum().backward(); a.grad = None", {"line 4": "Line 4: `a.grad` is None from here on."}),
    (f"{A}; a.sum().backward(); print(a.grad)", {"line 4": "Line 4: `a.grad` is read: 1 1 1."}),
    (f"{A}; print(a.grad)", {"line 3": "Line 3: `a.grad` is read, and is None."}),
    # backward, node by node
    (
        f"{SIGMOID}; c = out.data; c.zero_(); out.sum().backward()",
        {
            "line 6": "Line 6: `sum` made `out.sum()`, and backward starts from it.",
            f"{BACK}SumBackward0": "Backward runs SumBackward0: it received 1 and passes 1 1 1 to SigmoidBackward0.",
            f"{BACK}SigmoidBackward0": "SigmoidBackward0 reads `out`: saved at version 0, still 0, so the check "
            "passes, but its contents changed since. It passes 0 0 0 to `a`.",
            f"{BACK}AccumulateGrad": "AccumulateGrad puts 0 0 0 into `a.grad`.",
        },
    ),
    (f"{SIGMOID}; c = out.detach(); c.zero_(); out.sum().backward()", {f"{BACK}SigmoidBackward0": REFUSED}),
    (
        f"{A}; b = a * a; b.sum().backward(); l = (a * 2).sum(); l.backward()",
        {
            "line 6": "Line 6: backward starts from `l`.",
            "line 4, backward through MulBackward0": "MulBackward0 reads `a`: saved at version 0, still 0, so the "
            "check passes. It received 1 1 1 and passes 1 2 3 to `a` twice.",
            f"{BACK}AccumulateGrad": "AccumulateGrad adds 2 2 2: `a.grad` is now 4 6 8.",
        },
    ),
    (
        f"{A}; b = a.exp(); b.sum().backward(); b.sum().backward()",
        {
            "line 5, backward through ExpBackward0": "ExpBackward0 finds what it had saved gone: an earlier backward "
            "freed it, so this one raises. Line 5 raised `RuntimeError`, which ends the run."
        },
    ),
    (
        f"{A}; g = torch.autograd.grad(a.sum(), a)",
        {"line 3": "Line 3: backward starts from `a.sum()`, for the gradient of `a`."},
    ),
    # ends
    (f"{A}; a.add_(1)", {"line 3": "Line 3: `add_` on `a` raised `RuntimeError`, which ends the run."}),
    ("1 / 0", {"line 2": "Line 2 raised `ZeroDivisionError`, which ends the run."}),
    (
        f"{A}; a.backward()",
        {"line 3": "Line 3: `backward` on `a` raised `RuntimeError`, which ends the run."},
    ),
]


@pytest.mark.parametrize(("statements", "said"), ROWS)
def test_a_line_says_what_it_did(statements: str, said: dict[str, str]) -> None:
    found = by_place(lines(statements))
    assert {place: found.get(place) for place in said} == said


LOOP = """\
import torch
w = torch.ones(2, requires_grad=True)
for i in range(2):
    if i:
        loss = w.sum()
    print(i)
print("over")
"""


def test_a_line_in_a_loop_says_which_pass_of_the_loop_it_is() -> None:
    assert [telling.text for telling in tellings(LOOP)[2:]] == [
        "Line 3, pass 1: `i` is 0.",
        "Line 4, pass 1: nothing here is recorded by autograd.",
        "Line 6, pass 1: nothing here is recorded by autograd.",
        "Line 3, pass 2: `i` is 1.",
        "Line 4, pass 2: nothing here is recorded by autograd.",
        "Line 5, pass 2: `sum` made `loss` from `w`, and recorded SumBackward0.",  # its first run, in the second pass
        "Line 6, pass 2: nothing here is recorded by autograd.",
        "Line 3: the loop ends.",
        "Line 7: nothing here is recorded by autograd.",
    ]


CALLS = """\
import torch
def f(x):
    y = x * x
    return y.sum()
w = torch.ones(2, requires_grad=True)
l = f(w) + f(w)
"""


def test_a_function_is_entered_and_what_its_result_goes_into_is_told() -> None:
    told = [(telling.place, telling.text) for telling in tellings(CALLS)[3:]]
    kept = "`mul` made `y` from `x`. MulBackward0 keeps `x` for backward, at version 0."
    summed = "Line 4 in `f`: `sum` made `y.sum()` from `y`, and recorded SumBackward0."
    assert told == [
        ("line 6", "Line 6: it enters `f`."),
        ("line 3 in f, call 1", f"Line 3 in `f`, entered from line 6: {kept}"),
        ("line 4 in f, call 1", summed),
        ("line 3 in f, call 2", f"Line 3 in `f`, entered from line 6: {kept}"),
        (
            "line 4 in f, call 2",
            f"{summed} Then, on line 6: `add` made `l` from `y.sum()`, and recorded AddBackward0.",
        ),
    ]


TRAINING = """\
import torch
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model(torch.ones(1, 2)).sum().backward()
optimizer.step()
optimizer.zero_grad()
with torch.no_grad():
    model.weight -= 1
    print(model.weight.shape)
print("over")
"""


def test_an_optimizer_writes_what_it_was_given() -> None:
    said = by_place(TRAINING)
    assert said["line 5"] == (
        "Line 5: `optimizer.step()` wrote `model.weight` and `model.bias`. Each one's counter goes from 1 to 2."
    )
    assert said["line 6"] == "Line 6: `model.weight.grad` and `model.bias.grad` are None from here on."
    assert said["line 8"].startswith("Line 8: `sub_` wrote the 1 × 2 elements of `model.weight`: now ")
    assert said["line 8"].endswith("Its counter goes from 2 to 3. Recording is off here (`no_grad`).")
    assert said["line 9"] == "Line 9: nothing here is recorded by autograd."
    assert said["line 10"] == "Line 10: recording is on again."


HOOKS = """\
import torch
w = torch.ones(2, requires_grad=True)
y = w.exp()
def double(g):
    return g * 2
y.register_hook(double)
y.register_hook(lambda g: g + 1)
y.sum().backward()
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x ** 3
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x * x * g
z = Cube.apply(w)
z.sum().backward()
"""


def test_code_that_backward_runs_is_told_as_such() -> None:
    said = by_place(HOOKS)
    assert said["line 5 in double"] == (
        "Line 5 in `double`, run by backward: `mul` made `g * 2` from `g`. "
        "Then, on line 8: `add` made `g + 1` from `g * 2`."  # the other hook is no line of its own
    )
    assert said["line 8, backward through SumBackward0"] == (
        "Backward runs SumBackward0: it received 1 and passes 1 1 to ExpBackward0."
    )
    assert said["line 13 in forward"].endswith("Then, on line 18: CubeBackward keeps `w` for backward, at version 0.")
    assert said["line 19, backward through CubeBackward"] == (
        "CubeBackward reads `w`: saved at version 0, still 0, so the check passes. "
        "It received 1 1 and passes 3 3 to `w`."
    )
    assert said["line 16 in backward"].startswith("Line 16 in `backward`, run by backward: `x` is the same tensor")


def test_a_run_that_never_began_says_why() -> None:
    (told,) = [Narrator(History(trace_of("x = (\n"))).tell(moment) for moment in (1,)]
    assert (told.text, told.mark, told.line) == ("Line 1: `SyntaxError`. Nothing ran.", "raised", 1)


def test_a_run_that_was_stopped_says_by_what() -> None:
    trace = trace_of("x = 1\ny = 2")
    stopped = replace(trace, outcome=Outcome(kind="stopped", reason="memory", line=2))
    told = Narrator(History(stopped)).tell(2)
    assert told.mark == "stopped"
    assert told.text == (
        "The run was stopped on line 2: it asked for more memory than a run may have. Line 2: `y` is 2."
    )


def test_moments_that_there_were_not_are_taken_to_the_nearest() -> None:
    narrator = Narrator(History(trace_of("x = 1\ny = 2")))
    assert (narrator.tell(-3).moment, narrator.tell(99).moment) == (1, 2)


HOSTILE = "<b>`line 9`</b>\n\u202e" + "x" * 300


def test_a_hostile_name_stays_one_short_stretch_of_code() -> None:
    source = (
        f"import torch\nglobals()[{HOSTILE!r}] = torch.ones(3, requires_grad=True).exp()\n"
        f"E = type({HOSTILE!r}, (Exception,), {{}})\n"
        f"for value in list(globals().values()):\n    if isinstance(value, torch.Tensor): value.zero_()\n"
        f"raise E"
    )
    for told in tellings(source):
        assert "\n" not in told.text
        assert len(told.text) <= 400
        assert told.text.count("`") % 2 == 0
        assert "<b>'line 9'" in told.text or "line 9" not in told.text
        assert "\u202e" not in told.text + told.place
        assert "<b>" not in str(prose(told.text))
    assert any("`<b>'line 9'</b>" in told.text for told in tellings(source))
