# B is frozen; gradients flow through it into A.
import torch
from torch import nn

torch.manual_seed(1)
A, B = nn.Linear(3, 2), nn.Linear(2, 1)
for parameter in B.parameters():
    parameter.requires_grad = False
x = torch.randn(4, 3)
loss = B(torch.tanh(A(x))).mean()
print(loss.item())
loss.backward()
for name, p in [*A.named_parameters("A"), *B.named_parameters("B")]:
    print(name, p.requires_grad, p.grad)
