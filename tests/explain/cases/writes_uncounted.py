"""Updates that no counter counts, and writes that the graph does not know of."""

from tests.explain.cases import Case

W = "w = torch.ones(3, requires_grad=True)"

UNCOUNTED = (
    Case(
        name="BatchNorm in evaluation, then in training, then backward",
        source="""\
norm = torch.nn.BatchNorm1d(2)
x = torch.tensor([[1., 2.], [3., 4.]], requires_grad=True)
norm.eval()
y = norm(x)
norm.train()
unused = norm(x.detach())
y.sum().backward()
""",
        finds={"buffer-overwritten-unversioned": (7, 5, 8)},
    ),
    Case(
        name="a network with BatchNorm evaluated on one batch and trained on another",
        source="""\
net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
def evaluate(x):
    net.eval()
    return net(x)
kept = evaluate(torch.ones(4, 2)).sum()
net.train()
net(torch.randn(4, 2)).sum().backward()
kept.backward()
""",
        finds={"buffer-overwritten-unversioned": (8, 5, 9)},
    ),
    Case(
        name="BatchNorm in evaluation, backward, then training",
        source="""\
norm = torch.nn.BatchNorm1d(2)
x = torch.tensor([[1., 2.], [3., 4.]], requires_grad=True)
norm.eval()
norm(x).sum().backward()
norm.train()
norm(x.detach())
""",
    ),
    Case(
        name="BatchNorm twice in training",
        source="""\
norm = torch.nn.BatchNorm1d(2)
x = torch.tensor([[1., 2.], [3., 4.]], requires_grad=True)
a, b = norm(x), norm(x * 2)
(a.pow(3) + b.pow(3)).sum().backward()
""",
    ),
    Case(
        name="a fused optimizer steps between forward and backward",
        source="""\
w = torch.ones(2, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.25, fused=True)
y = w.pow(2).sum()
y.backward(retain_graph=True)
optimizer.step()
y.backward()
""",
        finds={"buffer-overwritten-unversioned": (6, 4, 7)},
        grads={"w": [3.0, 3.0]},
    ),
)

MISSED_BY_THE_GRAPH = (
    Case(
        name="an element zeroed through .data where nothing saved it",
        source=f"{W}\ny = w * 2\ny.data[0] = 0\ny.sum().backward()",
        finds={"hidden-write": (4, 3, 5)},
        grads={"w": [2.0, 2.0, 2.0]},
    ),
    Case(
        name="an activation clipped through .data",
        source="""\
layer = torch.nn.Linear(2, 2)
h = layer(torch.ones(2))
h.data.clamp_(-0.1, 0.1)
loss = h.sum()
loss.backward()
""",
        finds={"hidden-write": (4, 3, 5)},
    ),
    Case(
        name="an output changed through its array",
        source=f"{W}\ny = w + 1\nn = y.detach().numpy()\nn[0] = 7\nz = y.sum()\nz.backward()",
        finds={"hidden-write": (5, 3, 6)},
        grads={"w": [1.0, 1.0, 1.0]},
    ),
    Case(
        name="an output replaced through .data",
        source=f"{W}\ny = w + 1\ny.data = torch.zeros(3)\nz = y.sum()\nz.backward()",
        finds={"hidden-write": (4, 3, 5)},
        grads={"w": [1.0, 1.0, 1.0]},
    ),
    Case(
        name="an output written through .data after its last use",
        source=f"{W}\ny = w * 2\nz = y.sum()\ny.data.zero_()\nz.backward()",
    ),
    Case(
        name="an output written in place, as it should be",
        source=f"{W}\ny = w * 2\ny[0] = 0\ny.sum().backward()",
        grads={"w": [0.0, 2.0, 2.0]},
    ),
    Case(
        name="an array written before its tensor met a graph",
        source=(
            f"import numpy as np\nn = np.zeros(3, dtype=np.float32)\nx = torch.from_numpy(n)\nn += 1\n{W}\n"
            "(w + x).sum().backward()"
        ),
    ),
)

CASES = (*UNCOUNTED, *MISSED_BY_THE_GRAPH)
