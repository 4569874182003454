# Warnings that the snippet records, filters and turns into errors.
import warnings

import torch

x = torch.ones(2, requires_grad=True)
y = x * 2
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(2):
        y.grad
    torch.nn.functional.softmax(torch.ones(2))
    warnings.warn("mine", DeprecationWarning)
for w in caught:
    print(w.category.__name__, w.filename, w.lineno, str(w.message)[:40])
warnings.simplefilter("always")
for number in range(3):
    warnings.warn("again")
    y.grad
warnings.simplefilter("ignore")
y.grad
warnings.warn("silent")
warnings.resetwarnings()
warnings.simplefilter("error")
try:
    y.grad
except UserWarning as error:
    print(type(error).__name__)
try:
    torch.nn.functional.softmax(torch.ones(2))
except UserWarning as error:
    print("error")
warnings.showwarning = lambda message, category, *rest: print("shown", category.__name__)
warnings.simplefilter("always")
y.grad
