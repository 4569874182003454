# A subclass that raises for whatever it does not know, and one that holds no tensor at all.
import torch


class Strict(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is not torch.add:
            raise TypeError(f"no {getattr(func, '__name__', func)} here")
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))


class Like:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return f"{func.__name__} of {len(args)}"


x = torch.ones(2).as_subclass(Strict)
y = torch.add(x, 1)
print(type(y).__name__)
print(torch.mul(Like(), 2), torch.nn.functional.relu(Like()), torch.add(Like(), torch.ones(1)))
try:
    torch.mul(x, 2)
except TypeError as error:
    print(error)
lazy = torch.nn.LazyLinear(3)
print(lazy)
other = torch.nn.LazyLinear(2)
print(other(torch.ones(1, 4)).shape, other.weight.shape)
x.exp()
