# Outputs of unbind, split and chunk may not be written where autograd watches.
import torch

x = torch.arange(6.0).reshape(3, 2)
for row in x:
    row += 1
a, b, c = x.unbind()
print(x, a._version, b._base is x)
w = x.clone().requires_grad_()
y = w * 1
for pieces in [y.unbind(0), y.split(1), y.chunk(3), torch.tensor_split(y, 3), tuple(y)]:
    print(type(pieces).__name__, pieces[0].grad_fn.name(), torch._C._autograd._get_creation_meta(pieces[0]))
    try:
        pieces[0].mul_(2)
    except RuntimeError as error:
        print(str(error)[:150])
sum(p.sum() * i for i, p in enumerate(y.unbind())).backward()
print(w.grad)
