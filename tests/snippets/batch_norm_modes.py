# BatchNorm in train and eval: running statistics move without their counters.
import torch
from torch import nn

torch.manual_seed(0)
bn = nn.BatchNorm1d(2)
x = torch.randn(4, 2, requires_grad=True)
y = bn(x)
print(bn.running_mean, bn.running_mean._version, bn.num_batches_tracked)
y.pow(2).sum().backward()
print(x.grad)
bn.eval()
e = bn(x)
bn.train()
bn(x + 5)
print(bn.running_var, bn.running_var._version, bn.num_batches_tracked._version)
x.grad = None
e.pow(2).sum().backward()
print(x.grad, bn.weight.grad)
try:
    bn(torch.ones(1, 2))
except ValueError as error:
    print(error)
inorm = nn.InstanceNorm1d(2, affine=True, track_running_stats=True)
print(inorm(torch.arange(12.0).reshape(2, 2, 3)).sum(), inorm.running_mean)
frozen = nn.BatchNorm1d(2).requires_grad_(False)
frozen(x)
print(frozen.running_mean, nn.SyncBatchNorm.convert_sync_batchnorm(frozen))
