# Operators that raise after they have done a part.
import numpy as np
import torch

t = torch.ones(3)
array = t.numpy()
try:
    t.resize_(4)
except RuntimeError as error:
    print(error)
print(t.shape, t.stride(), t._version)
with torch.inference_mode():
    i = torch.ones(2, 3)
for attempt in (lambda: i.t_(), lambda: i.unsqueeze_(0), lambda: i.set_(torch.zeros(1)), lambda: torch.add(i, 1, out=i)):
    try:
        attempt()
    except RuntimeError as error:
        print(str(error)[:60])
    print(i.shape)
n = torch.ones(2)
n.requires_grad_()
m = torch.zeros(2)
m.set_(n)
print(m.grad_fn.name(), m.requires_grad)
try:
    m.sum().backward()
except RuntimeError as error:
    print(error)
del t
