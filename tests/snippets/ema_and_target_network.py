# Copies of a network that follow it: EMA, target network, state_dict aliases, swa_utils.
import copy

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

torch.manual_seed(0)
online = nn.Linear(2, 2)
target = copy.deepcopy(online).requires_grad_(False)
alias = online.state_dict()
backup = {k: v.clone() for k, v in alias.items()}
ema = AveragedModel(online, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
optimizer = torch.optim.SGD(online.parameters(), lr=0.5)
for step in range(3):
    with torch.no_grad():
        goal = target(torch.ones(1, 2)) + 1
    loss = (online(torch.ones(1, 2)) - goal).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ema.update_parameters(online)
    with torch.no_grad():
        for t, o in zip(target.parameters(), online.parameters()):
            t.lerp_(o, 0.1)
    print(step, loss.item(), [p._version for p in target.parameters()])
print(torch.equal(alias["weight"], online.weight), torch.equal(backup["weight"], online.weight))
print(alias["weight"]._version, alias["weight"].data_ptr() == online.weight.data_ptr())
print(ema.module.weight, ema.n_averaged)
online.load_state_dict(backup)
print(online.weight, online.weight._version)
