"""Backwards that have no graph to go through, and near misses."""

from tests.explain.cases import Case

_NETS = """\
A, B = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
x = torch.ones(4, 2)
"""  # lines 2 and 3
_LEAVES = """\
w = torch.tensor([1.0, 2.0], requires_grad=True)
v = torch.tensor([3.0, 4.0], requires_grad=True)
"""  # lines 2 and 3
_NO_GRAPH = "does not require grad and does not have a grad_fn"

CASES = (
    # nothing to differentiate
    Case(
        name="nothing requires grad",
        source="x = torch.ones(3)\n(x * x).sum().backward()\n",
        finds={"nothing-to-differentiate": (3,)},
        raises=_NO_GRAPH,
    ),
    Case(
        name="every parameter is frozen",
        source="net = torch.nn.Linear(2, 1)\nnet.requires_grad_(False)\nloss = net(torch.ones(4, 2)).mean()\n"
        "loss.backward()\n",
        finds={"nothing-to-differentiate": (3, 5)},
        raises=_NO_GRAPH,
    ),
    Case(
        name="the loss was detached",
        source=_LEAVES + "loss = (w * v).sum().detach()\nloss.backward()\n",
        finds={"nothing-to-differentiate": (4, 5)},
        raises=_NO_GRAPH,
    ),
    Case(
        name="the forward ran under no_grad",
        source=_NETS + "with torch.no_grad():\n    loss = B(A(x)).mean()\nloss.backward()\n",
        finds={"nothing-to-differentiate": (5, 6)},
        raises=_NO_GRAPH,
    ),
    Case(
        name="the accuracy is no loss",
        source="""\
net = torch.nn.Linear(2, 3)
y = torch.tensor([0, 1, 2])
accuracy = (net(torch.ones(3, 2)).argmax(1) == y).float().mean()
accuracy.backward()
""",
        finds={"nothing-to-differentiate": (4, 5)},
        raises=_NO_GRAPH,
    ),
    Case(
        name="the loss was rebuilt from its number",
        source=_LEAVES + "loss = torch.tensor((w * v).sum().item())\nloss.backward()\n",
        finds={"nothing-to-differentiate": (4, 5)},
        raises=_NO_GRAPH,
    ),
    Case(
        name="autograd.grad of a detached result",
        source=_LEAVES + "y = (w * v).detach().sum()\ntorch.autograd.grad(y, w)\n",
        finds={"nothing-to-differentiate": (4, 5)},
        raises=_NO_GRAPH,
    ),
    Case(
        name="an update under no_grad that gave the name to a plain tensor",
        source="""\
w = torch.tensor([1.0, 2.0], requires_grad=True)
for step in range(2):
    loss = (w * w).sum()
    loss.backward()
    with torch.no_grad():
        w = w - 0.1 * w.grad
""",
        finds={"nothing-to-differentiate": (7, 5)},
        raises=_NO_GRAPH,
    ),
    Case(
        name="a refusal that the reader caught",
        source=_LEAVES
        + "y = w.detach().sum()\ntry:\n    y.backward()\nexcept RuntimeError as error:\n    print(error)\n",
        finds={"nothing-to-differentiate": (4, 6)},
    ),
    Case(
        name="a second derivative of something linear",
        source="w = torch.ones(2, requires_grad=True)\n"
        "(g,) = torch.autograd.grad((w * 3).sum(), w, create_graph=True)\ng.sum().backward()\n",
        finds={"nothing-to-differentiate": (4,)},
        raises=_NO_GRAPH,
    ),
    # checkpoints
    Case(
        name="a reentrant checkpoint over data",
        source="""\
from torch.utils.checkpoint import checkpoint
net, head = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
x = torch.ones(4, 2)
out = head(checkpoint(net, x, use_reentrant=True))
out.sum().backward()
""",
        finds={"checkpoint-without-input-gradient": (5,)},
    ),
    Case(
        name="a reentrant checkpoint over data, and nothing after it",
        source="""\
from torch.utils.checkpoint import checkpoint
net = torch.nn.Linear(2, 3)
def block(t):
    return net(t).relu()
checkpoint(block, torch.ones(4, 2), use_reentrant=True).sum().backward()
""",
        finds={"checkpoint-without-input-gradient": (6,)},
        raises=_NO_GRAPH,
    ),
    Case(
        name="a reentrant checkpoint whose function detaches",
        source="from torch.utils.checkpoint import checkpoint\nw = torch.ones(2, requires_grad=True)\n"
        "y = checkpoint(lambda x: x.detach(), w, use_reentrant=True)\ny.sum().backward()\n",
        finds={"checkpoint-without-input-gradient": (4, 5)},
        raises="none of output has requires_grad=True",
    ),
    Case(
        name="a reentrant checkpoint over data that was made to require grad",
        source="""\
from torch.utils.checkpoint import checkpoint
net = torch.nn.Linear(2, 3)
x = torch.ones(4, 2).requires_grad_()
checkpoint(net, x, use_reentrant=True).sum().backward()
""",
    ),
    Case(
        name="a leaf that came to require grad after it was used",
        source="w = torch.ones(2)\ny = w * 2\nw.requires_grad_()\ny.sum().backward()\n",
        finds={"nothing-to-differentiate": (4, 3, 5)},
        raises=_NO_GRAPH,
    ),
    Case(
        name="parameters that were thawed after the forward",
        source="""\
net = torch.nn.Linear(2, 1)
for p in net.parameters():
    p.requires_grad = False
out = net(torch.ones(1, 2))
for p in net.parameters():
    p.requires_grad = True
out.sum().backward()
""",
        finds={"nothing-to-differentiate": (7, 5, 8)},
        raises=_NO_GRAPH,
    ),
    Case(
        name="losses of a list, copied into a tensor",
        source="w = torch.ones(2, requires_grad=True)\nlosses = [(w * k).sum() for k in range(3)]\n"
        "torch.tensor(losses).sum().backward()\nprint(w.grad)\n",
        finds={"nothing-to-differentiate": (4,)},
        raises=_NO_GRAPH,
    ),
)
