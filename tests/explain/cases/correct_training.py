"""Training loops as they should be: nothing is found in them."""

from tests.explain.cases import Case

_LOOP = """\
net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
x, y = torch.randn(8, 2), torch.randn(8, 1)
optimizer = torch.optim.{optimizer}
for step in range(3):
    optimizer.zero_grad({zero})
    loss = torch.nn.functional.mse_loss(net(x), y)
    loss.backward()
    optimizer.step()
"""

_OPTIMIZERS = {
    "SGD": ("SGD(net.parameters(), lr=0.1)", ""),
    "SGD with momentum and weight decay": ("SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)", ""),
    "SGD that zeroes in place": ("SGD(net.parameters(), lr=0.1)", "set_to_none=False"),
    "Adam": ("Adam(net.parameters())", ""),
    "Adam that zeroes in place": ("Adam(net.parameters())", "set_to_none=False"),
    "AdamW with groups": (
        "AdamW([{'params': net[0].parameters(), 'lr': 0.1}, {'params': net[2].parameters()}], lr=0.01)",
        "",
    ),
    "RMSprop": ("RMSprop(net.parameters())", ""),
    "Adagrad, zeroed in place": ("Adagrad(net.parameters())", "set_to_none=False"),
}

CASES = (
    *(
        Case(name=f"a loop with {name}", source=_LOOP.format(optimizer=optimizer, zero=zero))
        for name, (optimizer, zero) in _OPTIMIZERS.items()
    ),
    Case(
        name="losses logged as numbers, and their total",
        source="""\
net = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
total, history = 0.0, []
for step in range(3):
    optimizer.zero_grad()
    loss = net(torch.ones(4, 2)).pow(2).mean()
    loss.backward()
    optimizer.step()
    total += loss.item()
    history.append(loss.detach())
print(total / 3, sum(history))
""",
    ),
    Case(
        name="a running total of detached losses",
        source="""\
w = torch.ones(3, requires_grad=True)
total = torch.zeros(())
for step in range(3):
    loss = (w * w).sum()
    loss.backward()
    w.grad = None
    total += loss.detach()
""",
    ),
    Case(
        name="losses summed for one backward",
        source="""\
w = torch.ones(3, requires_grad=True)
total = 0
for step in range(3):
    total = total + (w * step).pow(2).sum()
total.backward()
""",
        grads={"w": [10.0, 10.0, 10.0]},
    ),
    Case(
        name="losses summed in place for one backward",
        source="""\
w = torch.ones(2, requires_grad=True)
total = torch.zeros(())
for step in range(3):
    total += (w * w).sum()
total.backward()
""",
        grads={"w": [6.0, 6.0]},
    ),
    Case(
        name="losses collected in a list for one backward, epoch after epoch",
        source="""\
w = torch.ones(2, requires_grad=True)
for epoch in range(2):
    losses = []
    for step in range(3):
        losses.append((w * step).sum())
    torch.stack(losses).mean().backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
""",
    ),
    Case(
        name="a hand-made update that clears the gradient",
        source="""\
w = torch.ones(3, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
for step in range(3):
    loss = (w.sum() + b - 1).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        b -= 0.1 * b.grad
        w.grad.zero_()
        b.grad.zero_()
""",
    ),
    Case(
        name="a hand-made update through .data that clears the gradient if there is one",
        source="""\
w = torch.ones(3, requires_grad=True)
for step in range(3):
    loss = (w * w).sum()
    if w.grad is not None:
        w.grad.zero_()
    loss.backward()
    w.data -= 0.1 * w.grad
""",
    ),
    Case(
        name="a hand-made update that makes a new leaf",
        source="""\
w = torch.ones(3, requires_grad=True)
for step in range(3):
    (w * w).sum().backward()
    w = (w - 0.1 * w.grad).detach().requires_grad_()
""",
    ),
    Case(
        name="gradients accumulated on purpose over parts of a batch",
        source="""\
net = torch.nn.Linear(2, 1)
optimizer = torch.optim.Adam(net.parameters())
x = torch.randn(8, 2)
for index, part in enumerate(x.split(2)):
    loss = net(part).pow(2).mean() / 2
    loss.backward()
    if (index + 1) % 2 == 0:
        optimizer.step()
        optimizer.zero_grad()
""",
    ),
    Case(
        name="gradients accumulated on purpose and averaged by hand",
        source="""\
w = torch.ones(2, requires_grad=True)
for step in range(2):
    for part in range(3):
        (w * w).sum().backward()
    with torch.no_grad():
        w -= 0.1 * w.grad / 3
        w.grad.zero_()
""",
    ),
    Case(
        name="gradients clipped before the step",
        source="""\
net = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(2):
    optimizer.zero_grad()
    net(torch.ones(4, 2)).pow(2).mean().backward()
    norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
print(norm.item())
""",
    ),
    Case(
        name="the norm of the gradients logged",
        source="""\
net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
for parameter in net[0].parameters():
    parameter.requires_grad_(False)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
net(torch.ones(4, 2)).mean().backward()
total = 0.0
for parameter in net.parameters():
    if parameter.grad is not None:
        total += parameter.grad.norm().item() ** 2
optimizer.step()
print(total ** 0.5)
""",
    ),
    Case(
        name="LBFGS with a closure",
        source="""\
w = torch.tensor([3.0, 4.0], requires_grad=True)
optimizer = torch.optim.LBFGS([w], max_iter=3)
def closure():
    optimizer.zero_grad()
    loss = (w - 1).pow(2).sum()
    loss.backward()
    return loss
for step in range(2):
    optimizer.step(closure)
""",
    ),
    Case(
        name="an evaluation after training",
        source="""\
net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(2):
    net.train()
    optimizer.zero_grad()
    net(torch.ones(4, 2)).pow(2).mean().backward()
    optimizer.step()
    net.eval()
    right = 0
    total = 0.0
    with torch.no_grad():
        for batch in range(2):
            out = net(torch.ones(4, 2))
            total += out.pow(2).mean()
            right += (out > 0).sum().item()
print(total / 2, right)
""",
    ),
    Case(
        name="an evaluation in inference mode",
        source="""\
net = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
net(torch.ones(4, 2)).pow(2).mean().backward()
optimizer.step()
with torch.inference_mode():
    out = net(torch.ones(4, 2))
    out.mul_(2)
print(out.mean().item())
""",
    ),
    Case(
        name="a scheduler and a best loss kept as a number",
        source="""\
net = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1)
best = float("inf")
for epoch in range(2):
    optimizer.zero_grad()
    loss = net(torch.ones(4, 2)).pow(2).mean()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if loss.item() < best:
        best = loss.item()
        kept = {name: value.detach().clone() for name, value in net.state_dict().items()}
""",
    ),
    Case(
        name="several losses in one",
        source="""\
trunk, one, two = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1), torch.nn.Linear(3, 2)
parameters = [*trunk.parameters(), *one.parameters(), *two.parameters()]
optimizer = torch.optim.Adam(parameters)
for step in range(2):
    optimizer.zero_grad()
    h = trunk(torch.ones(4, 2)).relu()
    loss = one(h).pow(2).mean() + 0.5 * two(h).abs().mean()
    loss.backward()
    optimizer.step()
""",
    ),
    Case(
        name="several losses, each with a backward of its own",
        source="""\
trunk, one, two = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1), torch.nn.Linear(3, 2)
h = trunk(torch.ones(4, 2)).tanh()
one(h).pow(2).mean().backward(retain_graph=True)
two(h).pow(2).mean().backward()
""",
    ),
    Case(
        name="a regularizer beside the loss",
        source="""\
net = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(2):
    optimizer.zero_grad()
    loss = net(torch.ones(4, 2)).pow(2).mean()
    penalty = sum(parameter.pow(2).sum() for parameter in net.parameters())
    (loss + 0.01 * penalty).backward()
    optimizer.step()
""",
    ),
    Case(
        name="a convolution with batch norm",
        source="""\
net = torch.nn.Sequential(
    torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.ReLU(inplace=True), torch.nn.Flatten(),
    torch.nn.Linear(8, 3),
)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for step in range(2):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(net(torch.randn(4, 1, 4, 4)), torch.tensor([0, 1, 2, 0]))
    loss.backward()
    optimizer.step()
""",
    ),
    Case(
        name="a loss and a penalty on gradients",
        source="""\
net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
x = torch.randn(3, 2, requires_grad=True)
for step in range(2):
    optimizer.zero_grad()
    out = net(x)
    (slope,) = torch.autograd.grad(out.sum(), x, create_graph=True)
    (out.mean() + (slope.norm(dim=1) - 1).pow(2).mean()).backward()
    optimizer.step()
""",
    ),
    *(
        Case(
            name=f"a network that begins where another one ended, {when}",
            source=f"""\
trained, net = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
{before}out = net(torch.ones(1, 2)).pow(2)
{after}out.sum().backward()
print(net.weight.grad)
""",
        )
        for when, before, after in [
            ("loaded before", "net.load_state_dict(trained.state_dict())\n", ""),
            ("loaded after the forward", "", "net.load_state_dict(trained.state_dict())\n"),
        ]
    ),
)
