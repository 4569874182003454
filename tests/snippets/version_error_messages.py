# The refusals of backward name operator, output, shape and versions.
import torch

w = torch.ones(2, 3, requires_grad=True)
v = torch.ones(3, requires_grad=True)
for write in [lambda t: t.add_(1), lambda t: t[0].zero_(), lambda t: t.t().mul_(2), lambda t: t.view(-1).fill_(1)]:
    y = w.exp()
    write(y)
    try:
        y.sum().backward()
    except RuntimeError as error:
        print(error)
y = (w * v).relu()
z = y @ v
y.relu_()
try:
    z.sum().backward()
except RuntimeError as error:
    print(str(error).split(":")[1])
with torch.no_grad():
    loss = (w * v).sum()
    loss2 = w
u = w * v
with torch.no_grad():
    v += 1
print(v._version, w._version)
u.sum().backward()
