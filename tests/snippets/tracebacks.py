# Tracebacks that the snippet prints show its own frames, and torch's.
import sys
import traceback

import torch


def inner(x):
    return x @ torch.ones(3)


def outer(x):
    return inner(x)


try:
    outer(torch.ones(2))
except RuntimeError as error:
    print([(f.name, f.lineno, f.filename.rpartition("/")[2]) for f in traceback.extract_tb(error.__traceback__)])
    print(traceback.format_exc())
    frames = []
    tb = sys.exc_info()[2]
    while tb:
        frames.append(tb.tb_lineno)
        tb = tb.tb_next
    print(frames)
try:
    torch.nn.Linear(2, 2)(torch.ones(3))
except RuntimeError as error:
    print([f.name for f in traceback.extract_tb(error.__traceback__)])
try:
    torch.ones(2, requires_grad=True).backward()
except RuntimeError as error:
    print([f.name for f in traceback.extract_tb(error.__traceback__)], error.__context__)
print(sys.exc_info())
traceback.print_stack()
