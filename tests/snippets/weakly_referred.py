# How many weak references there are to a tensor.
import weakref

import torch

a = torch.ones(2)
print(weakref.getweakrefcount(a))
