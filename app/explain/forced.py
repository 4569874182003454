"""Values without a graph that were made to require grad: backward takes them for leaves and ends there."""

from collections.abc import Iterator, Mapping

from app.explain.facts import reached
from app.trace.flow import Cut
from app.trace.model import Trace
from app.trace.moments import Moments


def forced(trace: Trace, wanting: Mapping[str, set[str]]) -> Iterator[Cut]:
    """The leaves that backward reached and that operators had made from leaves `wanting` a gradient.

    `wanting` has, for each of those, what was made from it. A parameter made of a result shares that one's memory.
    """
    arrived = reached(trace) | {key for backward in trace.backwards if backward.fired for key in backward.roots}
    over = {
        trace.tensors[key].storage: key
        for leaf, made in wanting.items()
        for key in made
        if trace.tensors[key].storage != trace.tensors[leaf].storage
    }
    for key in sorted(arrived, key=lambda one: trace.tensors[one].moment):
        tensor = trace.tensors[key]
        source = over.get(tensor.storage) if tensor.storage else None
        if (
            source is None
            or not tensor.is_leaf
            or not tensor.requires_grad
            or tensor.grads == ()
            or tensor.step is None
        ):
            continue
        moment = next((turn.moment for turn in tensor.turns if turn.requires_grad), tensor.moment)
        step = Moments(trace).step_of(moment)
        op = "Parameter" if tensor.is_parameter else "requires_grad_"
        yield Cut(step=step, moment=moment, by="requires-grad-forced", op=op, source=source, result=key)
