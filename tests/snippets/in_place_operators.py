# In-place writes of every kind: methods, operators, out=, setitem, functional, foreach.
import torch
import torch.nn.functional as F

x = torch.arange(6.0).reshape(2, 3)
x.add_(1).mul_(2)
x += 1
x -= 0.5
x *= 2
x /= 4
x **= 2
x[0] = 7
x[:, 1] += 1
x[x > 40] = -1
x[torch.tensor([0, 1]), torch.tensor([2, 2])] = torch.tensor([5.0, 6.0])
print(x, x._version)
torch.sub(x, 1, out=x)
F.relu(x, inplace=True)
F.relu_(x)
x.clamp_(max=10).masked_fill_(x == 0, 3.0)
x.index_fill_(1, torch.tensor([0]), 2.0)
x.scatter_(0, torch.tensor([[0, 1, 0]]), 9.0)
x.copy_(x + 1)
print(x, x._version)
torch._foreach_add_([x, x[0]], 1)
torch.nn.init.constant_(x, 3)
x.fill_diagonal_(0).zero_().fill_(2).exp_().log_().sqrt_()
x.uniform_(generator=torch.Generator().manual_seed(3))
print(x, x._version)
y = torch.ones(3, dtype=torch.int64)
y <<= 2
y |= 1
y //= 2
print(y, y._version)
