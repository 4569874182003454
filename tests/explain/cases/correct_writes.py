"""Correct programs that write in place, share memory or look at gradients: nothing is found in them."""

from tests.explain.cases import Case

W = "w = torch.ones(3, requires_grad=True)"

CASES = (
    Case(
        name="a parameter updated through .data under a view of it",
        source=f"{W}\nv = w.view(3, 1)\nw.data.mul_(2)\nloss = v.sum()\nloss.backward()",
        grads={"w": [1.0, 1.0, 1.0]},
    ),
    Case(
        name="memory set under a tensor before it is used",
        source=f"x = torch.ones(3)\nx.set_(torch.zeros(3))\n{W}\n(w + x).sum().backward()",
    ),
    Case(
        name="two halves of an activation, one of them written",
        source="""\
layer = torch.nn.Linear(2, 4)
h = layer(torch.ones(1, 2))
head, tail = h[:, :2], h[:, 2:]
tail.mul_(3)
torch.cat([head, tail], 1).sum().backward()
""",
    ),
    Case(
        name="a sum written in place that saved nothing",
        source=f"{W}\ny = w + 1\ny += 2\ny *= 3\ny.sum().backward()",
        grads={"w": [3.0, 3.0, 3.0]},
    ),
    Case(
        name="an activation in place that saves its own result",
        source=f"{W}\ny = (w * 2).relu_()\ny.sum().backward()",
        grads={"w": [2.0, 2.0, 2.0]},
    ),
    Case(
        name="sigmoid in place, then used",
        source=f"{W}\ny = (w * 2).sigmoid_()\n(y * 3).sum().backward()",
    ),
    Case(
        name="a saved tensor written after backward",
        source=f"{W}\ny = w.exp()\ny.sum().backward()\ny.detach().zero_()",
    ),
    Case(
        name="inputs loaded through one array, with copies",
        source="""\
import numpy as np
buffer = np.zeros(3, dtype=np.float32)
w = torch.ones(3, requires_grad=True)
loss = 0
for step in range(3):
    buffer[:] = step
    loss = loss + (w * torch.from_numpy(buffer.copy())).sum()
loss.backward()
""",
        grads={"w": [3.0, 3.0, 3.0]},
    ),
    Case(
        name="a result handed to numpy to look at",
        source=f"{W}\ny = w.exp()\nprint(y.detach().numpy().round(2))\ny.sum().backward()",
    ),
    Case(
        name="a numpy copy of the weights, kept and compared",
        source=(
            f"{W}\nstart = w.detach().numpy().copy()\nw.exp().sum().backward()\nwith torch.no_grad():\n"
            "    w -= w.grad\nprint(w.detach().numpy() - start)"
        ),
    ),
    Case(
        name="a mask applied out of place",
        source=f"{W}\nmask = torch.tensor([1., 0., 1.])\ny = w * mask\ny.masked_fill(mask == 0, 5.0).sum().backward()",
        grads={"w": [1.0, 0.0, 1.0]},
    ),
    Case(
        name="a mask applied in place",
        source=f"{W}\ny = w * 2\ny.masked_fill_(torch.tensor([False, True, False]), 0.0)\ny.sum().backward()",
        grads={"w": [2.0, 0.0, 2.0]},
    ),
    Case(
        name="where with both branches harmless",
        source="x = torch.tensor([-1., 2.], requires_grad=True)\ntorch.where(x > 0, x, x * 0.1).sum().backward()",
        grads={"x": [0.1, 1.0]},
    ),
    Case(
        name="where around a log, with its input made safe",
        source="""\
x = torch.tensor([0., 2.], requires_grad=True)
positive = x > 0
y = torch.where(positive, torch.log(torch.where(positive, x, torch.ones(2))), torch.zeros(2))
y.sum().backward()
""",
        grads={"x": [0.0, 0.5]},
    ),
    Case(
        name="weights pruned by a mask under no_grad before training",
        source="""\
layer = torch.nn.Linear(2, 2)
mask = (layer.weight.detach().abs() > 0.3).float()
with torch.no_grad():
    layer.weight.mul_(mask)
layer(torch.ones(2)).sum().backward()
layer.weight.grad.mul_(mask)
""",
    ),
    Case(
        name="a buffer of a module updated in its forward",
        source="""\
class Counting(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(1))
        self.layer = torch.nn.Linear(2, 1)
    def forward(self, x):
        self.seen += 1
        return self.layer(x)
net = Counting()
(net(torch.ones(2)) + net(torch.zeros(2))).sum().backward()
""",
    ),
    Case(
        name="weights tied in memory",
        source="""\
class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(4, 3)
        self.out = torch.nn.Linear(3, 4, bias=False)
        self.out.weight = self.table.weight
    def forward(self, i):
        return self.out(self.table(i).tanh())
net = Tied()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(2):
    optimizer.zero_grad()
    net(torch.tensor([1, 2])).logsumexp(-1).sum().backward()
    optimizer.step()
""",
    ),
    Case(
        name="a tensor written under inference mode only",
        source="with torch.inference_mode():\n    a = torch.ones(3)\n    b = a[1:]\n    b *= 2\n    a += 1\nprint(a)",
    ),
    Case(
        name="a replay buffer filled in place, sampled by copies",
        source="""\
net = torch.nn.Linear(2, 1)
buffer = torch.zeros(4, 2)
for step in range(3):
    buffer[step] = torch.randn(2)
    net.zero_grad()
    net(buffer[: step + 1].clone()).pow(2).mean().backward()
""",
    ),
    Case(
        name="a view written before anything was saved",
        source=f"{W}\ny = w * 2\ny[:2] *= 3\ny.exp().sum().backward()",
    ),
    Case(
        name="a write under no_grad to data of no graph",
        source=f"x = torch.ones(3)\nwith torch.no_grad():\n    x.add_(1)\n{W}\n(w * x).sum().backward()",
        grads={"w": [2.0, 2.0, 2.0]},
    ),
    Case(
        name="a hook that logs norms of every parameter",
        source="""\
net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
norms = {}
for name, p in net.named_parameters():
    p.register_hook(lambda grad, name=name: norms.__setitem__(name, grad.norm().item()))
net(torch.ones(4, 2)).mean().backward()
""",
    ),
    Case(
        name="a custom Function that saves as it should",
        source="""\
class Exp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y
    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad * y
w = torch.zeros(2, requires_grad=True)
Exp.apply(w).sum().backward()
""",
        grads={"w": [1.0, 1.0]},
    ),
    Case(
        name="a straight-through estimator of one's own",
        source="""\
class Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.round()
    @staticmethod
    def backward(ctx, grad):
        return grad
w = torch.tensor([0.4, 1.6], requires_grad=True)
(Round.apply(w) * 2).sum().backward()
""",
        grads={"w": [2.0, 2.0]},
    ),
    Case(
        name="an accumulator updated in place under no_grad",
        source="""\
w = torch.ones(2, requires_grad=True)
total = torch.zeros(())
for step in range(3):
    loss = w.exp().sum()
    with torch.no_grad():
        total += loss
print(total)
""",
    ),
    Case(
        name="a running maximum kept in place",
        source="best = torch.zeros(2)\nfor step in range(3):\n    torch.maximum(best, torch.randn(2), out=best)",
    ),
)
