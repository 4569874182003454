# torch.func: grad, vmap, jacrev, jacfwd, hessian, vjp, jvp, functional_call.
import torch
from torch import nn
from torch.func import functional_call, grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp, vmap


def f(x):
    y = x.sin()
    z = y * x
    return z.sum()


x = torch.tensor([1.0, 2.0])
print(grad(f)(x), grad_and_value(f)(x))
print(vmap(grad(f))(torch.ones(3, 2)))
print(jacrev(lambda t: t**2)(x), jacfwd(lambda t: t**2)(x))
print(hessian(f)(x))
value, pull = vjp(f, x)
print(value, pull(torch.tensor(2.0)))
print(jvp(f, (x,), (torch.ones(2),)))
torch.manual_seed(0)
model = nn.Linear(2, 1)
params = {k: v.detach() for k, v in model.named_parameters()}
print(grad(lambda p: functional_call(model, p, (x,)).sum())(params))
per_sample = vmap(grad(lambda p, t: functional_call(model, p, (t,)).sum()), in_dims=(None, 0))(params, torch.eye(2))
print(per_sample["weight"].shape)
w = torch.tensor([3.0, 4.0], requires_grad=True)
out = vmap(lambda t: t * w)(torch.eye(2)).sum()
out.backward()
print(w.grad)
try:
    vmap(lambda t: t.item())(x)
except RuntimeError as error:
    print(str(error)[:60])
