"""A small MLP in training: one step of it, and as many as the bench of the tracer runs."""

_MLP = """\
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(64, 20), torch.randn(64, 1)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range({steps}):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
print(loss.item())
del loss
"""

SGD_STEPS = 300
STEP = _MLP.format(steps=1)
SGD = _MLP.format(steps=SGD_STEPS)

ITERATIONS = 2_000
LOOP = f"""\
import torch

torch.manual_seed(0)
x, y = torch.randn(8, 4), torch.randn(8, 1)
w = torch.zeros(4, 1, requires_grad=True)
for step in range({ITERATIONS}):
    loss = ((x @ w - y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
print(loss.item())
"""

TRANSFORMER = """\
import torch
from torch import nn

torch.manual_seed(0)
block = nn.TransformerEncoderLayer(d_model=16, nhead=4, dim_feedforward=32, batch_first=True)
x = torch.randn(2, 5, 16, requires_grad=True)
out = block(x)
out.pow(2).mean().backward()
print(x.grad.norm())
"""
