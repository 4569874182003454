# What happens when the interpreter ends: finalizers, __del__, open generators.
import atexit
import weakref

import torch


class Noisy:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("del", self.name)


def generator():
    try:
        yield torch.ones(1)
    finally:
        print("generator closed")


a = Noisy("a")
del a
b = Noisy("b")
c = torch.ones(1)
weakref.finalize(c, print, "finalized")
g = generator()
print(next(g))
atexit.register(print, "at exit")
print("end")
