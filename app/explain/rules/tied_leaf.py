"""One leaf is used in several places of a network; its gradient is the sum over all of them.

A leaf has one `AccumulateGrad` and one `.grad`, however many operators use it. Backward adds up what comes from each
use. Modules that share a parameter therefore always have the same gradient, and an optimizer changes them together.
"""

from collections import Counter
from collections.abc import Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.facts import code, listed
from app.explain.leaves import gradient_reads
from app.explain.rule import Page
from app.trace.model import Node, Trace

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.parameters"
PAGE = Page(
    title="One leaf in several places",
    severity="note",
    see="In the graph several edges end in the one `AccumulateGrad` of the weight.",
    mend="Nothing, where the places are to share it. Else make a module for each: `[Linear(2, 2) for _ in range(3)]`.",
    example="""\
import torch

layers = [torch.nn.Linear(2, 2)] * 3
net = torch.nn.Sequential(*layers)
net(torch.ones(2)).sum().backward()
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = ()


def check(trace: Trace) -> Iterator[Diagnosis]:
    if not trace.calls or not trace.backwards:
        return
    repeated = repeated_in_sequence(trace)
    for key, tensor in trace.tensors.items():
        if not tensor.is_parameter or tensor.node is None or not tensor.is_leaf:
            continue
        owner = next((module for module in repeated if f"{module}.weight" in tensor.names), None)
        if owner is not None:
            yield of_sequence(trace, key, owner, repeated[owner])
        elif places := shared_between(trace, key):
            yield between_modules(trace, key, places)


def repeated_in_sequence(trace: Trace) -> dict[str, int]:
    """The modules that a Sequential, which calls each of its own once, called again: one of its calls for each."""
    called = Counter(
        (call.parent, call.module)
        for call in trace.calls
        if call.parent is not None and trace.calls[call.parent].kind == "Sequential"
    )
    again = {module for (_, module), times in called.items() if times > 1}
    return {call.module: at for at, call in reversed(list(enumerate(trace.calls))) if call.module in again}


def shared_between(trace: Trace, key: str) -> list[str]:
    """The modules that used the leaf `key`, where several did and its gradient was looked at; else none."""
    tensor = trace.tensors[key]
    owners = {name.rpartition(".")[0] for name in tensor.names}
    if len(owners) < 2 or not any(key in read.inputs and read.outputs for read in gradient_reads(trace)):
        return []
    used = {
        trace.calls[node.call].module
        for node in trace.nodes.values()
        if node.call is not None and leads_to(trace, node, tensor.node)
    }
    places = sorted(used & owners)
    return places if len(places) > 1 else []


def leads_to(trace: Trace, node: Node, accumulate: str | None) -> bool:
    """Whether an edge of `node` ends in `accumulate`, perhaps by way of a transposed view."""
    following = [edge.node for edge in node.inputs if edge]
    following += [edge.node for key in following if trace.nodes[key].name == "TBackward0"
                  for edge in trace.nodes[key].inputs if edge]  # fmt: skip
    return accumulate in following


def of_sequence(trace: Trace, key: str, module: str, call: int) -> Diagnosis:
    step = trace.calls[call].step
    line, name = trace.line(step), trace.tensors[key].label
    parent = trace.calls[call].parent
    times = sum(1 for one in trace.calls if one.parent == parent and one.module == module)
    whole = trace.calls[parent].module if parent is not None else "a Sequential"
    return Diagnosis(
        rule="tied-leaf",
        severity="note",
        title=f"{code(whole)} holds one module {times} times",
        cause=(
            f"{code(whole)}, called on line {line}, runs the same {trace.calls[call].kind} {times} times: {code(name)} "
            "is one leaf, and its gradient is the sum over all of them."
        ),
        fix="If each place should have weights of its own, make a module for each place.",
        lines=(line,),
        source=SOURCE,
        evidence={"leaf": key, "module": module, "times": times},
        moment=trace.steps[step].moment or None,
        refs=tuple(one for one in (key, trace.tensors[key].node) if one),
    )


def between_modules(trace: Trace, key: str, places: list[str]) -> Diagnosis:
    read = next(read for read in gradient_reads(trace) if key in read.inputs and read.outputs)
    line, node = trace.line(read.step), trace.tensors[key].node
    return Diagnosis(
        rule="tied-leaf",
        severity="note",
        title=f"{listed(places)} share one weight",
        cause=(
            f"Line {line} reads the gradient of a leaf that {listed(places)} both use. It is the sum of what backward "
            "brings from each."
        ),
        fix="To see what one place contributes, look at the edges that end in its `AccumulateGrad`.",
        lines=(line,),
        source=SOURCE,
        evidence={"leaf": key, "modules": list(places)},
        moment=read.moment or None,
        refs=tuple(one for one in (key, node) if one),
    )
