# A subclass with __torch_dispatch__ around an inner tensor, over no memory of its own.
import torch
from torch.utils._pytree import tree_map


class Wrapped(torch.Tensor):
    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype, requires_grad=inner.requires_grad)

    def __init__(self, inner):
        self.inner = inner

    def __repr__(self):
        return f"Wrapped({self.inner})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        print(func)
        unwrap = lambda t: t.inner if isinstance(t, cls) else t
        out = func(*tree_map(unwrap, args), **tree_map(unwrap, kwargs or {}))
        return tree_map(lambda t: cls(t) if isinstance(t, torch.Tensor) else t, out)


x = Wrapped(torch.ones(2, requires_grad=True))
y = x * 3
z = y.expand(2, 2) * y
print(z, z.grad_fn.name(), y._version)
z.sum().backward()
print(x.grad)
