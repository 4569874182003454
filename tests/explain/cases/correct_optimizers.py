"""Correct programs that train something: nothing is found in them."""

from tests.explain.cases import Case

NET = "net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))"
BATCH = "x, y = torch.ones(4, 2), torch.zeros(4, 1)"
LOSS = "loss = torch.nn.functional.mse_loss(net(x), y)"


def training(optimizer: str, *, before_step: str = "pass", after_step: str = "pass", net: str = NET) -> str:
    """Three steps with an optimizer."""
    return f"""\
{net}
{BATCH}
optimizer = torch.optim.{optimizer}
for step in range(3):
    optimizer.zero_grad()
    {LOSS}
    loss.backward()
    {before_step}
    optimizer.step()
    {after_step}
"""


OPTIMIZERS = (
    "SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)",
    "SGD(net.parameters(), lr=0.1, nesterov=True, momentum=0.9)",
    "Adam(net.parameters(), lr=0.1, amsgrad=True)",
    "AdamW(net.parameters(), lr=0.1, foreach=True)",
    "RMSprop(net.parameters(), lr=0.1, centered=True)",
    "Adagrad(net.parameters(), lr=0.1)",
    "Adam(net.parameters(), lr=0.1, fused=True)",
)

CASES = (
    *(Case(name=f"training with {optimizer}", source=training(optimizer)) for optimizer in OPTIMIZERS),
    Case(
        name="gradients clipped by norm in place",
        source=training(
            "SGD(net.parameters(), lr=0.1)", before_step="torch.nn.utils.clip_grad_norm_(net.parameters(), 0.1)"
        ),
    ),
    Case(
        name="gradients clipped by value in place",
        source=training(
            "SGD(net.parameters(), lr=0.1)", before_step="torch.nn.utils.clip_grad_value_(net.parameters(), 0.1)"
        ),
    ),
    Case(
        name="gradients scaled by hand in place",
        source=training("SGD(net.parameters(), lr=0.1)", before_step="[p.grad.mul_(0.5) for p in net.parameters()]"),
    ),
    Case(
        name="gradients set to zero in place",
        source=training("SGD(net.parameters(), lr=0.1)", after_step="optimizer.zero_grad(set_to_none=False)"),
    ),
    Case(
        name="a learning rate that falls",
        source=training("SGD(net.parameters(), lr=0.1)", after_step="optimizer.param_groups[0]['lr'] *= 0.5"),
    ),
    Case(
        name="BatchNorm and dropout in training and evaluation",
        source="""\
net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(2):
    net.train()
    optimizer.zero_grad()
    net(torch.randn(8, 2)).pow(2).mean().backward()
    optimizer.step()
    net.eval()
    with torch.inference_mode():
        print(net(torch.randn(8, 2)).mean().item())
""",
    ),
    Case(
        name="BatchNorm on real and generated data before one backward",
        source="""\
D = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
real, fake = torch.randn(4, 2), torch.randn(4, 2)
loss = D(real).mean() - D(fake).mean()
loss.backward()
""",
    ),
    Case(
        name="inplace activations after layers that do not need their output",
        source="""\
net = torch.nn.Sequential(
    torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.ReLU(inplace=True),
    torch.nn.Conv2d(2, 2, 3), torch.nn.LeakyReLU(0.1, inplace=True), torch.nn.Flatten(), torch.nn.Linear(32, 1),
)
net(torch.randn(2, 1, 8, 8)).mean().backward()
""",
    ),
    Case(
        name="a target network copied now and then",
        source="""\
import copy
net = torch.nn.Linear(2, 1)
target = copy.deepcopy(net).requires_grad_(False)
optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
for step in range(4):
    optimizer.zero_grad()
    aim = target(torch.ones(4, 2))
    (net(torch.ones(4, 2)) - aim - 1).pow(2).mean().backward()
    optimizer.step()
    if step % 2:
        target.load_state_dict(net.state_dict())
""",
    ),
    Case(
        name="a moving average of weights under no_grad",
        source="""\
import copy
net = torch.nn.Linear(2, 1)
average = copy.deepcopy(net).requires_grad_(False)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(3):
    optimizer.zero_grad()
    net(torch.ones(4, 2)).pow(2).mean().backward()
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(average.parameters(), net.parameters()):
            slow.mul_(0.9).add_(fast, alpha=0.1)
""",
    ),
    Case(
        name="a moving average of weights through .data",
        source="""\
import copy
net = torch.nn.Linear(2, 1)
average = copy.deepcopy(net).requires_grad_(False)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(3):
    optimizer.zero_grad()
    net(torch.ones(4, 2)).pow(2).mean().backward()
    optimizer.step()
    for slow, fast in zip(average.parameters(), net.parameters()):
        slow.data.mul_(0.9).add_(fast.data, alpha=0.1)
""",
    ),
    Case(
        name="an averaged model of torch's own",
        source="""\
net = torch.nn.Linear(2, 1)
average = torch.optim.swa_utils.AveragedModel(net)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(3):
    optimizer.zero_grad()
    net(torch.ones(4, 2)).pow(2).mean().backward()
    optimizer.step()
    average.update_parameters(net)
""",
    ),
    Case(
        name="the best weights kept by deepcopy in a loop",
        source="""\
import copy
net = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
best, lowest = None, float("inf")
for epoch in range(3):
    optimizer.zero_grad()
    loss = net(torch.ones(4, 2)).pow(2).mean()
    loss.backward()
    if loss.item() < lowest:
        best, lowest = copy.deepcopy(net.state_dict()), loss.item()
    optimizer.step()
net.load_state_dict(best)
""",
    ),
    Case(
        name="the best weights cloned one by one",
        source="""\
net = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
best = {name: value.detach().clone() for name, value in net.state_dict().items()}
net(torch.ones(4, 2)).pow(2).mean().backward()
optimizer.step()
net.load_state_dict(best)
""",
    ),
    Case(
        name="an embedding trained, some rows only",
        source="""\
table = torch.nn.Embedding(5, 2)
optimizer = torch.optim.SGD(table.parameters(), lr=0.1)
for step in range(2):
    optimizer.zero_grad()
    table(torch.tensor([1, 3])).pow(2).sum().backward()
    optimizer.step()
""",
    ),
    Case(
        name="an embedding with max_norm looked up twice",
        source="""\
table = torch.nn.Embedding(5, 2, max_norm=1.0)
(table(torch.tensor([1, 3])).sum() + table(torch.tensor([1])).exp().sum()).backward()
""",
    ),
    Case(
        name="a max_norm embedding whose weight is cloned first",
        source="""\
table = torch.nn.Embedding(3, 2, max_norm=0.1)
a = table.weight.clone().pow(2).sum()
b = table(torch.tensor([1])).sum()
(a + b).backward()
""",
    ),
    Case(
        name="a checkpointed block",
        source="""\
from torch.utils.checkpoint import checkpoint
block = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
x = torch.ones(3, 2, requires_grad=True)
checkpoint(block, x, use_reentrant=False).sum().backward()
""",
    ),
    Case(
        name="LBFGS that calls its closure again and again",
        source="""\
w = torch.tensor([3., -2.], requires_grad=True)
optimizer = torch.optim.LBFGS([w], max_iter=3)
def closure():
    optimizer.zero_grad()
    loss = w.pow(2).sum()
    loss.backward()
    return loss
optimizer.step(closure)
""",
    ),
    Case(
        name="spectral norm, whose vectors are updated in each forward",
        source="""\
layer = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(3, 2))
loss = layer(torch.ones(1, 3)).sum() + layer(torch.zeros(1, 3)).sum()
loss.backward()
""",
    ),
    Case(
        name="an LSTM over a sequence",
        source="lstm = torch.nn.LSTM(2, 3)\nout, _ = lstm(torch.randn(5, 1, 2))\nout.pow(2).sum().backward()",
    ),
    Case(
        name="a gradient penalty",
        source="""\
critic = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
x = torch.randn(3, 2, requires_grad=True)
(grad,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
(critic(x.detach()).mean() + (grad.norm(dim=1) - 1).pow(2).mean()).backward()
""",
    ),
)
