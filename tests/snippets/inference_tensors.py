# Tensors of inference mode have no counter and no place in a graph.
import torch

w = torch.ones(3, requires_grad=True)
with torch.inference_mode():
    i = w * 2
    i.add_(1)
    view = i[:2]
    n = torch.zeros(2)
    print(i.is_inference(), view.is_inference(), i.requires_grad, torch.is_inference_mode_enabled())
    w.add_(1)
print(w._version, i, n.is_inference())
for attempt in (lambda: i._version, lambda: i.mul_(2), lambda: (w * i).sum().backward(), lambda: i.requires_grad_()):
    try:
        print(attempt())
    except RuntimeError as error:
        print(error)
c = i.clone()
print(c.is_inference(), (w * c).sum().item(), (i + 1).is_inference())
view.copy_ if False else None
out = i.clone().requires_grad_()
out.square().sum().backward()
print(out.grad, i.data.is_inference(), i.detach().is_inference())
