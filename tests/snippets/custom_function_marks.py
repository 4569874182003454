# mark_dirty, mark_non_differentiable, once_differentiable, setup_context, set_materialize_grads.
import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable


class Double(Function):
    @staticmethod
    def forward(x):
        return x.mul_(2), x.argmax()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.mark_dirty(inputs[0])
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)

    @staticmethod
    @once_differentiable
    def backward(ctx, g, h):
        print("got", g, h)
        return g * 2


x = torch.tensor([1.0, 2.0], requires_grad=True)
y = x * 1
z, best = Double.apply(y)
print(z is y, y.grad_fn.name(), y._version, best.requires_grad)
(g,) = torch.autograd.grad(z.sum(), x, create_graph=True)
print(g, g.requires_grad)
try:
    g.sum().backward()
except RuntimeError as error:
    print(error)
try:
    Double.apply(x)
except RuntimeError as error:
    print(error)
