"""Graphs that were freed, kept, carried on or differentiated once too often, and near misses."""

from tests.explain.cases import Case

_W = "w = torch.tensor([1.0, 2.0], requires_grad=True)\n"  # line 2
_TWICE = "backward through the graph a second time"
_NO_GRAPH = "does not require grad and does not have a grad_fn"
_UNUSED = "appears to not have been used in the graph"
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
    # a state that is carried on
    Case(
        name="a state carried on with retain_graph",
        source=_W + "h = torch.zeros(2)\nfor step in range(3):\n    h = torch.tanh(w * h + 1)\n"
        "    h.sum().backward(retain_graph=True)\n    w.grad = None\n",
        finds={"state-not-detached": (5, 6)},
    ),
    Case(
        name="a state carried on by operators that save nothing",
        source=_W
        + "h = torch.zeros(2)\nfor step in range(3):\n    h = h + w\n    h.sum().backward()\n    w.grad = None\n",
        finds={"state-not-detached": (5, 6)},
    ),
    Case(
        name="a state carried on with retain_graph, in a function",
        source="""\
w = torch.tensor([1.0, 2.0], requires_grad=True)
def train():
    state = torch.zeros(2)
    for step in range(3):
        state = torch.sigmoid(w + state)
        loss = state.pow(2).sum()
        loss.backward(retain_graph=True)
        w.grad = None
train()
""",
        finds={"state-not-detached": (6, 8)},
    ),
    Case(
        name="a running total that each pass goes through again",
        source=_W + "total = 0\nfor step in range(3):\n    total = total + (w * w).sum()\n"
        "    total.backward(retain_graph=True)\n    w.grad = None\n",
        finds={"state-not-detached": (5, 6)},
    ),
    Case(
        name="a state detached in each pass",
        source=_W + "h = torch.zeros(2)\nfor step in range(3):\n    h = torch.tanh(w * h.detach() + 1)\n"
        "    h.sum().backward()\n    w.grad = None\n",
    ),
    Case(
        name="retain_graph over one graph again and again",
        source=_W + "y = (w * w).sum()\nfor step in range(3):\n    w.grad = None\n    y.backward(retain_graph=True)\n",
    ),
    # a total that keeps every graph
    Case(
        name="a running total of losses",
        source=_W + "total = 0\nfor step in range(3):\n    loss = (w * w).sum()\n    loss.backward()\n"
        "    w.grad = None\n    total += loss\nprint(total / 3)\n",
        finds={"graph-kept-alive": (8,)},
    ),
    Case(
        name="a running total in a tensor",
        source=_W + "total = torch.zeros(1)\nfor step in range(3):\n    loss = (w * w).sum()\n    loss.backward()\n"
        "    w.grad = None\n    total += loss\n",
        finds={"graph-kept-alive": (8,)},
    ),
    Case(
        name="a running total with an optimizer, in a function",
        source="""\
net = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
def epoch(batches):
    running = 0.0
    for batch in batches:
        optimizer.zero_grad()
        loss = net(batch).pow(2).mean()
        loss.backward()
        optimizer.step()
        running = running + loss / len(batches)
    return running
print(epoch([torch.ones(4, 2)] * 3))
""",
        finds={"graph-kept-alive": (11,)},
    ),
    Case(
        name="a moving average of the loss with its graph",
        source=_W + "average = torch.tensor(0.0)\nfor step in range(3):\n    loss = (w * w).sum()\n"
        "    loss.backward()\n    w.grad = None\n    average = 0.9 * average + 0.1 * loss\n",
        finds={"graph-kept-alive": (8,)},
    ),
    Case(
        name="a running total of an evaluation without no_grad",
        source="""\
net = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
net(torch.ones(4, 2)).pow(2).mean().backward()
optimizer.step()
net.eval()
total = 0
for batch in range(3):
    total += net(torch.ones(4, 2)).pow(2).mean()
print(total.item() / 3)
""",
        finds={"graph-kept-alive": (9,)},
    ),
    Case(
        name="a running total that is used for a backward in the end",
        source=_W + "total = 0\nfor step in range(3):\n    loss = (w * w).sum()\n    loss.backward(retain_graph=True)\n"
        "    total += loss\nw.grad = None\ntotal.backward()\n",
        grads={"w": [6.0, 12.0]},
    ),
    Case(
        name="a running total by item()",
        source=_W + "total = 0\nfor step in range(3):\n    loss = (w * w).sum()\n    loss.backward()\n"
        "    w.grad = None\n    total += loss.item()\n",
    ),
    Case(
        name="a loss that is bound anew in each pass",
        source=_W + "for step in range(3):\n    h = w * w\n    h = h + 1\n    loss = h.sum()\n    loss.backward()\n"
        "    w.grad = None\n",
    ),
    # a gradient that holds a graph
    Case(
        name="create_graph without a use for it",
        source=_W + "(w ** 3).sum().backward(create_graph=True)\n",
        finds={"gradient-holds-graph": (3,)},
    ),
    Case(
        name="create_graph in a loop, for nothing",
        source="""\
net = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(2):
    optimizer.zero_grad()
    net(torch.ones(4, 2)).pow(2).mean().backward(create_graph=True)
    optimizer.step()
""",
        finds={"gradient-holds-graph": (6,)},
    ),
    Case(
        name="create_graph, and the gradient differentiated again",
        source=_W + "(w ** 3).sum().backward(create_graph=True)\nw.grad.pow(2).sum().backward()\n",
    ),
    Case(
        name="autograd.grad with create_graph and no use for it",
        source=_W + "(g,) = torch.autograd.grad((w ** 3).sum(), w, create_graph=True)\nprint(g)\n",
    ),
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
        finds={"unused-input": (6,)},
        raises=_UNUSED,
    ),
)
