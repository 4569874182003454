# The parameters of a scripted module are torch's own to list.
import torch

torch.manual_seed(0)
scripted = torch.jit.script(torch.nn.Sequential(torch.nn.Linear(2, 1)))
scripted(torch.ones(1, 2)).sum().backward()
print([name for name, _ in scripted.named_parameters()])
