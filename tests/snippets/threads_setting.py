# Asking for threads does no harm.
import torch

torch.set_num_threads(4)
x = torch.ones(600, 600) @ torch.ones(600, 600)
y = torch.ones(2_000_000, requires_grad=True)
(y * 2).sum().backward()
print(x[0, 0], y.grad[0], y.grad.shape)
torch.set_num_threads(1)
print(torch.get_num_threads())
