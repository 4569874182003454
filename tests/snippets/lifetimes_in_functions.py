# The same in functions, where nothing lives longer than its name.
import sys
import weakref

import torch


def inside():
    t = torch.ones(2)
    r = weakref.ref(t)
    print(sys.getrefcount(t))
    t = t + 1
    print(r() is None)
    s = weakref.ref(t); del t; print(s() is None, sorted(locals()))
    return torch.zeros(1)


def chain(x):
    refs = []
    for i in range(3):
        x = x * 2; refs.append(weakref.ref(x)); print([r() is None for r in refs])
    return x.sum()


r = weakref.ref(inside())
print(r() is None)
w = torch.ones(2, requires_grad=True)
chain(w).backward()
with torch.no_grad():
    chain(w)
