# The innermost line of the snippet's own frames is the one to mark.
import torch


def lookup(table, key):
    value = table[
        key
    ]
    return value


def apply(function):
    return function()


apply(lambda: lookup({"a": torch.ones(1)},
                     "b"))
