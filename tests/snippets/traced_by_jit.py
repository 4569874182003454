# torch.jit.trace names values after the variables of the frame that it expects below it.
import torch


def function(x):
    y = x * 2
    return y + 1


print(torch.jit.trace(function, torch.ones(1)).code)
