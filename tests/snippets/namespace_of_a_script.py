# What a script finds around it.
"""Not the docstring, for the comment above is none, but this string is."""
import sys

before = [name for name in dir() if name.startswith("__")]
print(before, __name__, __doc__)
print(sorted(k for k in globals() if not k.startswith("_")))
print(sys.argv, __file__.rpartition("/")[2], type(__loader__).__name__, __spec__, __package__)
value: int = 3
print(__annotations__, globals() is vars(sys.modules["__main__"]), sys.modules["__main__"].value)
print(type(__builtins__).__name__, __builtins__.len("abc"))
import __main__

print(__main__ is sys.modules["__main__"], __main__.__name__, repr(__main__).split(" from ")[0])
print(sys.getrecursionlimit(), sys.flags.optimize, __debug__)


def local():
    return sorted(locals()), sorted(globals())[:2]


print(local())
if __name__ == "__main__":
    print("main")
