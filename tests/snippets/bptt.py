# Backpropagation through time, truncated and not.
import torch
from torch import nn

torch.manual_seed(0)
cell = nn.RNNCell(1, 2)
out = nn.Linear(2, 1)
h = torch.zeros(1, 2)
total = 0
for t in range(6):
    h = cell(torch.full((1, 1), float(t)), h)
    total = total + out(h).pow(2).sum()
    if t % 3 == 2:
        total.backward()
        print(t, total.item(), cell.weight_hh.grad.norm().item())
        h = h.detach()
        total = 0
state = torch.zeros(1, 2)
for t in range(2):
    state = cell(torch.ones(1, 1), state)
    out(state).sum().backward()
