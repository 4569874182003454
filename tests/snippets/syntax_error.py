# A snippet that is not Python.
import torch

x = torch.ones(2
y = x + 1
