"""An expanded tensor was written in place: several of its elements are one memory cell.

`expand` and broadcasting give a larger tensor without copying: along the new dimension the stride is 0. An operator
that writes each element once would write the same cell several times, with a result that depends on the order. Torch
refuses. The gradient of `sum()` is such a tensor too.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.clone_alias import clone_alias
from app.explain.edits.clone_before_write import clone_before_write
from app.explain.edits.out_of_place import out_of_place
from app.explain.facts import called, code, ended_by, ended_with, ids, lines_of, made_by
from app.explain.rule import Page
from app.trace.model import Operation, Tensor, Trace

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.expand.html"
PAGE = Page(
    title="Expanded tensor written in place",
    severity="error",
    see="The run ends at the line of the write. The memory of `table` has 3 cells for its 6 elements.",
    mend="Write `table = table + 1`, or copy it first: `row.expand(2, 3).clone()` has a cell for each element.",
    example="""\
import torch

row = torch.zeros(3)
table = row.expand(2, 3)
table += 1
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (clone_alias, out_of_place, clone_before_write)
TORCH_SAYS = "more than one element of the written-to tensor refers to a single memory location"


def check(trace: Trace) -> Iterator[Diagnosis]:
    operation = ended_by(trace)
    if operation and ended_with(trace, TORCH_SAYS):
        expanded = next((key for key in operation.inputs if is_expanded(trace.tensors[key])), None)
        if expanded:
            yield diagnose(trace, operation, expanded)


def is_expanded(tensor: Tensor) -> bool:
    """Whether several of its elements are one cell."""
    return any(size > 1 and not step for size, step in zip(tensor.shape, tensor.stride or (), strict=False))


def diagnose(trace: Trace, operation: Operation, key: str) -> Diagnosis:
    line, name, tensor = trace.line(operation.step), called(trace, key), trace.tensors[key]
    first = next((view for view, one in reversed(list(made_by(trace, key))) if is_expanded(one)), key)
    made = next((one for one in trace.operations if first in one.outputs and first not in one.inputs), None)
    made_line = trace.line(made.step) if made else None
    size, cells = 1, 1
    for length, step in zip(tensor.shape, tensor.stride or (), strict=False):
        size, cells = size * length, cells * (length if step else 1)
    is_gradient = made is None and trace.steps[operation.step].function is not None
    by = f"{code(made.op)} on line {made_line} made it" if made else "It was made by repeating a smaller one"
    return Diagnosis(
        rule="inplace-on-expanded",
        severity="error",
        title=f"{name} has {size} elements over {cells} memory cell{'' if cells == 1 else 's'}: it cannot be written",
        cause=(
            f"Line {line} writes {name} in place. {by} without copying: its {size} elements are only {cells} "
            f"cell{'' if cells == 1 else 's'} of memory, so torch cannot write each of them by itself."
        ),
        fix=(
            f"Return a new gradient on line {line}, such as {code('g * 2')}, instead of writing the one that came."
            if is_gradient
            else f"Make a new tensor on line {line} instead, or give {name} cells of its own first with `.clone()`."
        ),
        lines=lines_of(line, made_line),
        source=SOURCE,
        evidence={"tensor": key, "op": operation.op, "elements": size, "cells": cells},
        moment=operation.moment,
        refs=ids(key, tensor.storage),
    )
