"""Gradients that are NaN, zero, shared, or changed by a hook."""

from tests.explain.cases import Case

NAN, INF = float("nan"), float("inf")
W = "w = torch.ones(3, requires_grad=True)"
X = "x = torch.tensor([0., 1.], requires_grad=True)"
FOUND = "nan-gradient"

NOT_FINITE = (
    Case(
        name="where around a sqrt",
        source=f"{X}\ny = torch.where(x > 0, x.sqrt(), torch.zeros(2))\ny.sum().backward()",
        finds={FOUND: (3, 4)},
        grads={"x": [NAN, 0.5]},
    ),
    Case(
        name="where inside a sqrt",
        source=(
            f"{X}\nsafe = torch.where(x > 0, x, torch.ones(2))\n"
            "y = torch.where(x > 0, safe.sqrt(), torch.zeros(2))\ny.sum().backward()"
        ),
        grads={"x": [0.0, 0.5]},
    ),
    Case(
        name="a norm written by hand at zero",
        source="x = torch.zeros(2, requires_grad=True)\nn = x.pow(2).sum().sqrt()\nn.backward()",
        finds={FOUND: (3, 4)},
        grads={"x": [NAN, NAN]},
    ),
    Case(
        name="torch.norm at zero",
        source="x = torch.zeros(2, requires_grad=True)\ntorch.linalg.norm(x).backward()",
    ),
    Case(
        name="the root of an error that is zero",
        source="""\
x = torch.ones(1, 1, requires_grad=True)
loss = torch.nn.functional.mse_loss(x * 1, torch.ones(1, 1)).sqrt()
loss.backward()
""",
        finds={FOUND: (3, 4)},
        grads={"x": [NAN]},
    ),
    Case(
        name="distances of points that are equal, in a function",
        source="""\
def distance(a, b):
    return ((a - b) ** 2).sum().sqrt()
p = torch.tensor([1., 2.], requires_grad=True)
loss = distance(p, torch.tensor([1., 2.]))
loss.backward()
""",
        finds={FOUND: (3, 6)},
    ),
    Case(name="log of zero", source=f"{X}\nx.log().sum().backward()", finds={FOUND: (3,)}, grads={"x": [INF, 1.0]}),
    Case(
        name="an entropy with a zero",
        source="p = torch.tensor([0., 1.], requires_grad=True)\nentropy = -(p * p.log()).sum()\nentropy.backward()",
        finds={FOUND: (3, 4)},
    ),
    Case(
        name="an entropy kept away from zero",
        source=(
            "p = torch.tensor([0., 1.], requires_grad=True)\n"
            "entropy = -(p * p.clamp(min=1e-8).log()).sum()\nentropy.backward()"
        ),
    ),
    Case(
        name="log masked by a product",
        source=f"{X}\nmask = x > 0\nloss = (x.log() * mask).sum()\nloss.backward()",
        finds={FOUND: (4, 5)},
        grads={"x": [NAN, 1.0]},
    ),
    Case(
        name="a division whose other elements are picked",
        source=f"{X}\nz = 1 / x\nz[1:].sum().backward()",
        finds={FOUND: (3, 4)},
    ),
    Case(
        name="a vector divided by its norm, at zero",
        source="x = torch.zeros(2, requires_grad=True)\ny = x / x.norm()\ny.sum().backward()",
        finds={FOUND: (3, 4)},
        grads={"x": [NAN, NAN]},
    ),
    Case(
        name="normalize at zero",
        source="x = torch.zeros(1, 2, requires_grad=True)\ntorch.nn.functional.normalize(x).sum().backward()",
    ),
    Case(
        name="std of a single element",
        source="x = torch.ones(1, requires_grad=True)\ny = x.std()\ny.backward()",
        finds={FOUND: (3, 4)},
        grads={"x": [NAN]},
    ),
    Case(
        name="acos of one",
        source="x = torch.ones(1, requires_grad=True)\nangle = torch.acos(x)\nangle.sum().backward()",
        finds={FOUND: (3, 4)},
    ),
    Case(
        name="atan2 of zero and zero",
        source=(
            "a = torch.zeros(2, requires_grad=True)\nangle = torch.atan2(a, torch.tensor([0., 1.]))\n"
            "angle.sum().backward()"
        ),
        grads={"a": [0.0, 1.0]},
    ),
    Case(
        name="exp beyond the largest number",
        source="x = torch.tensor([100.], requires_grad=True)\ny = x.exp()\ny.sum().backward()",
        finds={FOUND: (3, 4)},
        grads={"x": [INF]},
    ),
    Case(
        name="data with a NaN in it",
        source=f"data = torch.tensor([1., float('nan'), 2.])\n{W}\nloss = (w * data).sum()\nloss.backward()",
        finds={FOUND: (2, 5)},
        grads={"w": [1.0, NAN, 2.0]},
    ),
    Case(
        name="a learning rate that is too large",
        source="""\
w = torch.tensor([3.], requires_grad=True)
optimizer = torch.optim.SGD([w], lr=1e6)
for step in range(9):
    optimizer.zero_grad()
    loss = w.pow(2).sum()
    loss.backward()
    optimizer.step()
""",
        finds={FOUND: (6, 7)},  # the square is the first to pass the largest number
    ),
    Case(
        name="an element that another one of the buffer spoils",
        source="""\
x = torch.tensor(1., requires_grad=True)
y = torch.tensor(0., requires_grad=True)
z = torch.zeros(2)
z[0] = x / y * y
z[1] = x + y
z[1].backward()
""",
        finds={FOUND: (5, 7)},
    ),
    Case(
        name="anomaly detection at a root",
        source="""\
x = torch.zeros(2, requires_grad=True)
with torch.autograd.detect_anomaly():
    n = x.pow(2).sum().sqrt()
    n.backward()
""",
        finds={FOUND: (4, 5)},
        raises="returned nan values in its 0th output",
    ),
    Case(
        name="autograd.grad of a root at zero",
        source=f"{X}\ny = x.sqrt().sum()\n(g,) = torch.autograd.grad(y, x)",
        finds={FOUND: (3, 4)},
    ),
    Case(
        name="attention with masked scores",
        source="""\
q = torch.ones(2, 3, requires_grad=True)
mask = torch.tensor([[False, False, True], [False, True, True]])
scores = q.masked_fill(mask, float("-inf")).softmax(-1)
scores.pow(2).sum().backward()
""",
    ),
    Case(
        name="NaN that a hook replaces",
        source=(
            f"{X}\nh = x * 1\nh.register_hook(lambda grad: torch.nan_to_num(grad, posinf=0.0))\n"
            "h.sqrt().sum().backward()"
        ),
        finds={"hook-changed-gradient": (4, 5)},
        grads={"x": [0.0, 0.5]},
    ),
    Case(
        name="a loss that ignores NaN by nan_to_num",
        source=(
            f"data = torch.tensor([1., float('nan'), 2.])\n{W}\nloss = (w * data.nan_to_num()).sum()\nloss.backward()"
        ),
        grads={"w": [1.0, 0.0, 2.0]},
    ),
)

ZERO = (
    Case(
        name="weights rounded",
        source=f"{W}\ny = (w * 1.4).round()\ny.sum().backward()",
        finds={"zero-gradient": (3, 4)},
        grads={"w": [0.0, 0.0, 0.0]},
    ),
    Case(
        name="weights rounded, straight through",
        source=f"{W}\ny = w + (w.round() - w).detach()\ny.sum().backward()",
        grads={"w": [1.0, 1.0, 1.0]},
    ),
    Case(
        name="sign of a layer's output",
        source="layer = torch.nn.Linear(2, 2)\nout = torch.sign(layer(torch.ones(2)))\nout.sum().backward()",
        finds={"zero-gradient": (3, 4)},
    ),
    Case(
        name="floor in a function",
        source=(
            "def quantise(t, step):\n    return torch.floor(t / step) * step\n"
            "w = torch.tensor([0.3, 0.7], requires_grad=True)\nq = quantise(w, 0.25)\nq.sum().backward()"
        ),
        finds={"zero-gradient": (3, 6)},
        grads={"w": [0.0, 0.0]},
    ),
    Case(
        name="division with rounding",
        source=(
            "w = torch.tensor([5., 7.], requires_grad=True)\nbins = torch.div(w, 2, rounding_mode='floor')\n"
            "bins.sum().backward()"
        ),
        finds={"zero-gradient": (3, 4)},
    ),
    Case(
        name="absolute value by sign",
        source="w = torch.tensor([-1., 2.], requires_grad=True)\n(w * w.sign()).sum().backward()",
        grads={"w": [-1.0, 1.0]},
    ),
    Case(
        name="a ReLU that is off",
        source="w = torch.tensor([-1., -2.], requires_grad=True)\nw.relu().sum().backward()",
        grads={"w": [0.0, 0.0]},
    ),
    Case(
        name="a clamp that is full",
        source="w = torch.tensor([5., 6.], requires_grad=True)\nw.clamp(0, 1).sum().backward()",
        grads={"w": [0.0, 0.0]},
    ),
    Case(
        name="rounded only to print it",
        source=f"{W}\nloss = w.exp().sum()\nprint(loss.round())\nloss.backward()",
    ),
)

SHARED = (
    Case(
        name="a gradient kept, and another backward",
        source=(
            f"{W}\n(w * 2).sum().backward()\nfirst = w.grad\n(w * 5).sum().backward()\nsecond = w.grad\n"
            "print(first, second)"
        ),
        finds={"gradient-shared": (4, 5, 6)},
        grads={"w": [7.0, 7.0, 7.0]},
    ),
    Case(
        name="a gradient cloned, and another backward",
        source=(
            f"{W}\n(w * 2).sum().backward()\nfirst = w.grad.clone()\nw.grad = None\n"
            "(w * 5).sum().backward()\nsecond = w.grad\nprint(first - second)"
        ),
        grads={"w": [5.0, 5.0, 5.0]},
    ),
    Case(
        name="a gradient kept, and None before the next backward",
        source=(
            f"{W}\n(w * 2).sum().backward()\nfirst = w.grad\nw.grad = None\n(w * 5).sum().backward()\n"
            "second = w.grad\nprint(first - second)"
        ),
    ),
    Case(
        name="two leaves given one gradient",
        source=f"""\
{W}
v = torch.ones(3, requires_grad=True)
(w * 2).sum().backward()
v.grad = w.grad
(w.exp() + v.exp()).sum().backward()
""",
        finds={"gradient-shared": (5, 6)},
    ),
    Case(
        name="two leaves given copies of one gradient",
        source=(
            "v, u = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)\n"
            "v.grad = torch.zeros(2)\nu.grad = v.grad.clone()\n(u * 2 + v * 3).sum().backward()"
        ),
        grads={"u": [2.0, 2.0], "v": [3.0, 3.0]},
    ),
    Case(
        name="a sum of leaves",
        source=(
            "v, u = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)\n"
            "(u + v).sum().backward()\n(u + v).sum().backward()"
        ),
        grads={"u": [2.0, 2.0]},
    ),
    Case(
        name="a gradient under a name in each pass of a loop",
        source="""\
w = torch.ones(2, requires_grad=True)
for step in range(3):
    w.exp().sum().backward()
    grad = w.grad
    w.data -= 0.1 * grad
    w.grad.zero_()
last = w.grad
""",
    ),
)

HOOKS = (
    Case(
        name="a hook on an activation scales its gradient",
        source=f"{W}\nh = w * 2\nh.register_hook(lambda grad: grad * 10)\nh.sum().backward()",
        finds={"hook-changed-gradient": (4, 5)},
        grads={"w": [20.0, 20.0, 20.0]},
    ),
    Case(
        name="a hook on a leaf clamps its gradient",
        source=f"{W}\nw.register_hook(lambda grad: grad.clamp(max=1))\n(w * 5).sum().backward()",
        finds={"hook-changed-gradient": (3, 4)},
        grads={"w": [1.0, 1.0, 1.0]},
    ),
    Case(
        name="a hook on a leaf clamps what is small enough",
        source=f"{W}\nw.register_hook(lambda grad: grad.clamp(max=9))\n(w * 5).sum().backward()",
        grads={"w": [5.0, 5.0, 5.0]},
    ),
    Case(
        name="a hook that only looks",
        source=(
            f"{W}\nnorms = []\nh = w.exp()\nh.register_hook(lambda grad: norms.append(grad.norm()))\n"
            "(h.sigmoid() + h.tanh()).sum().backward()"
        ),
    ),
    Case(
        name="two hooks of one tensor, of which one changes the gradient",
        source=f"{W}\nh = w * 2\nh.register_hook(print)\nh.register_hook(lambda grad: -grad)\nh.sum().backward()",
        finds={"hook-changed-gradient": (4, 5, 6)},
        grads={"w": [-2.0, -2.0, -2.0]},
    ),
    Case(
        name="a module hook that replaces the gradient",
        source="""\
layer = torch.nn.Linear(2, 1)
def triple(module, grad_input, grad_output):
    return (grad_input[0] * 3,)
layer.register_full_backward_hook(triple)
x = torch.ones(1, 2, requires_grad=True)
layer(x).sum().backward()
""",
        finds={"hook-changed-gradient": (4, 7)},
    ),
    Case(
        name="a module hook that only looks",
        source="""\
layer = torch.nn.Linear(2, 1)
seen = []
layer.register_full_backward_hook(lambda module, grad_input, grad_output: seen.append(grad_output[0].norm()))
x = torch.ones(1, 2, requires_grad=True)
layer(x).sum().backward()
""",
    ),
)

CASES = (*NOT_FINITE, *ZERO, *SHARED, *HOOKS)
