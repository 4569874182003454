# Warnings name the reader's line, once each.
import warnings

import torch
import torch.nn.functional as F

x = torch.ones(2, requires_grad=True)
y = x * 2
print(y.grad)
for _ in range(3):
    y.grad
F.softmax(torch.ones(2))
F.mse_loss(torch.ones(2, 1), torch.ones(2))
torch.tensor(torch.ones(1))
float(x[0])
torch.ones(1).storage()
x.T
F.l1_loss(torch.ones(1), torch.ones(1), size_average=False)
warnings.warn("mine")
warnings.warn("old", DeprecationWarning)
warnings.warn("pending", PendingDeprecationWarning)
(x * 2).sum().backward(create_graph=True)
torch.nn.LSTM(1, 1, dropout=0.5)
torch.meshgrid(torch.ones(2), torch.ones(2))


def helper():
    warnings.warn("from below", UserWarning, stacklevel=2)
    return y.grad


helper()
helper()
print("done")
