"""Correct programs: nothing is found in them."""

from tests.explain.cases import Case

CASES = (
    Case(
        name="gradient accumulation on purpose",
        source="""\
net = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(2):
    optimizer.zero_grad()
    for part in range(3):
        (net(torch.ones(4, 2)).pow(2).mean() / 3).backward()
    optimizer.step()
""",
    ),
    Case(
        name="written in place where nothing saved it",
        source="""\
x = torch.tensor([1., 2.], requires_grad=True)
y = x * 2
y += 1
y.sum().backward()
""",
        grads={"x": [2.0, 2.0]},
    ),
)
