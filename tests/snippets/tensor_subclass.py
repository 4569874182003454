# A subclass with __torch_function__ sees the calls that it would see without us.
import torch


class Logged(torch.Tensor):
    log = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.log.append((func.__name__, [t.__name__ for t in types], len(args), kwargs))
        return super().__torch_function__(func, types, args, kwargs or {})


x = torch.ones(2).as_subclass(Logged)
x.requires_grad_()
y = (x * 2 + torch.ones(2)).sum()
print(type(y).__name__, y.shape, y.grad_fn.name())
y.backward()
print(type(x.grad).__name__, x.grad)
z = torch.cat([x, x]).data
z[0] = 5
print(x.detach().tolist(), z._version)
Logged.log, log = [], Logged.log
for entry in log:
    print(entry)
w = torch.nn.Parameter(torch.ones(1).as_subclass(Logged))
print(type(w).__name__, isinstance(w, torch.nn.Parameter))
