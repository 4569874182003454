import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

seen = []
w = torch.ones(2, requires_grad=True)
before = register_optimizer_step_pre_hook(lambda optimizer, args, kwargs: seen.append(("before", len(args), kwargs)))
opt = torch.optim.SGD([w], lr=0.1)
own = opt.register_step_pre_hook(lambda optimizer, args, kwargs: seen.append(("own", w.grad)))
after = register_optimizer_step_post_hook(lambda optimizer, args, kwargs: seen.append(("after", w.tolist())))
opt.step()
(w * w).sum().backward()
opt.zero_grad()
opt.step()
(w * w).sum().backward()
opt.step()
print(seen)
print(own.id - before.id, after.id - own.id)
for handle in (before, own, after):
    handle.remove()


class Doubling(torch.optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {})

    @torch.no_grad()
    def step(self, factor=2):
        for group in self.param_groups:
            for p in group["params"]:
                p.mul_(factor)


mine = Doubling([w])
mine.zero_grad()
mine.step()
mine.step(factor=3)
print(w, w._version)
