# A warning of the compiler's is printed before the first line runs.
x = 5
print("\d", x is 5, x is not ())
assert (x, "always true")
