# Embedding with max_norm renormalises its weight in place, in forward.
import torch
from torch import nn

torch.manual_seed(0)
table = nn.Embedding(4, 3, max_norm=1.0, padding_idx=0)
print(table.weight._version)
words = torch.tensor([1, 2, 2])
out = table(words)
print(table.weight._version, table.weight.norm(dim=1))
out.sum().backward()
print(table.weight.grad)
late = table.weight.clone() @ torch.ones(3)
table(torch.tensor([3]))
(late.sum()).backward()
sparse = nn.Embedding(5, 2, sparse=True)
sparse(words).sum().backward()
print(sparse.weight.grad, sparse.weight.grad.is_sparse)
bag = nn.EmbeddingBag(4, 2, mode="mean")
bag(words, torch.tensor([0, 1])).sum().backward()
print(bag.weight.grad)
y = table.weight * 2
z = y * table.weight
table.weight.data.mul_(3)
table(words)
z.sum().backward()
