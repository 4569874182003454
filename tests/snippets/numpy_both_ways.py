# numpy shares memory with torch; writes through it are seen by no counter.
import numpy as np
import torch

t = torch.zeros(4)
array = t.numpy()
array[1] = 5
print(t, t._version)
t.add_(1)
print(array, t._version)
source = np.arange(6, dtype=np.float32).reshape(2, 3)
one, two = torch.from_numpy(source), torch.from_numpy(source)
part = torch.from_numpy(source[:, ::2])
one[0, 0] = 100
source[1] *= -1
print(two, part, one._version, two._version, part._version)
np.add(array, 1, out=array)
np.copyto(t.numpy(), [9, 8, 7, 6])
print(t, t._version, np.sin(t).dtype, np.asarray(t) is not array)
w = torch.ones(3, requires_grad=True)
for make in (lambda: w.numpy(), lambda: np.asarray(w), lambda: (w * 2).numpy()):
    try:
        make()
    except RuntimeError as error:
        print(error)
y = w.exp()
hidden = y.detach().numpy()
hidden[:] = 0
y.sum().backward()
print(w.grad, y._version)
print(torch.as_tensor(source).data_ptr() == source.ctypes.data, torch.tensor(source)._version)
