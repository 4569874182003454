# Lines that are none, and text of every kind: é, 漢字, form feeds, line separators.
import inspect

import torch

naïve = torch.ones(2)
s = "a b"
t = """xy z"""

def f():
    return "漢字" + s

print(inspect.getsource(f), repr(s), repr(t), naïve)
π = 3.14; print("é" * 3, f"{π!r:>6}", naïve.sum()); y = naïve * π
print(y,
      "end")
raise RuntimeError("line 17")
