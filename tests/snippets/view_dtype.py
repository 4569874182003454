# The same bytes as another dtype.
import torch

x = torch.tensor([1.0, -2.0, 0.5])
bits = x.view(torch.int32)
small = x.view(torch.uint8)
half = x.view(torch.bfloat16)
print(bits, small.shape, half, bits._is_view(), bits._base is x)
bits[0] ^= 1 << 31
print(x, x._version, bits._version, small._version)
small.view(3, 4)[1] = 0
print(x, half, x._version)
z = torch.zeros(2, dtype=torch.complex64).view(torch.float32)
z += 1
print(z, z._base)
