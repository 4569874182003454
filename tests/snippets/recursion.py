# Deep recursion is as deep as without us.
import sys

import torch


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)


print(depth(900), depth(980))


def endless(n):
    return endless(n + 1)


try:
    endless(0)
except RecursionError as error:
    print(error)


def factorial(t):
    if t <= 1:
        return t
    return t * factorial(t - 1)


x = torch.tensor(5.0, requires_grad=True)
y = factorial(x)
y.backward()
print(y, x.grad)
sys.setrecursionlimit(200)
print(sys.getrecursionlimit())
endless(0)
