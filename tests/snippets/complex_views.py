# real, imag, conj, view_as_real: views with a meaning of their own.
import torch

z = torch.tensor([1 + 2j, 3 - 1j])
r, i = z.real, z.imag
pairs = torch.view_as_real(z)
k = z.conj()
print(k.is_conj(), k.imag.is_neg(), k._version, r._base is z, pairs.shape)
i.mul_(2)
print(z, z._version, k, k.resolve_conj(), pairs._version)
k.add_(1j)
print(z, k, torch.view_as_complex(pairs))
m = torch.tensor([[1 + 1j, 2j], [3 + 0j, 4 - 1j]])
print(m.H, m.mH.is_conj(), m.adjoint()._base is m)
