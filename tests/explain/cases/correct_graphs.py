"""Graphs that are cut, kept or differentiated again on purpose: nothing is found in them."""

from tests.explain.cases import Case

CASES = (
    Case(
        name="BPTT with the state detached between chunks",
        source="""\
cell, head = torch.nn.RNNCell(2, 3), torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD([*cell.parameters(), *head.parameters()], lr=0.1)
h = torch.zeros(4, 3)
for chunk in range(3):
    h = h.detach()
    for step in range(2):
        h = cell(torch.randn(4, 2), h)
    loss = head(h).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    ),
    Case(
        name="BPTT of an LSTM with a pair of states, detached in place",
        source="""\
lstm, head = torch.nn.LSTM(2, 3), torch.nn.Linear(3, 1)
states = (torch.zeros(1, 4, 3), torch.zeros(1, 4, 3))
for chunk in range(2):
    out, states = lstm(torch.randn(2, 4, 2), states)
    head(out).pow(2).mean().backward()
    for state in states:
        state.detach_()
""",
    ),
    Case(
        name="BPTT through the whole sequence",
        source="""\
w = torch.ones(3, requires_grad=True)
h = torch.zeros(3)
loss = 0
for step in range(4):
    h = torch.tanh(w * h + 1)
    loss = loss + h.sum()
loss.backward()
""",
    ),
    Case(
        name="a learned first state",
        source="""\
cell = torch.nn.GRUCell(2, 3)
first = torch.nn.Parameter(torch.zeros(1, 3))
optimizer = torch.optim.Adam([first, *cell.parameters()])
for epoch in range(2):
    h = first.expand(4, 3)
    for step in range(3):
        h = cell(torch.randn(4, 2), h)
    optimizer.zero_grad()
    h.pow(2).mean().backward()
    optimizer.step()
""",
    ),
    Case(
        name="a straight-through estimator",
        source="""\
w = torch.tensor([0.2, 0.7], requires_grad=True)
hard = (w > 0.5).float()
out = hard + w - w.detach()
(out * torch.tensor([1.0, 2.0])).sum().backward()
""",
        grads={"w": [1.0, 2.0]},
    ),
    Case(
        name="a straight-through estimator around round",
        source="""\
net = torch.nn.Linear(2, 2)
x = net(torch.ones(4, 2))
rounded = x + (x.round() - x).detach()
rounded.pow(2).sum().backward()
""",
    ),
    Case(
        name="a quantizer with a commitment loss",
        source="""\
encoder, decoder = torch.nn.Linear(2, 3), torch.nn.Linear(3, 2)
codes = torch.nn.Parameter(torch.randn(4, 3))
x = torch.randn(5, 2)
z = encoder(x)
nearest = torch.cdist(z, codes).argmin(1)
q = codes[nearest]
loss = (q - z.detach()).pow(2).mean() + 0.25 * (q.detach() - z).pow(2).mean()
q = z + (q - z).detach()
(loss + (decoder(q) - x).pow(2).mean()).backward()
""",
    ),
    Case(
        name="a Hessian-vector product",
        source="""\
w = torch.tensor([1.0, 2.0], requires_grad=True)
v = torch.tensor([1.0, 0.0])
(g,) = torch.autograd.grad((w ** 3).sum(), w, create_graph=True)
(hv,) = torch.autograd.grad(g, w, grad_outputs=v)
print(hv)
""",
    ),
    Case(
        name="a Hessian row by row",
        source="""\
w = torch.tensor([1.0, 2.0], requires_grad=True)
(g,) = torch.autograd.grad((w ** 3).sum() + w.prod(), w, create_graph=True)
rows = [torch.autograd.grad(one, w, retain_graph=True)[0] for one in g]
print(torch.stack(rows))
""",
    ),
    Case(
        name="a Jacobian, one backward for each row",
        source="""\
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = x ** 2
rows = []
for index in range(3):
    x.grad = None
    y[index].backward(retain_graph=True)
    rows.append(x.grad.clone())
""",
    ),
    Case(
        name="a third derivative",
        source="""\
x = torch.tensor(2.0, requires_grad=True)
y = x ** 4
for order in range(3):
    (y,) = torch.autograd.grad(y, x, create_graph=True)
print(y.item())
""",
    ),
    Case(
        name="the residual of a differential equation",
        source="""\
net = torch.nn.Sequential(torch.nn.Linear(1, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
optimizer = torch.optim.Adam(net.parameters())
for step in range(2):
    t = torch.linspace(0, 1, 5).reshape(-1, 1).requires_grad_()
    u = net(t)
    (du,) = torch.autograd.grad(u.sum(), t, create_graph=True)
    loss = (du + u).pow(2).mean() + (net(torch.zeros(1, 1)) - 1).pow(2).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    ),
    Case(
        name="meta-learning through the inner steps",
        source="""\
w = torch.tensor([1.0, 2.0], requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
for task in range(2):
    fast = w
    for inner in range(2):
        (g,) = torch.autograd.grad((fast - task).pow(2).sum(), fast, create_graph=True)
        fast = fast - 0.1 * g
    optimizer.zero_grad()
    (fast + task).pow(2).sum().backward()
    optimizer.step()
""",
    ),
    Case(
        name="first-order meta-learning",
        source="""\
w = torch.tensor([1.0, 2.0], requires_grad=True)
(g,) = torch.autograd.grad((w - 1).pow(2).sum(), w)
fast = w - 0.1 * g
loss = (fast + 1).pow(2).sum()
loss.backward()
""",
    ),
    Case(
        name="adversarial examples by the sign of the gradient",
        source="""\
net = torch.nn.Linear(3, 2)
clean = torch.randn(4, 3)
x = clean.clone().requires_grad_()
for step in range(2):
    loss = torch.nn.functional.cross_entropy(net(x), torch.zeros(4, dtype=torch.long))
    (g,) = torch.autograd.grad(loss, x)
    x = (x + 0.1 * g.sign()).clamp(-3, 3).detach().requires_grad_()
""",
    ),
    Case(
        name="sharpness-aware steps",
        source="""\
w = torch.tensor([1.0, 2.0], requires_grad=True)
for step in range(2):
    (w * w).sum().backward()
    with torch.no_grad():
        shift = 0.05 * w.grad / w.grad.norm()
        w += shift
    w.grad = None
    (w * w).sum().backward()
    with torch.no_grad():
        w -= shift
        w -= 0.1 * w.grad
    w.grad = None
""",
    ),
    Case(
        name="a checkpoint that is not reentrant",
        source="""\
from torch.utils.checkpoint import checkpoint
net, head = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
x = torch.ones(4, 2)
head(checkpoint(net, x, use_reentrant=False)).sum().backward()
""",
    ),
    Case(
        name="a reentrant checkpoint over something that requires grad",
        source="""\
from torch.utils.checkpoint import checkpoint
first, net = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
x = first(torch.ones(4, 2))
checkpoint(net, x, use_reentrant=True).sum().backward()
""",
    ),
    Case(
        name="functional_call with parameters of one's own",
        source="""\
from torch.func import functional_call
net = torch.nn.Linear(2, 1)
own = {name: parameter.detach().clone().requires_grad_() for name, parameter in net.named_parameters()}
functional_call(net, own, (torch.ones(4, 2),)).pow(2).mean().backward()
print(own["weight"].grad)
""",
        finds={},
    ),
    Case(
        name="torch.func.grad",
        source="""\
w = torch.tensor([1.0, 2.0])
g = torch.func.grad(lambda v: (v ** 3).sum())(w)
print(g)
""",
    ),
    Case(
        name="reparameterisation: a variational autoencoder",
        source="""\
encoder, decoder = torch.nn.Linear(3, 4), torch.nn.Linear(2, 3)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
x = torch.rand(4, 3)
mean, log_variance = encoder(x).chunk(2, dim=1)
z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
out = decoder(z)
divergence = -0.5 * (1 + log_variance - mean.pow(2) - log_variance.exp()).sum(1).mean()
loss = torch.nn.functional.binary_cross_entropy_with_logits(out, x) + divergence
optimizer.zero_grad()
loss.backward()
optimizer.step()
""",
    ),
    Case(
        name="mixed use of backward and autograd.grad",
        source="""\
w = torch.tensor([1.0, 2.0], requires_grad=True)
loss = (w ** 2).sum()
(g,) = torch.autograd.grad(loss, w, retain_graph=True)
loss.backward()
assert torch.equal(g, w.grad)
""",
    ),
    Case(
        name="a chain cut by hand, with the gradient handed over",
        source="""\
first, second = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
h = first(torch.ones(4, 2))
cut = h.detach().requires_grad_()
second(cut).sum().backward()
h.backward(cut.grad)
""",
    ),
    Case(
        name="gradients balanced by their norms",
        source="""\
net = torch.nn.Linear(2, 2)
out = net(torch.ones(4, 2))
one, two = out[:, 0].pow(2).mean(), out[:, 1].abs().mean()
(g,) = torch.autograd.grad(one, net.weight, retain_graph=True)
(h,) = torch.autograd.grad(two, net.weight, retain_graph=True)
balance = (g.norm() / (h.norm() + 1e-4)).clamp(0, 10).detach()
(one + balance * two).backward()
""",
    ),
    Case(
        name="accuracy and predictions taken beside the loss",
        source="""\
net = torch.nn.Linear(2, 3)
x, y = torch.randn(6, 2), torch.tensor([0, 1, 2, 0, 1, 2])
out = net(x)
loss = torch.nn.functional.cross_entropy(out, y)
loss.backward()
accuracy = (out.argmax(1) == y).float().mean().item()
table = out.detach().numpy().round(2)
print(loss.item(), accuracy, table.shape)
""",
    ),
    Case(
        name="a gradient kept on a result",
        source="""\
w = torch.tensor([1.0, 2.0], requires_grad=True)
y = w * 3
y.retain_grad()
(y * y).sum().backward()
print(y.grad, w.grad)
""",
        grads={"w": [18.0, 36.0]},
    ),
    Case(
        name="a leaf scaled before it requires grad",
        source="""\
w = (torch.randn(3) * 0.1).requires_grad_()
v = torch.nn.Parameter(torch.randn(3).to(torch.float64) * 0.1)
(w * w).sum().backward()
(v * v).sum().backward()
print(w.grad, v.grad)
""",
    ),
    Case(
        name="data that needs no gradient",
        source="""\
w = torch.ones(3, requires_grad=True)
x = torch.tensor([1.0, 2.0, 3.0])
target = torch.tensor(2.0)
((w * x).sum() - target).pow(2).backward()
assert w.grad is not None
""",
    ),
    Case(
        name="a create_graph whose gradient is used and cleared",
        source="""\
w = torch.tensor([1.0, 2.0], requires_grad=True)
(w ** 3).sum().backward(create_graph=True)
g = w.grad
w.grad = None
(g ** 2).sum().backward()
w.grad = None
""",
    ),
    Case(
        name="allow_unused on purpose",
        source="""\
w, v = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
g, none = torch.autograd.grad((w * 2).sum(), [w, v], allow_unused=True)
print(g, none)
""",
    ),
    Case(
        name="a function that counts as a straight line",
        source="""\
class Identity(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()
    @staticmethod
    def backward(ctx, g):
        return -g
w = torch.ones(2, requires_grad=True)
Identity.apply(w).sum().backward()
""",
        grads={"w": [-1.0, -1.0]},
    ),
    Case(
        name="a moving average of the loss, as a number",
        source="""\
w = torch.ones(2, requires_grad=True)
average = 0.0
for step in range(3):
    loss = (w * w).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        average = 0.9 * average + 0.1 * loss
    w.grad = None
""",
    ),
)
