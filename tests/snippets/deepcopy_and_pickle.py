# Copies of models and tensors, through copy, pickle and torch.save, all in memory.
import copy
import io
import pickle

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x):
        self.count += 1
        return self.layer(x)


torch.manual_seed(0)
net = Net()
net(torch.ones(1, 2)).sum().backward()
twin = copy.deepcopy(net)
print(twin.layer.weight.grad, twin.layer.weight.grad is not net.layer.weight.grad, twin.layer.weight._version)
thawed = pickle.loads(pickle.dumps(net))
print(type(thawed).__module__, thawed.layer.weight.grad, thawed.count)
buffer = io.BytesIO()
torch.save({"state": net.state_dict(), "view": net.layer.weight.detach()[0]}, buffer)
buffer.seek(0)
loaded = torch.load(buffer)
print(sorted(loaded), loaded["view"], loaded["state"]["count"], type(loaded["state"]).__name__)
x = torch.arange(4.0, requires_grad=True)
a, b = copy.deepcopy((x, x))
print(a is b, a.is_leaf, copy.copy(x) is x, copy.copy(x).data_ptr() == x.data_ptr())
pair = pickle.loads(pickle.dumps([x.detach(), x.detach()[1:]]))
pair[0][1] = 9
print(pair, pair[1]._version)
