"""Leaves that are none, or that got no gradient, and near misses."""

from tests.explain.cases import Case

_W = "w = torch.tensor([1.0, 2.0], requires_grad=True)\n"  # line 2

CASES = (
    # leaf-rebound
    Case(
        name="an update that rebinds the name",
        source="""\
w = torch.tensor([1.0, 2.0], requires_grad=True)
for step in range(2):
    loss = (w * w).sum()
    loss.backward()
    w = w - 0.1 * w.grad
""",
        finds={"leaf-rebound": (6,)},
        raises="NoneType",
    ),
    Case(
        name="an update that rebinds the name, then clears its gradient",
        source=_W + "(w * w).sum().backward()\nw = w - 0.1 * w.grad\nw.grad.zero_()\n",
        finds={"leaf-rebound": (4, 5)},
        raises="NoneType",
    ),
    Case(
        name="an update in a function that rebinds its argument",
        source="""\
def train(w):
    for step in range(2):
        loss = (w * w).sum()
        loss.backward()
        w = w - 0.1 * w.grad
train(torch.tensor([1.0, 2.0], requires_grad=True))
""",
        finds={"leaf-rebound": (6,)},
        raises="NoneType",
    ),
    Case(
        name="a leaf that was scaled when it was made",
        source="w = torch.randn(3, requires_grad=True) * 0.1\n(w * w).sum().backward()\nprint(w.grad)\n",
        finds={"leaf-rebound": (2, 4)},
    ),
    Case(
        name="a leaf that was converted when it was made",
        source="w = torch.zeros(2, requires_grad=True).to(torch.float64)\nw.sum().backward()\nprint(w.grad)\n",
        finds={"leaf-rebound": (2, 4)},
    ),
    Case(
        name="a leaf that was reshaped under its own name",
        source=_W + "w = w.reshape(1, 2)\n(w * w).sum().backward()\nprint(w.grad)\n",
        finds={"leaf-rebound": (3, 5)},
    ),
    Case(
        name="an input that goes through the layers under one name",
        source="""\
x = torch.ones(4, 2, requires_grad=True)
net = torch.nn.Linear(2, 2)
x = net(x)
x = x.relu()
x.sum().backward()
print(x.grad)
""",
        finds={"leaf-rebound": (5, 7)},
    ),
    Case(
        name="a scaled leaf handed to an optimizer",
        source="w = torch.randn(3, requires_grad=True) * 0.1\noptimizer = torch.optim.SGD([w], lr=0.1)\n",
        finds={"leaf-rebound": (2, 3)},
        raises="can't optimize a non-leaf Tensor",
    ),
    Case(
        name="a converted parameter among others handed to an optimizer",
        source="v = torch.ones(2, requires_grad=True)\nw = torch.nn.Parameter(torch.ones(2)).double()\n"
        "optimizer = torch.optim.Adam([v, w])\n",
        finds={"leaf-rebound": (3, 4)},
        raises="can't optimize a non-leaf Tensor",
    ),
    Case(
        name="a .to that changes nothing gives the leaf itself",
        source="w = torch.zeros(2, requires_grad=True).to(torch.float32)\nw.sum().backward()\nprint(w.grad)\n",
        grads={"w": [1.0, 1.0]},
    ),
    Case(
        name="a rebound name whose gradient is kept",
        source=_W + "w = w * 2\nw.retain_grad()\n(w * w).sum().backward()\nprint(w.grad)\n",
    ),
    Case(
        name="a rebound name whose gradient nobody reads",
        source="x = torch.ones(4, 2, requires_grad=True)\nx = torch.nn.Linear(2, 2)(x)\nx = x.relu()\n"
        "x.sum().backward()\n",
    ),
    Case(
        name="an update that rebinds the name to a new leaf",
        source=_W + "for step in range(2):\n    (w * w).sum().backward()\n"
        "    w = (w - 0.1 * w.grad).detach().requires_grad_()\nprint(w.grad)\n",
    ),
    # non-leaf-grad-read
    Case(
        name=".grad of a result",
        source=_W + "y = w * 3\n(y * y).sum().backward()\nprint(y.grad)\n",
        finds={"non-leaf-grad-read": (5, 3)},
    ),
    Case(
        name=".grad of a layer's output, kept in a list",
        source="net = torch.nn.Linear(2, 2)\nouts = [net(torch.ones(1, 2)) for _ in range(2)]\n"
        "sum(out.sum() for out in outs).backward()\nprint(outs[1].grad)\n",
        finds={"non-leaf-grad-read": (5, 3)},
    ),
    Case(
        name=".grad of a slice of a leaf",
        source=_W + "first = w[0]\n(first * first).backward()\nprint(first.grad)\n",
        finds={"non-leaf-grad-read": (5, 3)},
    ),
    Case(
        name="retain_grad came after backward",
        source=_W + "y = w * 3\ny.sum().backward()\nprint(y.grad)\ny.retain_grad()\n",
        finds={"non-leaf-grad-read": (5, 3)},
    ),
    Case(
        name=".grad of a detached result",
        source=_W + "y = (w * 3).detach()\n(y * w).sum().backward()\nprint(y.grad)\n",
        finds={"frozen-leaf": (5, 3)},
    ),
    # leaf-without-gradient
    Case(
        name="a leaf that the loss does not use",
        source=_W + "v = torch.ones(2, requires_grad=True)\n(w * 2).sum().backward()\nprint(v.grad)\n",
        finds={"leaf-without-gradient": (4,)},
    ),
    Case(
        name="a head that the loss does not use",
        source="""\
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.one, self.two = (torch.nn.Linear(2, 2) for _ in range(3))
    def forward(self, x):
        h = self.body(x).relu()
        return self.one(h), self.two(h)
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
one, two = net(torch.ones(4, 2))
one.pow(2).mean().backward()
optimizer.step()
""",
        finds={"leaf-without-gradient": (12,)},
    ),
    Case(
        name="a wrong variable in the loss",
        source="""\
net, other = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD([*net.parameters(), *other.parameters()], lr=0.1)
x, y = torch.ones(4, 2), torch.zeros(4, 1)
good, bad = net(x), other(x)
torch.nn.functional.mse_loss(good, y).backward()
optimizer.step()
""",
        finds={"leaf-without-gradient": (6,)},
    ),
    Case(
        name="a leaf that only a branch not taken would use",
        source=_W + "v = torch.ones(2, requires_grad=True)\nloss = (w * v).sum() if w.sum() < 0 else w.sum()\n"
        "loss.backward()\nprint(v.grad)\n",
        finds={"leaf-without-gradient": (5,)},
    ),
    Case(
        name="a leaf of which only the order matters",
        source=_W + "v = torch.ones(2, requires_grad=True)\nvalues, best = w.topk(1)\nv[best].sum().backward()\n",
        finds={"leaf-without-gradient": (5,)},
    ),
    Case(
        name="a view of a leaf made under no_grad is no leaf of its own",
        source=_W + "with torch.no_grad():\n    first = w[:1]\n(w * 2).sum().backward()\n",
    ),
    Case(
        name="a parameter made in inference mode",
        source="with torch.inference_mode():\n    net = torch.nn.Linear(2, 1)\nnet(torch.ones(2)).sum().backward()\n",
        finds={"leaf-without-gradient": (4,)},
    ),
    Case(
        name="a leaf that came to require grad after the loss was computed",
        source=_W + "x = torch.ones(2)\ny = (w * x).sum()\nx.requires_grad_()\ny.backward()\nprint(x.grad)\n",
        finds={"leaf-without-gradient": (5, 4, 6)},
    ),
    Case(
        name="a body that was thawed after its forward",
        source="""\
net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
net[0].requires_grad_(False)
h = net[0](torch.ones(1, 2))
net[0].requires_grad_(True)
net[1](h).sum().backward()
print(net[0].weight.grad)
""",
        finds={"leaf-without-gradient": (5, 4, 6)},
    ),
    Case(
        name="a leaf of which a constant was computed before it came to require grad",
        source="w = torch.ones(2)\nsize = w.norm()\nw.requires_grad_()\n(w / size).sum().backward()\nprint(w.grad)\n",
    ),
    Case(
        name="the last bias, and nothing but a penalty on gradients",
        source="""\
net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
x = torch.randn(3, 2, requires_grad=True)
(slope,) = torch.autograd.grad(net(x).sum(), x, create_graph=True)
(slope.norm(dim=1) - 1).pow(2).mean().backward()
""",
        finds={"leaf-without-gradient": (5,)},
    ),
    Case(
        name="a leaf that a later backward reaches",
        source=_W + "v = torch.ones(2, requires_grad=True)\n(w * 2).sum().backward()\n(v * 3).sum().backward()\n",
    ),
    Case(
        name="backward told which inputs",
        source=_W + "v = torch.ones(2, requires_grad=True)\n(w * v).sum().backward(inputs=[w])\nprint(w.grad)\n",
    ),
    # frozen-leaf
    Case(
        name=".grad of data",
        source=_W + "x = torch.ones(2)\n(w * x).sum().backward()\nprint(x.grad)\n",
        finds={"frozen-leaf": (5, 3)},
    ),
    Case(
        name=".grad of a frozen weight",
        source="net = torch.nn.Linear(2, 1)\nnet.weight.requires_grad_(False)\nnet(torch.ones(4, 2)).sum().backward()\n"
        "print(net.weight.grad)\n",
        finds={"frozen-leaf": (5, 3)},
    ),
    Case(
        name=".grad of a leaf that was frozen between forward and backward",
        source=_W + "y = (w * 2).sum()\nw.requires_grad_(False)\ny.backward()\nprint(w.grad)\n",
        finds={"frozen-leaf": (6, 4)},
    ),
    Case(
        name=".grad of all parameters, one after the other",
        source="net = torch.nn.Linear(2, 1)\nnet.weight.requires_grad_(False)\nnet(torch.ones(4, 2)).sum().backward()\n"
        "for name, parameter in net.named_parameters():\n    print(name, parameter.grad)\n",
    ),
    Case(
        name=".grad of data that the loss was not made from",
        source=_W + "x = torch.ones(2)\n(w * 2).sum().backward()\nassert x.grad is None\n",
    ),
    # tied-leaf
    Case(
        name="one layer in a list three times",
        source="layers = [torch.nn.Linear(2, 2)] * 3\nnet = torch.nn.Sequential(*layers)\n"
        "net(torch.ones(4, 2)).sum().backward()\n",
        finds={"tied-leaf": (4,)},
    ),
    Case(
        name="layers of their own",
        source="layers = [torch.nn.Linear(2, 2) for _ in range(3)]\nnet = torch.nn.Sequential(*layers)\n"
        "net(torch.ones(4, 2)).sum().backward()\n",
    ),
    Case(
        name="one activation in a list three times",
        source="act = torch.nn.Tanh()\n"
        "net = torch.nn.Sequential(torch.nn.Linear(2, 2), act, torch.nn.Linear(2, 2), act)\n"
        "net(torch.ones(4, 2)).sum().backward()\n",
    ),
    Case(
        name="a tied weight whose gradient is looked at",
        source="""\
embedding, out = torch.nn.Embedding(5, 3), torch.nn.Linear(3, 5, bias=False)
out.weight = embedding.weight
out(embedding(torch.tensor([1, 2]))).sum().backward()
print(embedding.weight.grad)
""",
        finds={"tied-leaf": (5,)},
    ),
    Case(
        name="one layer under two names",
        source="layer = torch.nn.Linear(2, 2)\nnet = torch.nn.Sequential(layer, torch.nn.ReLU())\n"
        "net(torch.ones(4, 2)).sum().backward()\nprint(layer.weight.grad)\n",
    ),
    Case(
        name="a leaf used twice in a formula",
        source=_W + "(w * w + w).sum().backward()\nprint(w.grad)\n",
        grads={"w": [3.0, 5.0]},
    ),
)
