# A default device that stays on to the end.
import torch

torch.set_default_device("cpu")
print(torch.get_default_device(), torch.ones(2).device)
a = torch.tensor([1.0, 2.0], requires_grad=True)
b = a.exp()
b.sum().backward()
print(a.grad)
torch.set_default_device("meta")
c = torch.ones(3)
print(c, c.device, torch.get_default_device())
with torch.device("cpu"):
    d = torch.arange(3.0)
    print(d, torch.get_default_device())
d *= 2
