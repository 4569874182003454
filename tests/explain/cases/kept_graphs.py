"""States and totals that carry their graph on, gradients that hold one, and near misses."""

from tests.explain.cases import Case

_W = "w = torch.tensor([1.0, 2.0], requires_grad=True)\n"  # line 2

CASES = (
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
)
