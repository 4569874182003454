"""Values that left the graph on the way to a loss, and near misses."""

from tests.explain.cases import Case

_NETS = """\
A, B = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
x = torch.ones(4, 2)
"""  # lines 2 and 3
_LEAVES = """\
w = torch.tensor([1.0, 2.0], requires_grad=True)
v = torch.tensor([3.0, 4.0], requires_grad=True)
"""  # lines 2 and 3

CASES = (
    # detach
    Case(
        name="a detach between two networks that one optimizer trains",
        source=_NETS
        + """\
optimizer = torch.optim.SGD([*A.parameters(), *B.parameters()], lr=0.1)
for step in range(2):
    h = A(x).detach()
    optimizer.zero_grad()
    B(h).pow(2).mean().backward()
    optimizer.step()
""",
        finds={"graph-cut": (6,)},
    ),
    Case(
        name="a detach in the middle of a forward",
        source="""\
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
    def forward(self, x):
        h = self.first(x).relu()
        h = h.detach()
        return self.second(h)
net = Net()
net(torch.ones(4, 2)).sum().backward()
""",
        finds={"graph-cut": (8,)},
    ),
    Case(
        name="a detach in a function called in a loop",
        source="""\
w = torch.tensor(2.0, requires_grad=True)
v = torch.tensor(3.0, requires_grad=True)
def scaled(t):
    return (t * w).detach()
for step in range(2):
    loss = (scaled(torch.ones(2)) * v).sum()
    loss.backward()
""",
        finds={"graph-cut": (5,)},
    ),
    Case(
        name="detach_ on a result",
        source=_NETS + "h = A(x)\nh.detach_()\nB(h).sum().backward()\n",
        finds={"graph-cut": (5,)},
    ),
    Case(
        name="detach_ after the children were made cuts nothing off",
        source=_NETS + "h = A(x)\ny = (h + 1).sum() + B(x @ A.weight.T).sum()\nh.detach_()\ny.backward()\n",
    ),
    Case(
        name="a detached value that only one of two leaves misses",
        source=_LEAVES + "y = (w * v).sum() + (w.detach() * 2).sum()\ny.backward()\n",
        grads={"w": [3.0, 4.0]},
    ),
    Case(
        name="a gate by a detached value: the gated leaf learns elsewhere",
        source=_LEAVES + "loss = (w.sigmoid().detach() * v).sum() + w.sum()\nloss.backward()\n",
        grads={"w": [1.0, 1.0]},
    ),
    Case(
        name="a gate by a detached value: the gated leaf learns nowhere",
        source=_LEAVES + "loss = (w.sigmoid().detach() * v).sum()\nloss.backward()\n",
        finds={"graph-cut": (4,)},
    ),
    Case(
        name="a prediction detached before the loss, beside a regularizer",
        source=_NETS
        + "out = A(x).detach()\nloss = out.pow(2).mean() + B.weight.pow(2).sum()\nloss.backward()\nB.bias.grad\n",
        finds={"graph-cut": (4,), "leaf-without-gradient": (6,)},
    ),
    Case(
        name="a detach of a value that nothing uses",
        source=_NETS + "h = A(x)\nlog = h.detach().abs().mean()\nB(h).sum().backward()\n",
    ),
    Case(
        name="a detached copy made to require grad, whose gradient goes nowhere",
        source=_NETS + "h = A(x).detach().requires_grad_()\nB(h).sum().backward()\nprint(h.grad.norm())\n",
        finds={"graph-cut": (4,)},
    ),
    # .data
    Case(
        name=".data between two networks",
        source=_NETS + "B(A(x).data).sum().backward()\n",
        finds={"graph-cut": (4,)},
    ),
    Case(
        name=".data of a leaf in the loss",
        source=_LEAVES + "loss = (w.data * v).sum()\nloss.backward()\n",
        finds={"graph-cut": (4,)},
    ),
    Case(
        name=".data in a constraint that is no part of the loss",
        source=_LEAVES + "(w * v).sum().backward()\nw.data.clamp_(0, 1)\nv.data /= v.data.norm()\n",
    ),
    # no_grad
    Case(
        name="a leaf scaled under no_grad",
        source=_LEAVES + "with torch.no_grad():\n    scale = w * 2\n(scale * v).sum().backward()\n",
        finds={"graph-cut": (5,)},
    ),
    Case(
        name="a no_grad decorator that was forgotten",
        source="""\
w = torch.tensor([1.0, 2.0], requires_grad=True)
v = torch.tensor([3.0, 4.0], requires_grad=True)
@torch.no_grad()
def features(t):
    return (t * w).tanh()
(features(torch.ones(2)) * v).sum().backward()
""",
        finds={"graph-cut": (6,)},
    ),
    Case(
        name="a network under no_grad though an optimizer holds it",
        source=_NETS
        + """\
optimizer = torch.optim.Adam([*A.parameters(), *B.parameters()])
with torch.no_grad():
    h = A(x).relu()
B(h).sum().backward()
optimizer.step()
""",
        finds={"graph-cut": (6,)},
    ),
    Case(
        name="set_grad_enabled(False) left on for a part of the forward",
        source=_LEAVES
        + "torch.set_grad_enabled(False)\nh = w * 2\ntorch.set_grad_enabled(True)\n(h * v).sum().backward()\n",
        finds={"graph-cut": (5,)},
    ),
    # numbers
    Case(
        name="a number by item() in the loss",
        source=_LEAVES + "norm = w.norm().item()\n(v * norm).sum().backward()\n",
        finds={"graph-cut": (4,)},
    ),
    Case(
        name="a number by float(), divided before it comes back",
        source=_LEAVES + "scale = 1 / float(w.sum())\nloss = (v * scale).sum()\nloss.backward()\n",
        finds={"graph-cut": (4,)},
    ),
    Case(
        name="numbers by tolist() made a tensor again",
        source=_LEAVES + "values = w.tolist()\nloss = (torch.tensor(values) * v).sum()\nloss.backward()\n",
        finds={"graph-cut": (4,)},
    ),
    Case(
        name="a number printed, and a leaf that the loss does not use",
        source=_LEAVES + "print(w.sum().item())\n(v * 2.0).sum().backward()\n",
        finds={"leaf-without-gradient": (4, 5)},
    ),
    Case(
        name="a number logged beside a loss that reaches all",
        source=_LEAVES + "loss = (w * v).sum()\nprint(loss.item() / 2)\nloss.backward()\n",
        grads={"w": [3.0, 4.0]},
    ),
    # numpy
    Case(
        name="through numpy and back by from_numpy",
        source="""\
import numpy as np
w = torch.tensor([1.0, 2.0], requires_grad=True)
v = torch.tensor([3.0, 4.0], requires_grad=True)
array = np.tanh(w.detach().numpy())
(torch.from_numpy(array) * v).sum().backward()
""",
        finds={"graph-cut": (5,)},
    ),
    Case(
        name="through numpy and back over the same memory",
        source=_LEAVES + "array = w.detach().numpy()\n(torch.from_numpy(array) * v).sum().backward()\n",
        finds={"graph-cut": (4,)},
    ),
    Case(
        name="numpy only to look at the values",
        source=_LEAVES + "loss = (w * v).sum()\nloss.backward()\nprint(w.detach().numpy().round(1))\n",
    ),
    # copies
    Case(
        name="torch.tensor of a result",
        source=_LEAVES + "h = torch.tensor(w * 2)\n(h * v).sum().backward()\n",
        finds={"graph-cut": (4,)},
    ),
    Case(
        name="torch.tensor of a list of results",
        source=_LEAVES + "h = torch.tensor([w.sum(), w.prod()])\n(h * v).sum().backward()\n",
        finds={"graph-cut": (4,)},
    ),
    Case(
        name="torch.stack of a list of results",
        source=_LEAVES + "h = torch.stack([w.sum(), w.prod()])\n(h * v).sum().backward()\n",
    ),
    Case(
        name="torch.Tensor of a list of results",
        source=_LEAVES + "h = torch.Tensor([w.sum(), w.prod()])\n(h * v).sum().backward()\n",
        finds={"graph-cut": (4,)},
    ),
    Case(
        name="a fresh tensor on a line that prints a number",
        source=_LEAVES + "h = torch.ones(2); print(w.sum().item())\n(h * v).sum().backward()\n",
        finds={"leaf-without-gradient": (4, 5)},
    ),
    # no derivative
    Case(
        name="an argmax used as a value",
        source=_NETS
        + "best = A(x).argmax(1).float()\n(best * B.weight.sum()).sum().backward()\nB.bias.requires_grad_(False)\n",
        finds={"graph-cut": (4,)},
    ),
    Case(
        name="a comparison used as a value",
        source=_LEAVES + "mask = (w > 1.5).float()\n(mask * v).sum().backward()\n",
        finds={"graph-cut": (4,)},
    ),
    Case(
        name="a cast to integers and back",
        source=_LEAVES + "steps = w.long().float()\n(steps * v).sum().backward()\n",
        finds={"graph-cut": (4,)},
    ),
    Case(
        name="an argmax beside a loss that reaches the network",
        source=_NETS + "h = A(x)\nbest = h.argmax(1)\n(B(h)[best > 0].sum() + B(h).sum()).backward()\n",
    ),
    # requires grad forced
    Case(
        name="a loss without a graph that is made to require grad",
        source=_NETS + "loss = B(A(x)).argmax().float()\nloss.requires_grad = True\nloss.backward()\n",
        finds={"graph-cut": (5, 4)},
    ),
    Case(
        name="a loss under no_grad that is made to require grad",
        source=_LEAVES + "with torch.no_grad():\n    loss = (w * v).sum()\nloss.requires_grad_()\nloss.backward()\n",
        finds={"graph-cut": (6, 5)},
    ),
    Case(
        name="a loss on detached values that is made to require grad",
        source=_NETS
        + "optimizer = torch.optim.SGD(A.parameters(), lr=0.1)\nout = A(x).detach()\nloss = out.pow(2).mean()\n"
        + "loss.requires_grad = True\nloss.backward()\noptimizer.step()\n",
        finds={"graph-cut": (7, 5)},
    ),
    Case(
        name="a result wrapped in a parameter",
        source=_LEAVES + "p = torch.nn.Parameter(w * 2)\n(p * v).sum().backward()\n",
        finds={"graph-cut": (4,)},
    ),
    Case(
        name="a fresh tensor that is made to require grad",
        source="w = torch.zeros(2)\nw.requires_grad = True\nw.sum().backward()\n",
        grads={"w": [1.0, 1.0]},
    ),
    # the convention
    Case(
        name="a detached target without an optimizer",
        source="""\
net, target = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
x = torch.ones(4, 2)
(net(x) - target(x).detach()).pow(2).mean().backward()
""",
        finds={"deliberate-cut": (4,)},
    ),
    Case(
        name="a target under no_grad in a loss function",
        source="""\
net, target = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
x = torch.ones(4, 2)
with torch.no_grad():
    wanted = target(x)
torch.nn.functional.mse_loss(net(x), wanted).backward()
""",
        finds={"deliberate-cut": (5,)},
    ),
    Case(
        name="a discriminator's step without an optimizer",
        source="""\
G, D = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
fake = G(torch.randn(4, 2))
loss = D(torch.randn(4, 3)).mean() - D(fake.detach()).mean()
loss.backward()
""",
        finds={"deliberate-cut": (4,)},
    ),
    Case(
        name="features under no_grad without an optimizer",
        source=_NETS + "with torch.no_grad():\n    h = A(x)\nB(h).sum().backward()\n",
        finds={"deliberate-cut": (5,)},
    ),
    Case(
        name="a detached input for a head whose optimizer holds it alone",
        source=_NETS
        + "optimizer = torch.optim.SGD(B.parameters(), lr=0.1)\nB(A(x).detach()).sum().backward()\noptimizer.step()\n",
    ),
    Case(
        name="the same, but the gradient of the other is looked at",
        source=_NETS + "optimizer = torch.optim.SGD(B.parameters(), lr=0.1)\nB(A(x).detach()).sum().backward()\n"
        "print(A.weight.grad)\n",
        finds={"graph-cut": (5,)},
    ),
)
