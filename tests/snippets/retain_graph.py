# A kept graph can be run again; gradients add up.
import torch

x = torch.tensor([1.0, 2.0], requires_grad=True)
h = x.square()
a, b = h.sum(), h.prod()
a.backward(retain_graph=True)
print(x.grad)
b.backward(retain_graph=True)
print(x.grad, x.grad._version)
g = x.grad
a.backward()
print(g is x.grad, g)
try:
    b.backward()
except RuntimeError as error:
    print(error)
try:
    print(h.grad_fn._saved_self)
except RuntimeError as error:
    print(error)
print(h.grad_fn.next_functions[0][0].variable is x)
