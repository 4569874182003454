"""An operator updated memory that a node had saved, and counted no write.

`batch_norm` updates its running mean and variance in training, and moves no version counter for it. In evaluation it
saves these buffers for backward. An update between that forward and its backward goes unnoticed: the gradient is
computed from the new buffers.
"""

from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.move_line import move_after_backward
from app.explain.facts import Read, all_kept, called, code, ids, lines_of
from app.explain.rule import Page
from app.explain.rules.write_hidden_by_data import by_write
from app.trace.model import Trace, Write

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html"
PAGE = Page(
    title="Buffer updated without a count",
    severity="wrong",
    see=(
        "On the lanes of `norm.running_mean` and `norm.running_var` a struck diamond marks the update in training: "
        "the counters have no step there. At the read stands the mark ≠."
    ),
    mend=(
        "Run backward of the evaluation forward before the layer is used in training. Or use one mode for both "
        "forwards."
    ),
    example="""\
import torch

norm = torch.nn.BatchNorm1d(1)
x = torch.tensor([[1.0], [3.0]], requires_grad=True)
norm.eval()
y = norm(x)
norm.train()
norm(x)
y.sum().backward()
print(x.grad)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (move_after_backward,)
_SWAPPED = frozenset([".data=", "set_", "resize_"])  # the memory was exchanged, not written


def check(trace: Trace) -> Iterator[Diagnosis]:
    together: dict[tuple[int, str], tuple[Write, list[Read]]] = {}
    for write, found in by_write(trace).items():
        if write is not None and is_uncounted(trace, write):
            # batch_norm writes a mean and a variance: one line to read about
            together.setdefault((write.step, write.op), (write, []))[1].extend(found)
    for write, found in together.values():
        yield diagnose(trace, write, found)


def is_uncounted(trace: Trace, write: Write) -> bool:
    """Whether an operator wrote a tensor that has a counter, and did not move it."""
    if write.counter is not None or write.through is None or write.op in _SWAPPED:
        return False
    return trace.tensors[write.through].counter is not None


def diagnose(trace: Trace, write: Write, found: list[Read]) -> Diagnosis:
    read = found[0]
    saved_line, read_line = trace.line(read.saved.saved_at), trace.line(read.backward.step)
    names = all_kept(trace, found)
    return Diagnosis(
        rule="buffer-overwritten-unversioned",
        severity="wrong",
        title=f"{names} changed before backward, and no counter tells",
        cause=(
            f"Line {saved_line} saved {names} for backward. {code(write.op)} on line {write.line} wrote "
            f"{called(trace, write.through or '')} and counted no write. The version stayed at {read.saved.version}, "
            f"so backward on line {read_line} used the new values, and nothing complained."
        ),
        fix=f"Run line {write.line} after backward on line {read_line}, which then reads what was saved.",
        lines=lines_of(write.line, saved_line, read_line),
        source=SOURCE,
        evidence={
            "nodes": list(dict.fromkeys(r.fired.node for r in found)),
            "slots": [r.saved.slot for r in found],
            "tensor": read.saved.tensor,
            "through": write.through,
            "storage": read.tensor.storage,
            "counter": read.tensor.counter,
        },
        moment=write.moment,
        refs=ids(read.saved.tensor, write.through, read.tensor.storage, read.tensor.counter, read.fired.node),
    )
