# An ordinary small network, forward and backward.
import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3))
image = torch.randn(2, 1, 4, 4)
logits = net(image)
loss = nn.functional.cross_entropy(logits, torch.tensor([0, 2]))
loss.backward()
print(loss, logits)
for name, p in net.named_parameters():
    print(name, tuple(p.shape), p.grad.norm(), p._version)
print(net)
try:
    net(torch.ones(3))
except RuntimeError as error:
    print(error)
