"""Graphs that were freed, inputs that are in none, and near misses."""

from tests.explain.cases import Case

_W = "w = torch.tensor([1.0, 2.0], requires_grad=True)\n"  # line 2
_TWICE = "backward through the graph a second time"
_UNUSED = "appears to not have been used in the graph"

CASES = (
    # backward twice
    Case(
        name="two backwards from one loss",
        source=_W + "loss = (w * w).sum()\nloss.backward()\nloss.backward()\n",
        finds={"backward-twice": (5, 4, 3)},
        raises=_TWICE,
    ),
    Case(
        name="two losses over one trunk",
        source=_W + "h = w.exp()\none, two = h.sum(), (h * h).sum()\none.backward()\ntwo.backward()\n",
        finds={"backward-twice": (6, 5, 3)},
        raises=_TWICE,
    ),
    Case(
        name="two losses over a trunk that saves nothing",
        source=_W + "h = w + 1\none, two = h.sum(), (h * 2).sum()\none.backward()\ntwo.backward()\n",
        grads={"w": [3.0, 3.0]},
    ),
    Case(
        name="a forward that was left outside of the loop",
        source=_W + "loss = (w * w).sum()\nfor step in range(2):\n    loss.backward()\n",
        finds={"backward-twice": (5, 3)},
        raises=_TWICE,
    ),
    Case(
        name="a part of the forward that was left outside of the loop",
        source="""\
net = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
penalty = net.weight.pow(2).sum()
for step in range(2):
    optimizer.zero_grad()
    loss = net(torch.ones(4, 2)).pow(2).mean() + penalty
    loss.backward()
    optimizer.step()
""",
        finds={"backward-twice": (8, 4)},
        raises=_TWICE,
    ),
    Case(
        name="a hidden state that is carried on",
        source="""\
cell = torch.nn.RNNCell(2, 3)
optimizer = torch.optim.SGD(cell.parameters(), lr=0.1)
h = torch.zeros(1, 3)
for step in range(3):
    h = cell(torch.ones(1, 2), h)
    loss = h.pow(2).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
        finds={"backward-twice": (9, 6)},
        raises=_TWICE,
    ),
    Case(
        name="a hidden state kept by the network",
        source="""\
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.ones(3))
        self.hidden = torch.zeros(3)
    def forward(self, x):
        self.hidden = torch.tanh(self.w * self.hidden + x)
        return self.hidden
net = Net()
for step in range(2):
    net(torch.ones(3)).sum().backward()
""",
        finds={"backward-twice": (12, 8)},
        raises=_TWICE,
    ),
    Case(
        name="autograd.grad twice",
        source=_W + "y = (w ** 3).sum()\ntorch.autograd.grad(y, w)\ntorch.autograd.grad(y, w)\n",
        finds={"backward-twice": (5, 4, 3)},
        raises=_TWICE,
    ),
    Case(
        name="autograd.grad, then backward",
        source=_W + "y = (w ** 3).sum()\n(g,) = torch.autograd.grad(y, w)\ny.backward()\n",
        finds={"backward-twice": (5, 4, 3)},
        raises=_TWICE,
    ),
    Case(
        name="a generator whose fakes were not detached for the discriminator",
        source="""\
G, D = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
fake = G(torch.ones(4, 2)).tanh()
D(fake).mean().backward()
(-D(fake).mean()).backward()
""",
        finds={"backward-twice": (5, 4, 3)},
        raises=_TWICE,
    ),
    Case(
        name="a second backward that the reader caught",
        source=_W
        + "y = (w * w).sum()\ny.backward()\ntry:\n    y.backward()\nexcept RuntimeError:\n    print('refused')\n",
        finds={"backward-twice": (6, 4, 3)},
    ),
    Case(
        name="retain_graph in the first of two",
        source=_W + "y = (w * w).sum()\ny.backward(retain_graph=True)\ny.backward()\n",
        grads={"w": [4.0, 8.0]},
    ),
    Case(
        name="a saved tensor asked for after backward",
        source=_W + "y = w * w\ny.sum().backward()\nprint(y.grad_fn._saved_self)\n",
        finds={"backward-twice": (5, 4)},
        raises=_TWICE,
    ),
    Case(
        name="a backward in a hook of another, over one graph",
        source=_W
        + "y = (w * w).sum()\nz = (w * 3).sum()\nz.register_hook(lambda g: y.backward())\nz.backward()\ny.backward()\n",
        finds={"backward-twice": (7, 6, 3)},  # the lambda ran under line 6
        raises=_TWICE,
    ),
    # inputs that are not used
    Case(
        name="a leaf that the output was not made from",
        source=_W + "v = torch.ones(2, requires_grad=True)\ntorch.autograd.grad((w * 2).sum(), v)\n",
        finds={"unused-input": (4,)},
        raises=_UNUSED,
    ),
    Case(
        name="one of two inputs",
        source=_W + "v = torch.ones(2, requires_grad=True)\ny = (w * 2).sum()\ntorch.autograd.grad(y, [w, v])\n",
        finds={"unused-input": (5,)},
        raises=_UNUSED,
    ),
    Case(
        name="a slice made for the call",
        source=_W + "y = (w * w).sum()\ntorch.autograd.grad(y, w[0])\n",
        finds={"unused-input": (4,)},
        raises=_UNUSED,
    ),
    Case(
        name="a slice from which the output was made",
        source=_W + "first = w[0]\ny = first * first\ntorch.autograd.grad(y, first)\n",
    ),
    Case(
        name="a reshaped input",
        source="x = torch.ones(2, 3, requires_grad=True)\nnet = torch.nn.Linear(6, 1)\ny = net(x.flatten())\n"
        "torch.autograd.grad(y, x.flatten())\n",
        finds={"unused-input": (5,)},
        raises=_UNUSED,
    ),
    Case(
        name="an input that was detached on the way",
        source=_W + "v = torch.ones(2, requires_grad=True)\nh = (w * 2).detach()\ny = (h * v).sum()\n"
        "torch.autograd.grad(y, w)\n",
        finds={"unused-input": (4, 6)},
        raises=_UNUSED,
    ),
    Case(
        name="an input that does not require grad",
        source=_W + "x = torch.ones(2)\ny = (w * x).sum()\ntorch.autograd.grad(y, x)\n",
        finds={"unused-input": (5, 3)},
        raises="does not require grad",
    ),
    Case(
        name="an input that came to require grad too late",
        source=_W + "x = torch.ones(2)\ny = (w * x).sum()\nx.requires_grad_()\ntorch.autograd.grad(y, x)\n",
        finds={"unused-input": (5, 4, 6)},
        raises=_UNUSED,
    ),
)
