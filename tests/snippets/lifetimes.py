# What is let go is gone: weak references to tensors, nodes and modules.
import gc
import sys
import weakref

import torch

x = torch.ones(3, requires_grad=True)
y = x * 2
ref = weakref.ref(y)
del y
print(ref() is None)
z = x.exp()
w = z.sum()
held = weakref.ref(z)
del z
print(held() is None, w.grad_fn is not None, sys.getrefcount(x))
layer = torch.nn.Linear(2, 2)
layer(torch.ones(1, 2)).sum().backward()
module, parameter = weakref.ref(layer), weakref.ref(layer.weight)
del layer
gc.collect()
print(module() is None, parameter() is None)
gone = []
weakref.finalize(torch.ones(1), gone.append, "finalized")
short = weakref.ref(torch.zeros(1), lambda r: gone.append("callback"))
print(gone)
