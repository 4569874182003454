# One that the parser takes and the compiler does not.
print("never printed")


def f(a, a):
    return a
