# Hooks on tensors: order, replacement, removal, retained gradients.
import torch

x = torch.tensor([1.0, 2.0], requires_grad=True)
y = x * 3
z = y.square()
seen = []
first = y.register_hook(lambda g: seen.append(("first", g.tolist())))
second = y.register_hook(lambda g: g * 10)
third = y.register_hook(lambda g: seen.append(("third", g.tolist())))
x.register_hook(lambda g: seen.append(("leaf", g.tolist())) or g + 1)
y.retain_grad()
z.retain_grad()
z.sum().backward(retain_graph=True)
print(seen, y.grad, z.grad, x.grad)
second.remove()
seen.clear()
x.grad = y.grad = None
z.sum().backward(retain_graph=True)
print(seen, y.grad, x.grad)
first.remove(), third.remove()


def bad(gradient):
    gradient.mul_(2)


def wrong_shape(gradient):
    return torch.ones(5)


handle = z.register_hook(wrong_shape)
try:
    z.sum().backward(retain_graph=True)
except RuntimeError as error:
    print(error)
handle.remove()
z.register_hook(bad)
z.sum().backward()
