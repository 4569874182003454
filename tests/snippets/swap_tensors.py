# swap_tensors refuses tensors that anyone refers to weakly.
import weakref

import torch
from torch.utils import swap_tensors

a = torch.ones(2)
b = torch.zeros(3)
swap_tensors(a, b)
print(a, b)
torch.__future__.set_swap_module_params_on_conversion(True)
model = torch.nn.Linear(2, 1)
weight = model.weight
model.double()
print(weight is model.weight, weight.dtype)
model.load_state_dict({"weight": torch.ones(1, 2), "bias": torch.zeros(1)})
print(weight)
c = torch.zeros(1)
ref = weakref.ref(c)
try:
    swap_tensors(c, a)
except RuntimeError as error:
    print(error)
