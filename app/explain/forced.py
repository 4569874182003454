"""Values without a graph that were made to require grad: backward takes them for leaves and ends there."""

from collections.abc import Iterable, Iterator

from app.explain.facts import reached
from app.trace.flow import Cut
from app.trace.model import Trace
from app.trace.moments import Moments


def forced(trace: Trace, wanting: Iterable[str]) -> Iterator[Cut]:
    """The leaves that backward reached and that operators had made before from leaves `wanting` a gradient.

    A parameter made of a result shares that one's memory. What is copied into a leaf later makes none of it.
    """
    arrived = reached(trace) | {key for backward in trace.backwards if backward.fired for key in backward.roots}
    over: dict[str, dict[str, int]] = {}  # storage → what was made there of such leaves, and when
    for leaf in wanting:
        for key, moment in _made_from(trace, leaf):
            storage = trace.tensors[key].storage
            if storage and storage != trace.tensors[leaf].storage:
                over.setdefault(storage, {}).setdefault(key, moment)
    for key in sorted(filter(arrived.__contains__, trace.tensors), key=lambda one: trace.tensors[one].moment):
        tensor = trace.tensors[key]
        if not tensor.is_leaf or not tensor.requires_grad or tensor.grads == () or tensor.step is None:
            continue
        moment = next((turn.moment for turn in tensor.turns if turn.requires_grad), tensor.moment)
        made = over.get(tensor.storage or "", {})
        source = next((one for one in reversed(made) if made[one] <= moment), None)
        if source is not None:
            step = Moments(trace).step_of(moment)
            op = "Parameter" if tensor.is_parameter else "requires_grad_"
            yield Cut(step=step, moment=moment, by="requires-grad-forced", op=op, source=source, result=key)


def _made_from(trace: Trace, leaf: str) -> Iterator[tuple[str, int]]:
    """Each tensor that operators made from `leaf`, or wrote with what it holds, and at which moment first."""
    found = {leaf}
    for operation in trace.operations:
        if not found.isdisjoint(operation.inputs):
            for key in operation.outputs:
                if key not in found:
                    found.add(key)
                    yield key, operation.moment
