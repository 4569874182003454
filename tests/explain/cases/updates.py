"""Optimizers that never find a gradient, and near misses."""

from tests.explain.cases import Case

_NET = "net = torch.nn.Linear(2, 1)\nx = torch.ones(4, 2)\n"  # lines 2 and 3
_SGD = "optimizer = torch.optim.SGD(net.parameters(), lr=0.1)\n"
_BACKWARD = "    net(x).pow(2).mean().backward()\n"
_ZERO, _STEP = "    optimizer.zero_grad()\n", "    optimizer.step()\n"

CASES = (
    Case(
        name="zero_grad between backward and the step",
        source=f"{_NET}{_SGD}for _ in range(2):\n{_BACKWARD}{_ZERO}{_STEP}print(net.weight)\n",
        finds={"update-without-gradient": (7, 8)},
    ),
    Case(
        name="gradients set to None by hand before the step",
        source=f"{_NET}{_SGD}for _ in range(2):\n{_BACKWARD}"
        f"    for p in net.parameters():\n        p.grad = None\n{_STEP}",
        finds={"update-without-gradient": (8, 9)},
    ),
    Case(
        name="zero_grad and the step before backward",
        source=f"{_NET}{_SGD}for _ in range(2):\n{_ZERO}{_STEP}{_BACKWARD}",
        finds={"update-without-gradient": (6, 7)},
    ),
    Case(
        name="an optimizer made before a layer was replaced",
        source="net = torch.nn.Sequential(torch.nn.Linear(2, 1))\nx = torch.ones(4, 2)\n"
        f"{_SGD}net[0] = torch.nn.Linear(2, 1)\nfor _ in range(2):\n{_ZERO}{_BACKWARD}{_STEP}",
        finds={"update-without-gradient": (4, 9)},
    ),
    Case(
        name="gradients that autograd.grad handed out",
        source=f"{_NET}{_SGD}torch.autograd.grad(net(x).sum(), net.weight)\noptimizer.step()\n",
        finds={"update-without-gradient": (6,)},
    ),
    Case(
        name="a step and no backward",
        source=f"{_NET}{_SGD}with torch.no_grad():\n    net(x)\noptimizer.step()\n",
        finds={"update-without-gradient": (7,)},
    ),
    Case(
        name="a step before the first backward, and others after",
        source=f"{_NET}{_SGD}optimizer.step()\nfor _ in range(2):\n{_ZERO}{_BACKWARD}{_STEP}",
    ),
    Case(
        name="zero_grad in place: there are gradients, of zeros",
        source=f"{_NET}{_SGD}for _ in range(2):\n{_BACKWARD}    optimizer.zero_grad(set_to_none=False)\n{_STEP}",
    ),
    Case(
        name="one of two optimizers waits for its turn",
        source=f"{_NET}{_SGD}other = torch.nn.Linear(2, 1)\n"
        "late = torch.optim.Adam(other.parameters())\n"
        f"for step in range(3):\n{_ZERO}{_BACKWARD}{_STEP}"
        "    late.zero_grad()\n    if step > 0:\n        other(x).pow(2).mean().backward()\n    late.step()\n",
    ),
    Case(
        name="a closure that makes the gradients",
        source=f"{_NET}{_SGD}def closure():\n    optimizer.zero_grad()\n    loss = net(x).pow(2).mean()\n"
        "    loss.backward()\n    return loss\noptimizer.step(closure)\n",
    ),
    Case(
        name="an optimizer of the reader's own that needs no gradients",
        source="""\
class Search(torch.optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {})
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p += 0.1 * torch.randn_like(p)
net = torch.nn.Linear(2, 1)
optimizer = Search(net.parameters())
for _ in range(2):
    optimizer.step()
""",
    ),
)
