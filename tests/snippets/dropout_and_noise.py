# Random numbers come out the same: dropout, noise, generators, permutations, distributions.
import random

import numpy as np
import torch
from torch import nn

print(torch.rand(2), np.random.rand(2).round(6), random.random())
torch.manual_seed(7)
drop = nn.Dropout(0.5)
x = torch.ones(8, requires_grad=True)
y = drop(x)
y.sum().backward()
print(y, x.grad)
g = torch.Generator().manual_seed(3)
print(torch.randn(2, generator=g), torch.randperm(5), torch.randint(10, (3,)), torch.bernoulli(torch.full((4,), 0.5)))
print(torch.distributions.Normal(0.0, 1.0).rsample((2,)), torch.multinomial(torch.ones(4), 2))
with torch.random.fork_rng():
    torch.manual_seed(0)
    print(torch.rand(1))
print(torch.rand(1), torch.empty(2).normal_(), torch.rand_like(x.detach())[:2])
state = torch.get_rng_state()
a = torch.rand(2)
torch.set_rng_state(state)
print(torch.equal(a, torch.rand(2)), torch.initial_seed(), state.shape)
drop.eval()
print(drop(x) is x, nn.functional.dropout(x, 0.5).sum() >= 0, nn.functional.gumbel_softmax(torch.zeros(3), hard=True))
