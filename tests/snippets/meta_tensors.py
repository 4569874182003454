# Meta tensors have shapes and no memory.
import torch
from torch import nn

m = torch.empty(3, 4, device="meta", requires_grad=True)
y = (m @ torch.ones(4, 2, device="meta")).sum()
print(y, y.device, y.grad_fn.name(), m._version)
y.backward()
print(m.grad)
with torch.device("meta"):
    model = nn.Linear(1000, 1000)
    z = torch.zeros(2)
print(model.weight.device, z.is_meta, torch.ones(1).device)
model = model.to_empty(device="cpu")
with torch.no_grad():
    model.weight.zero_()
    model.bias.fill_(2)
print(model.weight.sum(), model.weight._version)
try:
    m.tolist()
except (RuntimeError, NotImplementedError) as error:
    print(type(error).__name__)
m.data = torch.empty(2, device="meta")
print(m)
meta = torch.zeros(3, device="meta")
meta += 1
v = meta[1:]
print(v.shape, v._version, v._base is meta, meta)
