# create_graph: gradients with a graph of their own, to any order.
import torch

x = torch.tensor([1.0, 2.0], requires_grad=True)
y = (x**4).sum()
(g1,) = torch.autograd.grad(y, x, create_graph=True)
print(g1, g1.grad_fn.name())
(g2,) = torch.autograd.grad(g1.sum(), x, create_graph=True)
(g3,) = torch.autograd.grad(g2.sum(), x)
print(g2, g3, g3.requires_grad)
w = torch.tensor([0.5, -1.0], requires_grad=True)
loss = (w.tanh() * x).sum()
loss.backward(create_graph=True)
print(w.grad, w.grad.grad_fn is not None, x.grad.grad_fn is not None)
penalty = w.grad.pow(2).sum()
w.grad = None
penalty.backward()
print(w.grad, x.grad)
x.grad = w.grad = None
try:
    (g,) = torch.autograd.grad(w.tanh().sum(), w)
    torch.autograd.grad(g.sum(), w)
except RuntimeError as error:
    print(error)
