# Classes, dataclasses, properties, slots, enums with tensors in them.
import enum
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch


@dataclass
class State:
    x: torch.Tensor
    history: list = field(default_factory=list)

    def step(self):
        self.history.append(self.x.sum().item())
        return replace(self, x=self.x + 1)


class Point(NamedTuple):
    a: torch.Tensor
    b: int = 2


class Slotted:
    __slots__ = ("t",)

    def __init__(self, t):
        self.t = t


class Mode(enum.Enum):
    TRAIN = 1
    EVAL = enum.auto()


s = State(torch.zeros(2)).step().step()
print(s, s.history, Point(torch.ones(1)), Slotted(torch.eye(2)).t, list(Mode))
