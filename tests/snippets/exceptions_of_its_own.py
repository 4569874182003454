# Custom exceptions with their own __str__, chained.
import torch


class Diverged(Exception):
    def __init__(self, loss):
        super().__init__("ignored")
        self.loss = loss

    def __str__(self):
        return f"loss is {self.loss:.1f}\nand not finite"


def check(loss):
    if loss > 3:
        raise Diverged(loss.item())


try:
    try:
        check(torch.tensor(4.0))
    except Diverged as error:
        print(error, error.args)
        raise ValueError("wrapped") from error
except ValueError as error:
    print(repr(error), repr(error.__cause__), error.__suppress_context__)
    error.add_note("a note")
    print(error.__notes__)
try:
    {}["k"]
except KeyError as error:
    print(error)
check(
    torch.tensor(5.0)
    + 1
)
