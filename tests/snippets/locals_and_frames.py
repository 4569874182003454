# locals(), frames and refcounts in functions are what they are without us.
import inspect
import sys

import torch


def function(a):
    before = locals()
    b = a + 1
    print(sorted(before), "b" in before)
    after = locals()
    c = b * 2
    print(sorted(after), after is before, sys.getrefcount(c))
    frame = sys._getframe()
    print(frame.f_lineno, frame.f_code.co_name, frame.f_back.f_lineno, inspect.currentframe() is frame)
    frame = None
    return c


result = function(torch.ones(1))
print(function.__code__.co_varnames, function.__code__.co_firstlineno, function.__code__.co_argcount)
print(sys._getframe().f_code.co_name, sys._getframe().f_lineno, sys._getframe().f_code.co_filename[-10:])
print([x for x in (1, 2)], list(map(lambda v: v + 1, [1])), eval("result.item()"))
exec("print(result * 2)\nextra = 3")
print(extra, inspect.signature(function), inspect.stack()[0].function)
