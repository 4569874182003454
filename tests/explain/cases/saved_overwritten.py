"""Saved tensors that were overwritten and counted: by an operator in place, or by an update of parameters."""

from tests.explain.cases import Case

OVERWRITTEN = "modified by an inplace operation"
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

CASES = (*SAVED, *UPDATES)
