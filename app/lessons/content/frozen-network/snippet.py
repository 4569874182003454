import torch
from torch import nn

torch.manual_seed(0)
A, B = nn.Linear(3, 2), nn.Linear(2, 1)
x = torch.tensor([[1., 2., 3.]])

B.weight.requires_grad = B.bias.requires_grad = False

y = B(A(x))
y.sum().backward()

print("A:", A.weight.grad)
print("B:", B.weight.grad)
