"""Functions of the reader's own: those that break torch's rules, and those that keep to them."""

from tests.explain.cases import Case

MISUSE = "custom-function-misuse"


def function(forward: str, backward: str, run: str) -> str:
    """A snippet with a Function `Scale`, whose forward ends on line 6 and backward on line 10, run from line 11 on."""
    return f"""\
class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        {forward}

    @staticmethod
    def backward(ctx, grad):
        {backward}
w = torch.ones(3, requires_grad=True)
{run}"""


RUN = "Scale.apply(w, 2).sum().backward()"
BACK = "return grad * ctx.factor, None"

CASES = (
    Case(name="a custom scale that is right", source=function("return x * factor", BACK, RUN)),
    Case(
        name="a backward that returns nothing",
        source="""\
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x
    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        result = 2 * x * grad
w = torch.ones(3, requires_grad=True)
Square.apply(w).sum().backward()
print(w.grad)
""",
        finds={MISUSE: (10, 12)},
    ),
    Case(
        name="a backward that gives one of two inputs nothing",
        source=function(
            "return x * factor",
            "return grad * ctx.factor, None",
            "v = torch.ones(3, requires_grad=True)\nScale.apply(w, v).sum().backward()",
        ),
    ),
    Case(
        name="too few gradients",
        source=function("return x * factor", "return grad * ctx.factor", RUN),
        finds={MISUSE: (10, 12)},
        raises="returned an incorrect number of gradients",
    ),
    Case(
        name="a gradient for what is no tensor",
        source=function("return x * factor", "return grad, grad.sum()", RUN),
        finds={MISUSE: (10, 12)},
        raises="returned a gradient different than None at position 2",
    ),
    Case(
        name="a gradient in another shape",
        source=function("return x * factor", "return grad[:2], None", RUN),
        finds={MISUSE: (10, 12)},
        raises="returned an invalid gradient at index 0",
    ),
    Case(
        name="a gradient that broadcasting makes right",
        source=function("return x.expand(2, 3) * factor", BACK, RUN),
        grads={"w": [4.0, 4.0, 4.0]},
    ),
    Case(
        name="a number in place of a gradient",
        source=function("return x * factor", "return 2.0, None", RUN),
        finds={MISUSE: (10, 12)},
        raises="expected Variable or None",
    ),
    Case(
        name="forward in place without a mark",
        source=function("return x.mul_(factor)", BACK, "h = w.exp() + 0\nScale.apply(h, 2).sum().backward()"),
        finds={MISUSE: (6, 13)},
    ),
    Case(
        name="forward in place on a leaf without a mark",
        source=function("return x.mul_(factor)", BACK, RUN),
        finds={MISUSE: (6, 12)},
    ),
    Case(
        name="forward in place with a mark",
        source=function(
            "ctx.mark_dirty(x); return x.mul_(factor)", BACK, "h = w.exp() + 0\nScale.apply(h, 2).sum().backward()"
        ),
    ),
    Case(
        name="forward in place on a leaf with a mark",
        source=function("ctx.mark_dirty(x); return x.mul_(factor)", BACK, RUN),
        finds={MISUSE: (12, 6)},
        raises="a leaf Variable that requires grad has been used in an in-place operation",
    ),
    Case(
        name="a mark on what is not returned",
        source=function("ctx.mark_dirty(x); return x * factor", BACK, "Scale.apply(w + 0, 2).sum().backward()"),
        finds={MISUSE: (12, 6)},
        raises="Some elements marked as dirty",
    ),
    Case(
        name="an input returned as it is, then written",
        source=function("return x", "return grad, None", "y = Scale.apply(w + 0, 2)\ny += 1"),
        finds={MISUSE: (13, 12)},
        raises="This view was created inside a custom Function",
    ),
    Case(
        name="an input returned as it is, and left alone",
        source=function("return x.view_as(x)", "return -grad, None", "y = Scale.apply(w + 0, 2)\ny.sum().backward()"),
        grads={"w": [-1.0, -1.0, -1.0]},
    ),
    Case(
        name="a number given to save_for_backward",
        source=function("ctx.save_for_backward(factor); return x * factor", BACK, RUN),
        finds={MISUSE: (12, 6)},
        raises="save_for_backward can only save variables",
    ),
    Case(
        name="a Function without a backward",
        source="""\
class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2
w = torch.ones(3, requires_grad=True)
Twice.apply(w).sum().backward()
""",
        finds={MISUSE: (7,)},
        raises="You must implement either the backward",
    ),
    Case(
        name="a Function of the old style",
        source="""\
class Twice(torch.autograd.Function):
    def forward(self, x):
        return x * 2
    def backward(self, grad):
        return grad * 2
w = torch.ones(3, requires_grad=True)
Twice()(w).sum().backward()
""",
        finds={MISUSE: (8,)},
        raises="Legacy autograd function with non-static forward",
    ),
    Case(
        name="an error of the reader's own in a backward",
        source=function("return x * factor", "return grad * factor, None", RUN),
        raises="name 'factor' is not defined",
    ),
    Case(
        name="statistics of its own written in a forward",
        source=function(
            "seen.add_(x.sum()); return x * factor", BACK, "seen = torch.zeros(1)\nScale.apply(w, 2).sum().backward()"
        ),
        grads={"w": [2.0, 2.0, 2.0]},
    ),
)
