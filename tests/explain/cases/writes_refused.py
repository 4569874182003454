"""Saved tensors that were overwritten and counted, and writes in place that torch refuses."""

from tests.explain.cases import Case

OVERWRITTEN = "modified by an inplace operation"
LEAF = "a leaf Variable that requires grad is being used in an in-place operation"
VIEW = "a view of a leaf Variable that requires grad is being used"
W = "w = torch.ones(3, requires_grad=True)"

SAVED = (
    Case(
        name="ReLU in place on a sigmoid's output",
        source=f"{W}\ny = torch.sigmoid(w)\ntorch.relu_(y)\ny.sum().backward()",
        finds={"saved-tensor-overwritten": (4, 3, 5)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="inplace=True after a layer that saved its output",
        source="""\
x = torch.randn(4, 3, requires_grad=True)
net = torch.nn.Sequential(torch.nn.Tanh(), torch.nn.ReLU(inplace=True))
out = net(x)
out.sum().backward()
""",
        finds={"saved-tensor-overwritten": (4, 5)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="a residual connection added in place",
        source="""\
def block(x):
    y = x.tanh()
    y += x
    return y
w = torch.ones(3, requires_grad=True)
block(w).sum().backward()
""",
        finds={"saved-tensor-overwritten": (4, 3, 7)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="a residual connection added out of place",
        source=f"def block(x):\n    y = x.tanh()\n    y = y + x\n    return y\n{W}\nblock(w).sum().backward()",
    ),
    Case(
        name="a batch normalised in place after it was used",
        source=f"{W}\nx = torch.tensor([1., 2., 3.])\ny = w * x\nx -= x.mean()\ny.sum().backward()",
        finds={"saved-tensor-overwritten": (5, 4, 6)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="a hidden state overwritten in its buffer step by step",
        source="""\
w = torch.ones(2, requires_grad=True)
h = torch.zeros(3, 2)
for t in range(2):
    h[t + 1] = torch.tanh(h[t] * w)
h.sum().backward()
""",
        finds={"saved-tensor-overwritten": (5, 6)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="a hidden state kept in a list",
        source="""\
w = torch.ones(2, requires_grad=True)
h = [torch.zeros(2)]
for t in range(2):
    h.append(torch.tanh(h[t] + w))
torch.stack(h).sum().backward()
""",
    ),
    Case(
        name="a buffer of inputs filled anew before backward",
        source="""\
w = torch.ones(2, requires_grad=True)
batch = torch.zeros(2)
losses = []
for value in (1.0, 2.0):
    batch.fill_(value)
    losses.append((w * batch).sum())
losses[0].backward()
""",
        finds={"saved-tensor-overwritten": (6, 7, 8)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="exp_ on what exp saved",
        source=f"{W}\ny = w.exp()\ny.exp_()\ny.sum().backward()",
        finds={"saved-tensor-overwritten": (4, 3, 5)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="a mask written after it was multiplied with",
        source=f"{W}\nm = torch.ones(3)\ny = (w * m).sum()\nm[1:] = 0\ny.backward()",
        finds={"saved-tensor-overwritten": (5, 4, 6)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="an index tensor shifted in place",
        source=f"{W}\ni = torch.tensor([0, 1])\ny = w[i]\ni += 1\ny.sum().backward()",
        finds={"saved-tensor-overwritten": (5, 4, 6)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="a max_norm embedding whose weight was used before",
        source="""\
table = torch.nn.Embedding(3, 2, max_norm=0.1)
a = table.weight.pow(2).sum()
b = table(torch.tensor([1])).sum()
(a + b).backward()
""",
        finds={"saved-tensor-overwritten": (4, 3, 5)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="a detached copy that is none, written",
        source=f"{W}\ny = w.exp()\nz = y.detach()\nz /= z.sum()\ny.sum().backward()",
        finds={"saved-tensor-overwritten": (5, 3, 6)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="a write that leaves the same values",
        source=f"{W}\ny = w.exp()\ny.add_(0)\ny.sum().backward()",
        finds={"saved-tensor-overwritten": (4, 3, 5)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="other rows of the buffer were written",
        source="""\
w = torch.ones(2, requires_grad=True)
buffer = torch.zeros(2, 2)
buffer[0] = 1.0
y = (w * buffer[0]).sum()
buffer[1] = 5.0
y.backward()
""",
        finds={"saved-tensor-overwritten": (6, 5, 7)},
        raises=OVERWRITTEN,
    ),
)

UPDATES = (
    Case(
        name="a GAN whose discriminator steps before the generator's backward",
        source="""\
G, D = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
opt_d = torch.optim.Adam(D.parameters(), lr=0.1)
opt_g = torch.optim.Adam(G.parameters(), lr=0.1)
fake = D(G(torch.randn(4, 2))).sigmoid()
d_loss, g_loss = (1 - fake).log().mean(), -fake.log().mean()
d_loss.backward(retain_graph=True)
opt_d.step()
g_loss.backward()
""",
        finds={"optimizer-step-before-backward": (8, 5, 9)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="a GAN with both backwards before the steps",
        source="""\
G, D = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
opt_d = torch.optim.SGD(D.parameters(), lr=0.1)
opt_g = torch.optim.SGD(G.parameters(), lr=0.1)
fake = G(torch.randn(4, 2))
d_loss = D(fake.detach()).sigmoid().log().mean()
g_loss = -D(fake).sigmoid().log().mean()
opt_d.zero_grad()
d_loss.backward()
opt_d.step()
opt_g.zero_grad()
g_loss = -D(fake).sigmoid().log().mean()
g_loss.backward()
opt_g.step()
""",
    ),
    Case(
        name="two losses of one forward with a step between",
        source="""\
net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh(), torch.nn.Linear(2, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
a, b = net(torch.ones(1, 2)).unbind(1)
a.sum().backward(retain_graph=True)
optimizer.step()
b.sum().backward()
""",
        finds={"optimizer-step-before-backward": (6, 4, 7)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="a hand-made update between two backwards",
        source="""\
w = torch.ones(3, requires_grad=True)
y = w.pow(2).sum()
y.backward(retain_graph=True)
with torch.no_grad():
    w -= 0.1 * w.grad
y.backward()
""",
        finds={"optimizer-step-before-backward": (6, 3, 7)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="weights clamped before backward",
        source="""\
net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
loss = net(torch.ones(2)).sum()
with torch.no_grad():
    for p in net.parameters():
        p.clamp_(-0.01, 0.01)
loss.backward()
""",
        finds={"optimizer-step-before-backward": (6, 3, 7)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="weights clamped after backward",
        source="""\
net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
loss = net(torch.ones(2)).sum()
loss.backward()
with torch.no_grad():
    for p in net.parameters():
        p.clamp_(-0.01, 0.01)
""",
    ),
    Case(
        name="a graph of last iteration kept over a step",
        source="""\
net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
loss = net(torch.ones(2)).sum()
for epoch in range(2):
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
""",
        finds={"optimizer-step-before-backward": (8, 4, 7)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="an update through detach before backward",
        source=(
            f"{W}\ny = w.exp().mul(w.sum()).sum()\nw.detach().zero_()\nloss = y + w.sigmoid().sum()\nloss.backward()"
        ),
    ),
    Case(
        name="weights loaded between forward and backward",
        source="""\
import copy
net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
old = copy.deepcopy(net.state_dict())
loss = net(torch.ones(2)).sum()
net.load_state_dict(old)
loss.backward()
""",
        finds={"optimizer-step-before-backward": (6, 5, 7)},
        raises=OVERWRITTEN,
    ),
    Case(
        name="a step in a function called before backward",
        source="""\
v = torch.ones(2, requires_grad=True)
w = torch.ones(2, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
def train(loss):
    loss.backward(retain_graph=True)
    optimizer.step()
h = v * w
train(h.sum())
h.mean().backward()
""",
        finds={"optimizer-step-before-backward": (7, 8, 10)},
        raises=OVERWRITTEN,
    ),
)

REFUSED = (
    Case(name="w += 1", source=f"{W}\nw += 1", finds={"inplace-on-leaf": (3, 2)}, raises=LEAF),
    Case(
        name="a leaf updated by hand without no_grad",
        source=f"{W}\nw.exp().sum().backward()\nw -= 0.1 * w.grad",
        finds={"inplace-on-leaf": (4, 2)},
        raises=LEAF,
    ),
    Case(
        name="a leaf updated by hand under no_grad",
        source=f"{W}\nw.exp().sum().backward()\nwith torch.no_grad():\n    w -= 0.1 * w.grad",
    ),
    Case(
        name="a module's parameter scaled",
        source="layer = torch.nn.Linear(2, 2)\nlayer.weight.mul_(0.1)",
        finds={"inplace-on-leaf": (3, 2)},
        raises=LEAF,
    ),
    Case(
        name="parameters decayed in a loop",
        source="net = torch.nn.Linear(2, 2)\nfor p in net.parameters():\n    p *= 0.9",
        finds={"inplace-on-leaf": (4, 2)},
        raises=LEAF,
    ),
    Case(
        name="a parameter copied into in a function",
        source="""\
def tie(one, other):
    one.weight.copy_(other.weight)
a, b = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
tie(a, b)
""",
        finds={"inplace-on-leaf": (3, 4)},
        raises=LEAF,
    ),
    Case(
        name="a parameter initialised by torch.nn.init",
        source="layer = torch.nn.Linear(2, 2)\ntorch.nn.init.zeros_(layer.bias)\nlayer(torch.ones(2)).sum().backward()",
    ),
    Case(
        name="a whole leaf assigned with [:]",
        source=f"{W}\nw[:] = 0",
        finds={"inplace-on-leaf": (3, 2)},
        raises=LEAF,
    ),
    Case(
        name="all parameters at once with foreach",
        source="net = torch.nn.Linear(2, 2)\ntorch._foreach_mul_(list(net.parameters()), 0.5)",
        finds={"inplace-on-leaf": (3, 2)},
        raises=LEAF,
    ),
    Case(
        name="an element of a leaf assigned",
        source=f"{W}\nw[0] = 5.0",
        finds={"inplace-on-view-of-leaf": (3, 2)},
        raises=VIEW,
    ),
    Case(
        name="a row of a parameter zeroed",
        source="table = torch.nn.Embedding(3, 2)\ntable.weight[0].zero_()",
        finds={"inplace-on-view-of-leaf": (3, 2)},
        raises=VIEW,
    ),
    Case(
        name="a view of a leaf held under a name",
        source=f"{W}\nfirst = w[:2]\nfirst += 1",
        finds={"inplace-on-view-of-leaf": (4, 2)},
        raises=VIEW,
    ),
    Case(
        name="an element of a leaf assigned under no_grad",
        source=f"{W}\nwith torch.no_grad():\n    w[0] = 5.0\nw.exp().sum().backward()",
    ),
    Case(
        name="an element of a leaf's clone assigned",
        source=f"{W}\nv = w.clone()\nv[0] = 5.0\nv.sum().backward()",
        grads={"w": [0.0, 1.0, 1.0]},
    ),
    Case(
        name="a view made under no_grad written outside",
        source=f"{W}\ny = w * 2\nwith torch.no_grad():\n    v = y[:2]\nv.mul_(10)",
        finds={"inplace-on-no-grad-view": (6, 5)},
        raises="A view was created in no_grad mode",
    ),
    Case(
        name="a view of a leaf made under no_grad written outside",
        source=f"{W}\nwith torch.no_grad():\n    v = w.view(3, 1)\nv += 1",
        finds={"inplace-on-no-grad-view": (5, 4)},
        raises="A view was created in no_grad mode",
    ),
    Case(
        name="a view made in inference mode written outside",
        source=f"{W}\ny = w * 2\nwith torch.inference_mode():\n    v = y[:2]\nv.mul_(10)",
        finds={"inplace-on-no-grad-view": (6, 5)},
        raises="A view was created in inference mode",
    ),
    Case(
        name="a view made and written under no_grad",
        source=f"{W}\ny = w + 0\nwith torch.no_grad():\n    v = y[:2]\n    v.mul_(10)\n(y + w).sum().backward()",
    ),
    Case(
        name="a chunk written in place",
        source=f"{W}\na, b, c = (w * 2).chunk(3)\na += 1",
        finds={"inplace-on-multi-output-view": (4, 3)},
        raises="is the output of a function that returns multiple views",
    ),
    Case(
        name="rows written while iterating",
        source="w = torch.ones(2, 2, requires_grad=True)\ny = w * 2\nfor row in y:\n    row /= row.sum()",
        finds={"inplace-on-multi-output-view": (5, 4)},
        raises="is the output of a function that returns multiple views",
    ),
    Case(
        name="gates of a cell split and squashed in place",
        source="""\
cell = torch.nn.Linear(2, 8)
gates = cell(torch.ones(1, 2))
i, f, g, o = gates.split(2, dim=1)
i.sigmoid_()
""",
        finds={"inplace-on-multi-output-view": (5, 4)},
        raises="is the output of a function that returns multiple views",
    ),
    Case(
        name="rows written by index",
        source=(
            "w = torch.ones(2, 2, requires_grad=True)\ny = w * 2\nfor i in range(2):\n    y[i].mul_(3)\n"
            "y.sum().backward()"
        ),
        grads={"w": [6.0, 6.0, 6.0, 6.0]},
    ),
    Case(
        name="chunks written that no graph is over",
        source="x = torch.arange(4.)\na, b = x.chunk(2)\na += b",
    ),
    Case(
        name="an expanded tensor written",
        source="row = torch.zeros(3)\ntable = row.expand(2, 3)\ntable += 1",
        finds={"inplace-on-expanded": (4, 3)},
        raises="more than one element of the written-to tensor",
    ),
    Case(
        name="a broadcast tensor written in a function",
        source="""\
def center(x, mean):
    mean = mean.expand_as(x)
    mean.neg_().add_(x)
    return mean
x = torch.arange(6.).view(2, 3)
center(x, x.mean(0))
""",
        finds={"inplace-on-expanded": (4, 3)},
        raises="more than one element of the written-to tensor",
    ),
    Case(
        name="a hook that scales the gradient of a sum in place",
        source=f"{W}\ndef halve(grad):\n    grad.mul_(0.5)\nw.register_hook(halve)\nw.sum().backward()",
        finds={"inplace-on-expanded": (4,)},
        raises="more than one element of the written-to tensor",
    ),
    Case(
        name="an expanded tensor cloned, then written",
        source="row = torch.zeros(3)\ntable = row.expand(2, 3).clone()\ntable += 1",
    ),
    Case(
        name="one element of an expanded tensor written",
        source="table = torch.zeros(3).expand(2, 3)\ntable[0, 0] = 1",
    ),
)

CASES = (*SAVED, *UPDATES, *REFUSED)
