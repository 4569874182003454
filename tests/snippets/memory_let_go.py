# Eighty times 64 MiB come and go: at the top level, in functions, modules, graphs and arrays.
import torch
from torch import nn

size = 16 * 2**20


def make():
    big = torch.empty(size)
    small = big[:2]
    big = torch.empty(size)
    return small.clone() * 0


for _ in range(20):
    small = make()
    bulk = torch.empty(size)
    bulk = bulk.view(2, -1)
w = torch.ones(1, requires_grad=True)
for _ in range(20):
    y = w * torch.empty(size)[:1].zero_()
    loss = y.exp().mean()
    loss.backward()
print(small, w.grad)
for _ in range(20):
    layer = nn.Embedding(size // 1024, 1024, device="meta").to_empty(device="cpu")
    flat = nn.Sequential(layer, nn.Flatten(0))(torch.tensor([1]))
    layers = [nn.Sequential(layer)]
    hidden = layers[0][0].weight.detach().numpy()
for _ in range(20):
    array = torch.empty(size).numpy()
    view = torch.from_numpy(array)[::2]
    views = [view, {"a": view.data}]
    address = view.data_ptr()
print(view.shape)
del array, view, views, bulk, hidden, flat, layer, layers, y, loss
