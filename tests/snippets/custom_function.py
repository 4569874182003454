# A Function of the reader's: saved tensors, several outputs, non-tensor arguments.
import torch


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, factor):
        ctx.save_for_backward(x, w)
        ctx.factor = factor
        print("forward", torch.is_grad_enabled(), x.requires_grad, ctx.needs_input_grad)
        return x * w * factor, (x > 0)

    @staticmethod
    def backward(ctx, g, _):
        x, w = ctx.saved_tensors
        print("backward", g, torch.is_grad_enabled(), ctx.needs_input_grad)
        return g * w * ctx.factor, g * x * ctx.factor, None


x = torch.tensor([1.0, -2.0], requires_grad=True)
w = torch.tensor([3.0, 4.0], requires_grad=True)
y, positive = Scale.apply(x, w, 10)
print(y.grad_fn.name(), positive.dtype, positive.requires_grad, y.grad_fn.factor, type(y.grad_fn).__name__)
print([f[0].name() if f[0] else None for f in y.grad_fn.next_functions])
y.sum().backward(retain_graph=True)
print(x.grad, w.grad)
w.data.mul_(2)
y.sum().backward()
print(x.grad)
with torch.no_grad():
    print(Scale.apply(x, w, 1)[0].grad_fn)
