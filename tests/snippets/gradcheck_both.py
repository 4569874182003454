# Numerical and analytical gradients agree; where they do not, torch says how.
import torch
from torch.autograd import gradcheck, gradgradcheck

torch.manual_seed(0)
x = torch.randn(3, dtype=torch.float64, requires_grad=True)
w = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
print(gradcheck(lambda a, b: torch.tanh(b @ a), (x, w)))
print(gradgradcheck(lambda a: (a.sin() * a).sum(), (x,)))


class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t):
        return t * 2

    @staticmethod
    def backward(ctx, g):
        return g * 3


try:
    gradcheck(Wrong.apply, (x,))
except Exception as error:
    print(type(error).__name__, error)
print(x.grad, w.grad)
