import torch
from torch import nn

torch.manual_seed(0)
A, B = nn.Linear(3, 2), nn.Linear(2, 1)
x = torch.tensor([[1., 2., 3.]])

y = B(A(x).detach())
y.sum().backward()

print("A:", A.weight.grad)
print("B:", B.weight.grad)
