# An optimizer step inside backward, by post-accumulate-grad hooks.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
optimizers = {p: torch.optim.SGD([p], lr=0.1, momentum=0.9) for p in model.parameters()}
order = []


def step(parameter):
    order.append(tuple(parameter.shape))
    optimizers[parameter].step()
    optimizers[parameter].zero_grad()


handles = [p.register_post_accumulate_grad_hook(step) for p in model.parameters()]
for _ in range(3):
    model(torch.ones(4, 2)).mean().backward()
print(order, [p.grad for p in model.parameters()])
print([p._version for p in model.parameters()])
for handle in handles:
    handle.remove()
model(torch.ones(4, 2)).mean().backward()
print(model[2].bias.grad, order[-1])
