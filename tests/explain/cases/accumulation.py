"""Gradients that were added to ones already used, and near misses."""

from tests.explain.cases import Case

_NET = """\
net = torch.nn.Linear(2, 1)
x, y = torch.ones(4, 2), torch.zeros(4, 1)
"""  # lines 2 and 3
_W = "w = torch.tensor([1.0, 2.0], requires_grad=True)\n"  # line 2

CASES = (
    *(
        Case(
            name=f"{name} without zero_grad",
            source=_NET
            + f"optimizer = torch.optim.{name}(net.parameters(), lr=0.1)\nfor step in range(3):\n"
            + "    loss = torch.nn.functional.mse_loss(net(x), y)\n    loss.backward()\n    optimizer.step()\n",
            finds={"gradient-accumulated": (7, 8)},
        )
        for name in ("SGD", "Adam", "RMSprop", "Adagrad")
    ),
    Case(
        name="SGD with momentum without zero_grad, in a function",
        source=_NET
        + """\
def train(optimizer):
    for step in range(3):
        loss = torch.nn.functional.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
train(torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9))
""",
        finds={"gradient-accumulated": (7, 8)},
    ),
    Case(
        name="zero_grad of another optimizer's parameters",
        source=_NET
        + """\
other = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(2):
    other.zero_grad()
    net(x).pow(2).mean().backward()
    optimizer.step()
""",
        finds={"gradient-accumulated": (8, 9)},
    ),
    Case(
        name="zero_grad once, before the loop",
        source=_NET
        + """\
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
optimizer.zero_grad()
for step in range(2):
    net(x).pow(2).mean().backward()
    optimizer.step()
""",
        finds={"gradient-accumulated": (7, 8)},
    ),
    Case(
        name="an update by hand without clearing",
        source=_W + "for step in range(3):\n    loss = (w * w).sum()\n    loss.backward()\n    with torch.no_grad():\n"
        "        w -= 0.1 * w.grad\n",
        finds={"gradient-accumulated": (5, 7)},
    ),
    Case(
        name="an update through .data without clearing",
        source=_W + "for step in range(3):\n    (w * w).sum().backward()\n    w.data -= 0.1 * w.grad\n",
        finds={"gradient-accumulated": (4, 5)},
    ),
    Case(
        name="an update that assigns .data without clearing",
        source=_W + "for step in range(3):\n    (w * w).sum().backward()\n    w.data = w.data - 0.1 * w.grad\n",
        finds={"gradient-accumulated": (4, 5)},
    ),
    Case(
        name="an update with a step computed on a line of its own",
        source=_W + "for step in range(3):\n    (w * w).sum().backward()\n    with torch.no_grad():\n"
        "        move = 0.1 * w.grad\n        w -= move\n",
        finds={"gradient-accumulated": (4, 7)},
    ),
    Case(
        name="an update of all parameters without clearing",
        source=_NET + "for step in range(3):\n    net(x).pow(2).mean().backward()\n    with torch.no_grad():\n"
        "        for parameter in net.parameters():\n            parameter -= 0.1 * parameter.grad\n",
        finds={"gradient-accumulated": (5, 8)},
    ),
    Case(
        name="one of two leaves cleared",
        source=_W + "b = torch.zeros(1, requires_grad=True)\nfor step in range(3):\n    (w * w + b).sum().backward()\n"
        "    with torch.no_grad():\n        w -= 0.1 * w.grad\n        b -= 0.1 * b.grad\n    w.grad = None\n",
        finds={"gradient-accumulated": (5, 8)},
    ),
    Case(
        name="a step, one more backward, and a look at the sum",
        source=_W + "optimizer = torch.optim.SGD([w], lr=0.1)\n(w * w).sum().backward()\noptimizer.step()\n"
        "(w * 3).sum().backward()\nprint(w.grad)\n",
        finds={"gradient-accumulated": (6, 5)},
        grads={"w": [5.0, 7.0]},
    ),
    Case(
        name="one pass only",
        source=_NET + "optimizer = torch.optim.SGD(net.parameters(), lr=0.1)\nnet(x).pow(2).mean().backward()\n"
        "optimizer.step()\n",
    ),
    Case(
        name="cleared by zero_grad of the network after the step",
        source=_NET + "optimizer = torch.optim.SGD(net.parameters(), lr=0.1)\nfor step in range(3):\n"
        "    net(x).pow(2).mean().backward()\n    optimizer.step()\n    net.zero_grad()\n",
    ),
    Case(
        name="cleared by fill_",
        source=_W + "for step in range(3):\n    (w * w).sum().backward()\n    with torch.no_grad():\n"
        "        w -= 0.1 * w.grad\n        w.grad.fill_(0)\n",
    ),
    Case(
        name="cleared by a new tensor",
        source=_W + "for step in range(3):\n    (w * w).sum().backward()\n    with torch.no_grad():\n"
        "        w -= 0.1 * w.grad\n    w.grad = torch.zeros_like(w)\n",
    ),
    Case(
        name="momentum by hand, kept in .grad",
        source=_W + "for step in range(3):\n    (w * w).sum().backward()\n    with torch.no_grad():\n"
        "        w -= 0.1 * w.grad\n        w.grad *= 0.9\n",
    ),
    Case(
        name="two backwards and then a step",
        source=_W + "optimizer = torch.optim.SGD([w], lr=0.1)\n(w * w).sum().backward()\n(w * 3).sum().backward()\n"
        "optimizer.step()\n",
        grads={"w": [5.0, 7.0]},
    ),
    Case(
        name="the sum of two gradients, without an update",
        source=_W + "(w * 2).sum().backward()\nprint(w.grad)\n(w * 2).sum().backward()\nprint(w.grad)\n",
        grads={"w": [4.0, 4.0]},
    ),
    Case(
        name="parts of a batch, a step for every second, and cleared then",
        source=_NET + "optimizer = torch.optim.SGD(net.parameters(), lr=0.1)\nfor step in range(4):\n"
        "    (net(x).pow(2).mean() / 2).backward()\n    if step % 2:\n        optimizer.step()\n"
        "        optimizer.zero_grad(set_to_none=False)\n",
    ),
    Case(
        name="a generator's backward that adds to the discriminator's, which is cleared first",
        source="""\
G, D = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
of_g, of_d = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
for step in range(2):
    fake = G(torch.ones(4, 2))
    of_d.zero_grad(set_to_none=False)
    (D(fake.detach()).mean() - D(torch.ones(4, 2)).mean()).backward()
    of_d.step()
    of_g.zero_grad(set_to_none=False)
    (-D(fake).mean()).backward()
    of_g.step()
""",
    ),
    Case(
        name="a generator's backward whose additions the discriminator uses",
        source="""\
G, D = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
of_g, of_d = torch.optim.SGD(G.parameters(), lr=0.1), torch.optim.SGD(D.parameters(), lr=0.1)
for step in range(2):
    fake = G(torch.ones(4, 2))
    (D(fake.detach()).mean() - D(torch.ones(4, 2)).mean()).backward()
    of_d.step()
    of_g.zero_grad()
    (-D(fake).mean()).backward()
    of_g.step()
""",
        finds={"gradient-accumulated": (9, 7)},
    ),
)
