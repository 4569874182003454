# The kernels of fused optimizers write parameters, and what is kept for them, without moving their version counters.
import torch

for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.Adagrad):
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    optimizer = kind([w], lr=0.1, fused=True)
    for _ in range(2):
        (w * w).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    print(kind.__name__, w, w._version)
