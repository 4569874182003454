# A name that was a leaf and is one no longer.
import torch

w = torch.tensor([1.0, 2.0], requires_grad=True)
for step in range(3):
    loss = (w * w).sum()
    if w.grad is not None:
        w.grad = None
    loss.backward()
    print(step, w.grad, w.is_leaf)
    w = w - 0.1 * w.grad
x = torch.ones(2, requires_grad=True).double()
y = torch.ones(2, requires_grad=True).to(torch.float32)
print(x.is_leaf, y.is_leaf, x.grad_fn.name())
