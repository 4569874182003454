"""The docstring of the module."""

# With a comment before the import.
from __future__ import annotations

import torch


class Node:
    """Docstring of a class."""

    next: Node | None = None
    value: Undefined

    def link(self, other: Node) -> Node:
        "A plain one."
        self.next = other
        return other


def only_docstring():
    """Nothing else."""


def f(x: torch.Tensor) -> NotThere:
    b"not a docstring"
    return x


print(__doc__, Node.__doc__, Node.link.__doc__, only_docstring.__doc__, f.__doc__, only_docstring())
print(f.__annotations__, Node.__annotations__, Node().link(Node()).next, f(torch.ones(1)))
