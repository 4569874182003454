"""Where NaN and infinite numbers come from: in backward, or in the forward before it."""

import re

from msgspec import Struct

from app.explain.facts import makers, upstream
from app.explain.numbers import has_nan, has_non_finite
from app.trace.history import History
from app.trace.model import Backward, Fired, Node, Scalar, Trace, Values

_CHOOSING = re.compile("Where|Masked|Index|Select|Slice|Gather|Take|Clamp|Maximum|Minimum|Max|Min|Mul|Relu")
_CONSTANTS = frozenset(["masked_fill", "masked_fill_", "full", "full_like", "fill_", "new_full", "tensor", "where"])
_MOST = 2_000  # tensors looked at on the way up


class Origin(Struct, frozen=True):
    """The first tensor on the way to a node whose values were not finite."""

    tensor: str
    line: int
    is_nan: bool
    made: bool  # by an operator, from what was finite


def function_of(node: Node) -> str:
    """The operator that recorded a node, by its name: "sqrt" of `SqrtBackward0`."""
    words = re.sub(r"Backward\d*$", "", node.name)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", words).lower()


def unchosen(fired: Fired) -> bool:
    """Whether a node received 0 wherever it sent NaN."""
    received = fired.grad_outputs[0] if len(fired.grad_outputs) == 1 else None
    for sent in fired.grad_inputs:
        if has_non_finite(sent):
            if not has_nan(sent) or not _is_alike(sent, received):
                return False
            return all(came == 0 for came, went in _zipped(received, sent) if went == "nan")
    return False


def point(node: Node, fired: Fired) -> str | None:
    """What the node's function was given, or gave, where it sent what is not finite: "0"."""
    sent = next((values for values in fired.grad_inputs if has_non_finite(values)), None)
    if function_of(node) in ("std", "var"):  # of all elements together
        return None
    for slot in ("self", "other", "result"):
        for saved in node.saved:
            if saved.slot == slot and _is_alike(sent, saved.values):
                held = {value for value, went in _zipped(saved.values, sent) if isinstance(went, str)}
                if held == {0.0} or (len(held) == 1 and slot != "result"):
                    value = held.pop()
                    return f"{value:g}" if isinstance(value, int | float) else str(value)
    return None


def consumer(trace: Trace, backward: Backward, fired: Fired) -> Node | None:
    """The nearest node that chooses among elements on the way from which `fired` received."""
    wanted, seen = {fired.node}, set[str]()
    for other in reversed(backward.fired[: backward.fired.index(fired)]):
        node = trace.nodes[other.node]
        if other.node not in seen and any(edge is not None and edge.node in wanted for edge in node.inputs):
            if _CHOOSING.match(node.name):
                return node
            wanted.add(other.node)
            seen.add(other.node)
    return None


def origin_in_forward(trace: Trace, node: Node, backward: Backward) -> Origin | None:
    """Where the values of the forward stopped being finite, above what `node` used; None where they were."""
    history, above = History(trace), makers(trace)
    used = {saved.tensor for saved in node.saved if saved.tensor} | set(node.tensors)
    used = used or set(backward.roots)  # of a node that saves nothing
    tensors = {key for key in upstream(above, used) if trace.tensors[key].moment <= backward.moment}
    found: list[tuple[int, Origin]] = []
    for key in sorted(tensors, key=lambda key: trace.tensors[key].moment)[:_MOST]:
        tensor = trace.tensors[key]
        values = history.values(key, tensor.moment)
        if tensor.step is not None and has_non_finite(values) and (has_nan(values) or tensor.op not in _CONSTANTS):
            made = bool(above.get(key)) or (tensor.op is None and not tensor.names)
            found.append((tensor.moment, Origin(key, trace.line(tensor.step), has_nan(values), made)))
            break
    storages = {trace.tensors[key].storage: key for key in sorted(tensors, key=lambda key: -trace.tensors[key].moment)}
    for write in trace.writes:
        if write.moment > backward.moment or (found and write.moment >= found[0][0]):
            break
        if write.storage in storages and write.op not in _CONSTANTS:
            key = storages[write.storage]
            values = history.values(key, write.moment)
            if has_non_finite(values) and not has_non_finite(history.values(key, write.moment - 1)):
                return Origin(key, write.line, has_nan(values), True)
    return found[0][1] if found else None


def is_own(trace: Trace, node: Node, origin: Origin) -> bool:
    """Whether what `node` itself gave was the first that is not finite: its function met a point where it has none."""
    return origin.tensor in node.tensors or any(
        saved.tensor == origin.tensor
        and saved.slot in ("result", "self", "other")
        and not trace.tensors[saved.tensor].op
        and not trace.tensors[saved.tensor].names
        for saved in node.saved
    )


def _is_alike(one: Values | None, other: Values | None) -> bool:
    """Whether both are listed, with one shape."""
    return (
        one is not None
        and other is not None
        and one.flat is not None
        and other.flat is not None
        and one.shape == other.shape
    )


def _zipped(one: Values | None, other: Values | None) -> list[tuple[Scalar, Scalar]]:
    if one is None or other is None or one.flat is None or other.flat is None:
        return []
    return list(zip(one.flat, other.flat, strict=True))
