# Layers that save several things.
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
x = torch.randn(2, 4, requires_grad=True)
layers = [nn.LayerNorm(4), nn.GroupNorm(2, 4), nn.RMSNorm(4), nn.GELU(), nn.SiLU(), nn.Softmax(-1), nn.PReLU(), nn.ELU()]
layers += [nn.Softplus(), nn.Hardtanh(), nn.LeakyReLU(0.2, inplace=True), nn.GLU(), nn.LogSoftmax(1), nn.Bilinear(4, 4, 2)]
for layer in layers:
    h = x * 1
    y = layer(h, h) if isinstance(layer, nn.Bilinear) else layer(h)
    y.sum().backward()
    print(type(layer).__name__, y.grad_fn.name(), y.sum(), x.grad.sum(), h._version)
    x.grad = None
t = torch.tensor([1, 3])
for loss in (nn.CrossEntropyLoss(label_smoothing=0.1), nn.NLLLoss(), nn.MultiMarginLoss()):
    value = loss(x.log_softmax(1), t)
    value.backward()
    print(type(loss).__name__, value, value.grad_fn.name(), x.grad.norm())
for loss in (nn.MSELoss(), nn.L1Loss(), nn.HuberLoss(), nn.BCEWithLogitsLoss(), nn.KLDivLoss(reduction="batchmean")):
    value = loss(x, torch.rand(2, 4))
    value.backward()
    print(type(loss).__name__, value, value.grad_fn.name(), x.grad.norm())
print(F.cosine_similarity(x, x + 1), F.pairwise_distance(x, x + 1), F.normalize(x).norm())
