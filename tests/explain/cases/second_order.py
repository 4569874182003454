"""Gradients that are differentiated again, and near misses."""

from tests.explain.cases import Case

_W = "w = torch.tensor([1.0, 2.0], requires_grad=True)\n"  # line 2
_NO_GRAPH = "does not require grad and does not have a grad_fn"
_ONCE_ONLY = """\
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x
    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * x * g
"""  # lines 3 to 12
_DETACHED = _ONCE_ONLY.replace("    @torch.autograd.function.once_differentiable\n", "").replace(
    "2 * x * g", "2 * x.detach() * g.detach()"
)  # lines 3 to 11

CASES = (
    # second order
    Case(
        name="a gradient without create_graph differentiated by backward",
        source=_W + "(g,) = torch.autograd.grad((w ** 3).sum(), w)\ng.sum().backward()\n",
        finds={"second-order-lost": (3, 4)},
        raises=_NO_GRAPH,
    ),
    Case(
        name="a gradient without create_graph differentiated by autograd.grad",
        source=_W + "y = (w ** 3).sum()\ng = torch.autograd.grad(y, w)[0]\nh = torch.autograd.grad(g[0], w)\n",
        finds={"second-order-lost": (4, 5)},
        raises=_NO_GRAPH,
    ),
    Case(
        name=".grad differentiated again",
        source=_W + "(w ** 3).sum().backward()\npenalty = w.grad.pow(2).sum()\npenalty.backward()\n",
        finds={"second-order-lost": (3, 5)},
        raises=_NO_GRAPH,
    ),
    Case(
        name="a gradient penalty without create_graph in a loss",
        source="""\
D = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
x = torch.randn(4, 3, requires_grad=True)
(g,) = torch.autograd.grad(D(x).sum(), x)
penalty = (g.norm(dim=1) - 1).pow(2).mean()
loss = D(x).mean() + 10 * penalty
loss.backward()
""",
        finds={"second-order-lost": (4, 6, 7)},
    ),
    Case(
        name="the norm of .grad in a loss",
        source=_W + "(w ** 3).sum().backward(retain_graph=True)\nloss = (w * w).sum() + 0.1 * w.grad.norm()\n"
        "w.grad = None\nloss.backward()\n",
        finds={"second-order-lost": (3, 4, 6)},
        grads={"w": [2.0, 4.0]},
    ),
    Case(
        name="the norm of .grad printed beside a loss",
        source=_W + "loss = (w * w).sum()\nloss.backward()\nprint(w.grad.norm() + 1)\n",
    ),
    Case(
        name="a Function that is differentiable once",
        source=_W + _ONCE_ONLY + "y = Square.apply(w).exp().sum()\n"
        "(g,) = torch.autograd.grad(y, w, create_graph=True)\ng.sum().backward()\n",
        finds={"second-order-lost": (15, 14)},
        raises="differentiate twice",
    ),
    Case(
        name="a Function that is differentiable once, and a gradient of ones",
        source=_W + _ONCE_ONLY + "y = Square.apply(w).sum()\n"
        "(g,) = torch.autograd.grad(y, w, create_graph=True)\ng.sum().backward()\n",
        finds={"second-order-lost": (14, 15)},
        raises=_NO_GRAPH,
    ),
    Case(
        name="a Function whose backward takes values out of its graph",
        source=_W + _DETACHED + "y = Square.apply(w).sum()\n"
        "(g,) = torch.autograd.grad(y, w, create_graph=True)\ng.sum().backward()\n",
        finds={"second-order-lost": (13, 14)},
        raises=_NO_GRAPH,
    ),
    Case(
        name="a Function whose backward keeps its graph",
        source=_W
        + _ONCE_ONLY.replace("    @torch.autograd.function.once_differentiable\n", "")
        + "y = Square.apply(w).sum()\n(g,) = torch.autograd.grad(y, w, create_graph=True)\ng.sum().backward()\n",
        grads={"w": [2.0, 2.0]},
    ),
    Case(
        name="an operator of torch that is differentiable once",
        source="""\
q = torch.randn(1, 1, 4, 8, requires_grad=True)
y = torch.nn.functional.scaled_dot_product_attention(q, q, q).pow(2).sum()
(g,) = torch.autograd.grad(y, q, create_graph=True)
g.pow(2).sum().backward()
""",
        finds={"second-order-lost": (5, 4)},
        raises="is not implemented",
    ),
    Case(
        name="a distance of torch's that is differentiable once",
        source="a = torch.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)\n"
        "y = torch.nn.functional.pdist(a).sum()\n(g,) = torch.autograd.grad(y, a, create_graph=True)\n"
        "g.sum().backward()\n",
        finds={"second-order-lost": (5, 4)},
        raises="is not implemented",
    ),
    Case(
        name="an operator that is not differentiable at all is another matter",
        source=_W + "torch.bincount(torch.tensor([0, 1]), w).sum().backward()\n",
        raises="is not implemented",
    ),
)
