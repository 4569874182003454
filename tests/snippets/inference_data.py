# The memory of an inference tensor swapped for another's, and the other way round.
import torch

with torch.inference_mode():
    i = torch.ones(2)
n = torch.zeros(2)
n.data = i
print(n.is_inference(), n)
with torch.inference_mode():
    k = torch.ones(2)
k.data = torch.zeros(2)
print(k.is_inference())
for look in (lambda: n._version, lambda: k._version, lambda: n + 1, lambda: k + 1, lambda: k.mul_(2)):
    try:
        print(look())
    except RuntimeError as error:
        print(error)
