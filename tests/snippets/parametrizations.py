# Parametrized and reparametrized weights.
import torch
import torch.nn.utils.parametrize as parametrize
from torch import nn
from torch.nn.utils.parametrizations import orthogonal, spectral_norm, weight_norm

torch.manual_seed(0)


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).T


layer = nn.Linear(3, 3)
parametrize.register_parametrization(layer, "weight", Symmetric())
print(layer.weight, type(layer).__name__, layer.weight is layer.weight)
layer(torch.ones(1, 3)).sum().backward()
print(layer.parametrizations.weight.original.grad)
with parametrize.cached():
    print(layer.weight is layer.weight)
normed = weight_norm(nn.Linear(2, 2))
spectral = spectral_norm(nn.Linear(2, 2))
ortho = orthogonal(nn.Linear(2, 2))
(normed(torch.ones(1, 2)) + spectral(torch.ones(1, 2)) + ortho(torch.ones(1, 2))).sum().backward()
print([n for n, _ in normed.named_parameters()], normed.parametrizations.weight.original0.grad)
print(spectral.parametrizations.weight.original.grad, ortho.weight @ ortho.weight.T)
parametrize.remove_parametrizations(layer, "weight")
print(type(layer).__name__, layer.weight.is_leaf)
