# Pack and unpack hooks of the reader's see what they would see without us.
import torch
from torch.autograd.graph import saved_tensors_hooks

a = torch.tensor([1.0, 2.0], requires_grad=True)
log = []


def pack(t):
    log.append(("pack", t.tolist(), t._version))
    return t.numpy(force=True).copy()


def unpack(packed):
    log.append(("unpack", packed.tolist()))
    return torch.from_numpy(packed)


with saved_tensors_hooks(pack, unpack):
    y = a.exp() * a
print(log, y.grad_fn._raw_saved_self is not None)
y.sum().backward()
print(log[len(log) // 2 :], a.grad)
with torch.autograd.graph.save_on_cpu():
    (a.sigmoid() ** 2).sum().backward()
print(a.grad)
b = a.tanh()
b.grad_fn._raw_saved_result.register_hooks(lambda t: t * 2, lambda t: t)
b.sum().backward()
print(a.grad)
with torch.autograd.graph.allow_mutation_on_saved_tensors():
    c = a.exp()
    c.sin_()
    c.sum().backward()
print(a.grad)
with torch.autograd.graph.disable_saved_tensors_hooks("not here"):
    saved_tensors_hooks(pack, unpack).__enter__()
