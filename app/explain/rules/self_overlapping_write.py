"""An operator in place read memory that it was writing.

`a -= a[:, :1]` takes the first column from all columns, itself included. The column is a view, not a copy: as soon as
it has been written, the rest is computed with the new values. The result hangs on the order in which torch goes
through the elements. Where torch sees the overlap, it refuses; a part of a row or column it does not see.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.clone_read import clone_read
from app.explain.edits.out_of_place import out_of_place
from app.explain.facts import called, ended_by, ended_with, ids, lines_of, operation_of, sentence, writer
from app.explain.rule import Page
from app.trace.model import Operation, Trace, Write

SOURCE = "https://docs.pytorch.org/docs/stable/tensor_view.html"
PAGE = Page(
    title="Operator that reads what it writes",
    severity="wrong",
    see="The memory shows `a` and `a[:, :1]` over the same cells. Step over the line: the first column became 0 first.",
    mend="Copy what is read: `a -= a[:, :1].clone()`. Or make a new tensor: `a = a - a[:, :1]`.",
    example="""\
import torch

a = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
a -= a[:, :1]
print(a)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (out_of_place, clone_read)
TORCH_SAYS = "some elements of the input tensor and the written-to tensor refer to a single memory location"


def check(trace: Trace) -> Iterator[Diagnosis]:
    for write in trace.writes:
        if write.overlapping and write.through:
            yield diagnose(trace, write.through, read_by(trace, operation_of(trace, write), write.through), write)
    operation = ended_by(trace)
    if operation and operation.inputs and ended_with(trace, TORCH_SAYS):
        written = operation.inputs[0]
        if beside := read_by(trace, operation, written):
            yield refusal(trace, operation, written, beside)


def read_by(trace: Trace, operation: Operation | None, written: str) -> str | None:
    """The operand over the memory of `written`."""
    storage = trace.tensors[written].storage
    inputs = operation.inputs if operation else ()
    return next((key for key in inputs if key != written and trace.tensors[key].storage == storage), None)


def mend(trace: Trace, operand: str | None, line: int) -> str:
    """What to write instead."""
    what = called(trace, operand) if operand else "what it reads"
    return f"Give line {line} a copy of {what}: add `.clone()` to it. It then reads the values from before the write."


def diagnose(trace: Trace, written: str, operand: str | None, write: Write) -> Diagnosis:
    name = called(trace, written)
    read = called(trace, operand) if operand else "other elements of it"
    return Diagnosis(
        rule="self-overlapping-write",
        severity="wrong",
        title=f"Line {write.line} reads {read} while it writes {name}",
        cause=(
            f"{sentence(writer(write.op))} on line {write.line} writes {name} and reads {read}, which is over the same "
            "memory. Some elements were written before they were read. With a copy of them the result is another one."
        ),
        fix=mend(trace, operand, write.line),
        lines=(write.line,),
        source=SOURCE,
        evidence={"written": written, "read": operand, "op": write.op, "storage": write.storage},
        moment=write.moment,
        refs=ids(written, operand, write.storage),
    )


def refusal(trace: Trace, operation: Operation, written: str, operand: str) -> Diagnosis:
    """Of a write that torch saw to overlap."""
    line, name, read = trace.line(operation.step), called(trace, written), called(trace, operand)
    return Diagnosis(
        rule="self-overlapping-write",
        severity="error",
        title=f"Line {line} would read {read} while it writes {name}",
        cause=(
            f"{sentence(writer(operation.op))} on line {line} is to write {name} and to read {read}, which is over "
            "the same memory. The result would hang on the order of the elements, so torch refuses."
        ),
        fix=mend(trace, operand, line),
        lines=lines_of(line),
        source=SOURCE,
        evidence={"written": written, "read": operand, "op": operation.op, "storage": trace.tensors[written].storage},
        moment=operation.moment,
        refs=ids(written, operand, trace.tensors[written].storage),
    )
