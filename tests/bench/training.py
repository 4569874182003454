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
