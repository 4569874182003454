# What torch refuses to do to leaves and other tensors, in its own words.
import copy

import torch

w = torch.ones(2, requires_grad=True)
n = torch.ones(2)
e = torch.ones(1).expand(3)
y = w * 2
attempts = [
    lambda: w.add_(1),
    lambda: w[0].fill_(1),
    lambda: w.__setitem__(0, 5.0),
    lambda: torch.add(w, 1, out=w),
    lambda: torch.ones(2, dtype=torch.int64, requires_grad=True),
    lambda: torch.tensor([1, 2]).requires_grad_(),
    lambda: y.requires_grad_(False),
    lambda: setattr(y, "requires_grad", False),
    lambda: n.sum().backward(),
    lambda: y.backward(),
    lambda: y.backward(torch.ones(3)),
    lambda: torch.autograd.grad(y.sum(), n),
    lambda: torch.autograd.grad(y, w),
    lambda: e.add_(1),
    lambda: w.resize_(5),
    lambda: y.retain_grad() or y.detach().retain_grad(),
    lambda: w.detach_() and w.exp().backward(),
    lambda: setattr(n, "grad", torch.ones(3)),
    lambda: setattr(n, "grad", 5),
    lambda: copy.deepcopy(y),
]
for number, attempt in enumerate(attempts):
    try:
        print(number, attempt())
    except Exception as error:
        print(number, type(error).__name__, error)
print(w, w._version, n._version, e._version)
