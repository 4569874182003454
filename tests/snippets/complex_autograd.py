# Gradients of complex leaves: torch's convention is the conjugate Wirtinger derivative.
import torch

z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
w = torch.tensor([0.5, -2.0], requires_grad=True)
y = (z * z.conj()).real.sum() + (z.imag * w).sum() + torch.view_as_real(z).pow(2).sum() + (z * w).abs().sum()
y.backward()
print(z.grad, w.grad, y)
u = torch.polar(w.detach().abs(), w.detach()).requires_grad_()
v = torch.fft.fft(u)
g, = torch.autograd.grad(v.abs().sum(), u)
print(g.dtype, torch.allclose(g, g.conj().conj()), g.is_conj())
s = z.detach().conj().requires_grad_()
print(s.is_conj(), s.is_leaf)
(s * s).imag.sum().backward()
print(s.grad)
