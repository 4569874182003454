"""A copy where memory passes between torch and numpy: writes on one side then stay there."""

from collections.abc import Iterator

import libcst as cst

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.nodes import method, method_name
from app.explain.edits.tree import Tree
from app.trace.model import Trace

_TO_NUMPY = ("numpy", "__array__")
_TO_TORCH = ("from_numpy", "as_tensor", "from_dlpack", "frombuffer", "asarray")


def numpy_copy(tree: Tree, trace: Trace, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """`x.numpy().copy()`, and `torch.from_numpy(array).clone()`, for memory of the finding."""
    storage = diagnosis.evidence.get("storage")
    seen = set()
    for operation in trace.operations:
        keys = (*operation.inputs, *operation.outputs)
        if operation.op not in (*_TO_NUMPY, *_TO_TORCH) or storage not in [trace.tensors[key].storage for key in keys]:
            continue
        for call in tree.at(trace, operation, cst.Call):
            if call in seen or method_name(call) not in (*_TO_NUMPY, *_TO_TORCH, "asarray"):
                continue
            seen.add(call)
            new = method(call, "copy" if operation.op in _TO_NUMPY else "clone")
            yield Proposal(
                title=f"Copy on line {tree.line_of(call)}: `{tree.text(new)}`",
                source=tree.with_changes({call: new}),
            )
