# A view of a buffer that enters a graph and is detached again: nobody looks at its grad_fn in between.
import torch

w = torch.ones(2, requires_grad=True)
buffer = torch.zeros(3, 2)
first = buffer[0]
for step in range(3):
    buffer[1:] = w * (step + 1)
    with torch.no_grad():
        first.mul_(1)
        torch.zeros(2).copy_(first)
    loss = buffer.sum()
    loss.backward()
    buffer.detach_()
    print(step, w.grad, buffer._version)
print(first.grad)
first += 1
total = (first * 2).sum()
print(first.requires_grad, first.is_leaf, first.grad_fn, total.requires_grad)
