# Forward, pre, full backward hooks of modules, and removing them.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
log = []
handles = [
    model[0].register_forward_pre_hook(lambda m, args: log.append(("pre", type(m).__name__)) or (args[0] * 2,)),
    model[0].register_forward_hook(lambda m, args, out: log.append(("post", tuple(out.shape))) or out + 1),
    model[1].register_full_backward_pre_hook(lambda m, g: log.append(("back pre", g[0].tolist()))),
    model[1].register_full_backward_hook(lambda m, gi, go: log.append(("back", gi[0].tolist())) or (gi[0] * 2,)),
    model.register_forward_hook(lambda m, a, kw, out: log.append(("kwargs", kw)), with_kwargs=True),
    nn.modules.module.register_module_forward_hook(lambda m, a, o: log.append(("all", type(m).__name__))),
]
x = torch.ones(1, 2, requires_grad=True)
y = model(x)
print(y.grad_fn.name(), model[1](x).grad_fn.name())
y.sum().backward()
for entry in log:
    print(entry)
print(x.grad, model[0].weight.grad)
for handle in handles:
    handle.remove()
log.clear()
model(x).sum().backward()
print(log, x.grad)
