# What torch says to custom Functions that are wrong.
import torch
from torch.autograd import Function


def make(forward, backward):
    return type("Mine", (Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)})


def touch(ctx, x):
    return x.mul_(2)


def keep(ctx, x):
    ctx.save_for_backward(x)
    return x * 2


x = torch.tensor([1.0, 2.0], requires_grad=True)
functions = {
    "too many": make(keep, lambda ctx, g: (g, g)),
    "too few": make(lambda ctx, a, b: a * b, lambda ctx, g: g),
    "shape": make(keep, lambda ctx, g: torch.ones(3)),
    "type": make(keep, lambda ctx, g: "no"),
    "raises": make(keep, lambda ctx, g: 1 / 0),
    "none": make(keep, lambda ctx, g: None),
    "unmarked": make(touch, lambda ctx, g: g),
    "not a tensor": make(lambda ctx, x: 5, lambda ctx, g: g),
}
for name, function in functions.items():
    try:
        arguments = (x * 1, x) if name == "too few" else (x * 1,)
        out = function.apply(*arguments)
        print(name, out)
        out.sum().backward()
        print(name, x.grad)
    except Exception as error:
        print(name, type(error).__name__, error)
