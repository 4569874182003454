# Quantized tensors: integers in memory that read as floats.
import warnings

import torch

warnings.simplefilter("ignore")
x = torch.tensor([0.1, 0.5, 1.0], requires_grad=True)
q = torch.quantize_per_tensor(x.detach(), 0.01, 0, torch.quint8)
print(q, q.int_repr(), q.dequantize())
f = torch.fake_quantize_per_tensor_affine(x, 0.1, 0, -128, 127)
f.sum().backward()
print(f, x.grad, f.grad_fn.name())
r = torch.round(x) + (x - x.detach())
r.sum().backward()
print(x.grad)
