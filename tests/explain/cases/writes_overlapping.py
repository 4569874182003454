"""Operators that read what they write, snapshots that follow, and bases changed through a view."""

from tests.explain.cases import Case

REFUSED = "some elements of the input tensor and the written-to tensor refer to a single memory location"

OVERLAPPING = (
    Case(
        name="a column taken from all columns",
        source="a = torch.tensor([[1., 2., 3.], [4., 5., 6.]])\na -= a[:, 0, None]\nprint(a)",
        finds={"self-overlapping-write": (3,)},
    ),
    Case(
        name="a column of zeros taken from all columns",
        source="a = torch.tensor([[0., 2., 3.], [0., 5., 6.]])\na -= a[:, 0, None]",
    ),
    Case(
        name="a column taken from all columns out of place",
        source="a = torch.tensor([[1., 2., 3.], [4., 5., 6.]])\na = a - a[:, :1]",
    ),
    Case(
        name="a column cloned, then taken from all columns",
        source="a = torch.tensor([[1., 2., 3.], [4., 5., 6.]])\na -= a[:, :1].clone()",
    ),
    Case(
        name="rows divided by their first element in a function",
        source="""\
def normalise(rows):
    rows.div_(rows[:, :1])
    return rows
out = normalise(torch.tensor([[2., 4., 8.], [5., 10., 15.]]))
""",
        finds={"self-overlapping-write": (3,)},
    ),
    Case(
        name="a column taken in a loop",
        source="a = torch.tensor([[1., 2.], [3., 4.]])\nfor i in range(2):\n    b = a.clone()\n    b -= b[:, i, None]",
        finds={"self-overlapping-write": (5,)},
    ),
    Case(
        name="differences in place",
        source="a = torch.tensor([1., 2., 3., 4., 5.])\na[1:] -= a[:-1]",
        finds={"self-overlapping-write": (3,)},
        raises=REFUSED,
    ),
    Case(
        name="shifted by one in place",
        source="a = torch.arange(5.)\na[1:] = a[:-1]",
        finds={"self-overlapping-write": (3,)},
        raises=REFUSED,
    ),
    Case(
        name="divided by its own first element",
        source="a = torch.arange(1., 5.)\na /= a[0]",
        finds={"self-overlapping-write": (3,)},
        raises=REFUSED,
    ),
    Case(
        name="a matrix and its transpose",
        source="a = torch.arange(4.).view(2, 2)\na += a.t()",
        finds={"self-overlapping-write": (3,)},
        raises=REFUSED,
    ),
    Case(name="even elements and odd ones", source="a = torch.arange(8.)\na[::2] += a[1::2]"),
    Case(name="added to itself", source="a = torch.arange(4.)\na += a\na *= a.sum()"),
    Case(name="one row added to another", source="a = torch.arange(6.).view(2, 3)\na[0] += a[1]\na[1] = a[0]"),
)

LAYER = "net = torch.nn.Linear(2, 1)\noptimizer = torch.optim.SGD(net.parameters(), lr=0.1)"
TRAIN = "optimizer.zero_grad()\nnet(torch.ones(4, 2)).pow(2).mean().backward()\noptimizer.step()"
LOOP = "    optimizer.zero_grad()\n    net(torch.ones(4, 2)).pow(2).mean().backward()\n    optimizer.step()"

SNAPSHOTS = (
    Case(
        name="the best weights, kept and loaded back",
        source=f"{LAYER}\nbest = net.state_dict()\n{TRAIN}\nnet.load_state_dict(best)",
        finds={"snapshot-shares-storage": (4, 7, 8)},
    ),
    Case(
        name="the best weights, deep-copied and loaded back",
        source=f"import copy\n{LAYER}\nbest = copy.deepcopy(net.state_dict())\n{TRAIN}\nnet.load_state_dict(best)",
    ),
    Case(
        name="the best weights, kept on the best loss",
        source=f"""\
{LAYER}
best, best_loss = None, float("inf")
for epoch in range(2):
    optimizer.zero_grad()
    loss = net(torch.ones(4, 2)).pow(2).mean()
    if loss.item() < best_loss and epoch == 0:
        best, best_loss = net.state_dict(), loss.item()
    loss.backward()
    optimizer.step()
net.load_state_dict(best)
""",
        finds={"snapshot-shares-storage": (9, 11, 12)},
    ),
    Case(
        name="how far the weights went, with detach",
        source="""\
w = torch.ones(2, requires_grad=True)
start = w.detach()
w.exp().sum().backward()
with torch.no_grad():
    w -= 0.1 * w.grad
print((w - start).norm())
""",
        finds={"snapshot-shares-storage": (3, 6, 7)},
    ),
    Case(
        name="how far the weights went, with detach().clone()",
        source="""\
w = torch.ones(2, requires_grad=True)
start = w.detach().clone()
w.exp().sum().backward()
with torch.no_grad():
    w -= 0.1 * w.grad
print((w - start).norm())
""",
    ),
    Case(
        name="a history of weights by .data",
        source=f"{LAYER}\nhistory = []\nfor epoch in range(3):\n{LOOP}\n    history.append(net.weight.data)",
        finds={"snapshot-shares-storage": (9, 8)},
    ),
    Case(
        name="a history of state dicts",
        source=f"{LAYER}\nhistory = []\nfor epoch in range(2):\n{LOOP}\n    history.append(net.state_dict())",
        finds={"snapshot-shares-storage": (9, 8)},
    ),
    Case(
        name="a history of weights by clone",
        source=(
            f"{LAYER}\nhistory = []\nfor epoch in range(3):\n{LOOP}\n    history.append(net.weight.detach().clone())"
        ),
    ),
    Case(
        name="weights before and after, compared",
        source=f"{LAYER}\nbefore = net.weight.data\n{TRAIN}\nassert torch.equal(before, net.weight.data)",
        finds={"snapshot-shares-storage": (4, 7, 8)},
    ),
    Case(
        name="a handle on the weights through which they are updated",
        source="""\
w = torch.ones(2, requires_grad=True)
handle = w.detach()
for step in range(2):
    w.grad = None
    w.exp().sum().backward()
    handle -= 0.1 * w.grad
print(torch.equal(handle, w))
""",
    ),
    Case(
        name="a state dict looked at before training goes on",
        source=f"{LAYER}\nfor name, value in net.state_dict().items():\n    print(name, value.norm())\n{TRAIN}",
    ),
    Case(
        name="a state dict rebound in every epoch",
        source=f"{LAYER}\nfor epoch in range(2):\n{LOOP}\n    last = net.state_dict()",
    ),
    Case(
        name="weights loaded into another network",
        source=f"{LAYER}\nother = torch.nn.Linear(2, 1)\n{TRAIN}\nother.load_state_dict(net.state_dict())",
    ),
)

REBASED = (
    Case(
        name="a named view scaled in place",
        source="w = torch.ones(3, requires_grad=True)\nx = w * 2\nhead = x[:2]\nhead.mul_(10)\nx.sum().backward()",
        finds={"view-history-rebased": (5, 4)},
        grads={"w": [20.0, 20.0, 2.0]},
    ),
    Case(
        name="a reshaped activation written in place",
        source="""\
layer = torch.nn.Linear(2, 4)
out = layer(torch.ones(1, 2))
grid = out.view(2, 2)
grid += 1
out.sum().backward()
""",
        finds={"view-history-rebased": (5, 4)},
    ),
    Case(
        name="a named view scaled out of place",
        source="w = torch.ones(3, requires_grad=True)\nx = w * 2\nhead = x[:2]\nhead = head * 10\nx.sum().backward()",
        grads={"w": [2.0, 2.0, 2.0]},
    ),
    Case(
        name="a buffer filled row by row",
        source="""\
w = torch.ones(2, requires_grad=True)
out = torch.zeros(3, 2)
for i in range(3):
    out[i] = w * i
out.sum().backward()
""",
        grads={"w": [3.0, 3.0]},
    ),
)

CASES = (*OVERLAPPING, *SNAPSHOTS, *REBASED)
