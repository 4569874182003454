"""Calls of `backward()` and `autograd.grad()`: what each started from, and what it gave to each leaf.

Every one enters the engine through one function of torch's. The run that is measured ends there, where the value to
differentiate is known and its gradient is not asked for.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Literal

import torch
from msgspec import Struct
from torch.utils.hooks import RemovableHandle

from app.worker import budget
from app.worker.bound import Node, Unobserved, dtype_of, in_transform, is_accumulate_grad, is_tensor
from app.worker.operators import tensors_among
from app.worker.source import FILENAME

_autograd: Any = torch.autograd
_run_backward: Callable[..., Sequence[object]] = torch.autograd.graph._engine_run_backward

Weights = tuple[torch.Tensor | None, ...]


class Reached(BaseException):
    """The run came as far as it had to. No `except Exception` of the snippet takes it for its own."""


class Call(Struct, eq=False, kw_only=True):
    """One call of the engine by the snippet."""

    kind: Literal["backward", "grad"]
    line: int | None
    chosen: bool  # `inputs=` were given: others are not asked for
    value: float | None  # what is differentiated: the roots, weighted, added up; None where that cannot be told
    weights: Weights  # the gradients that it started from
    gradients: dict[int, torch.Tensor] = {}  # by id of the leaf
    leaves: dict[int, torch.Tensor] = {}  # which holds them
    asked: dict[int, torch.Tensor] = {}  # leaves among `inputs=`
    raised: bool = False


class Observed:
    """Lets every call through, and notes it."""

    def __init__(self, seen: Callable[[], None], over: Callable[[], bool]) -> None:
        self.calls: list[Call] = []
        self._seen, self._over = seen, over
        self._running: Call | None = None

    def run(
        self,
        outputs: Sequence[object],
        weights: Sequence[object],
        keep_graph: bool,  # the engine's own signature
        create_graph: bool,
        inputs: Sequence[object] = (),
        *args: object,
        **kwargs: object,
    ) -> object:
        """As the engine's own function."""

        def go() -> Sequence[object]:
            return _run_backward(outputs, weights, keep_graph, create_graph, inputs, *args, **kwargs)

        if in_transform():
            return go()
        call = self._running
        if call is None:
            if self._over():
                raise Reached
            self._seen()
            asked = {id(tensor): tensor for tensor in tensors_among(inputs or ())}
            call = Call(
                kind="backward" if kwargs.get("accumulate_grad", True) else "grad",
                line=line_of(sys._getframe(1)),
                chosen=bool(inputs),
                value=value_of(outputs, weights),
                weights=tuple(weight.detach().clone() if is_tensor(weight) else None for weight in weights),
                asked=asked,
            )
            self.calls.append(call)
        outer, self._running = self._running, call
        hooks = _capturing(outputs, call)
        try:
            given = go()
        except BaseException:
            call.raised = True
            raise
        finally:
            self._running = outer
            for hook in hooks:
                hook.remove()
        if call.kind == "grad" and outer is None:
            for tensor, gradient in zip(inputs, given, strict=False):
                if is_tensor(tensor) and is_tensor(gradient):
                    _add(call, tensor, gradient)
        return given


class Measured:
    """Ends the run at one call, with the value that it starts from."""

    def __init__(self, last: int, weights: Weights) -> None:
        self.value: float | None = None
        self.reached = False
        self._last, self._weights = last, weights
        self._calls, self._inside = 0, False

    def run(self, outputs: Sequence[object], weights: Sequence[object], *args: object, **kwargs: object) -> object:
        """As the engine's own function."""
        if in_transform() or self._inside:
            return _run_backward(outputs, weights, *args, **kwargs)
        self.stop_where_reached()
        if self._calls == self._last:
            self.reached = True
            # the gradients that it starts from are no part of what is differentiated: those of the unmoved run
            self.value = value_of(outputs, self._weights)
            raise Reached
        self._calls += 1
        self._inside = True
        try:
            return _run_backward(outputs, weights, *args, **kwargs)
        finally:
            self._inside = False

    def stop_where_reached(self) -> None:
        """The snippet may have caught what was to end it."""
        if self.reached:
            raise Reached


@contextmanager
def in_place_of_the_engine(run: Callable[..., object]) -> Iterator[None]:
    """Calls of the engine are `run`'s."""
    _autograd._engine_run_backward = _autograd.graph._engine_run_backward = run
    try:
        yield
    finally:
        _autograd._engine_run_backward = _autograd.graph._engine_run_backward = _run_backward


def line_of(frame: FrameType | None) -> int | None:
    """The line of the snippet that `frame` was called from."""
    while frame is not None and frame.f_code.co_filename != FILENAME:
        frame = frame.f_back
    return None if frame is None else frame.f_lineno


def value_of(outputs: Sequence[object], weights: Sequence[object]) -> float | None:
    """The sum of what `outputs` hold, each times its weight.

    A complex weight counts as torch has it: the gradient of Re(conj(weight) * output).
    """
    total = 0.0
    with Unobserved(), torch.no_grad():
        for output, weight in zip(outputs, weights, strict=True):
            if not is_tensor(output) or not is_tensor(weight) or output.shape != weight.shape:
                return None  # an edge of the graph holds no value
            wide = torch.complex128 if dtype_of(output).is_complex or dtype_of(weight).is_complex else torch.float64
            product = output.detach().to(wide) * weight.detach().to(wide).conj()
            total += float(product.sum().real)
    return total


def _capturing(outputs: Sequence[object], call: Call) -> list[RemovableHandle]:
    """Hooks that note in `call` what arrives at each leaf below `outputs`."""
    hooks = []
    todo: list[Node] = [tensor.grad_fn for tensor in tensors_among(outputs) if tensor.grad_fn is not None]
    seen: set[Node] = set()  # holds them: wrappers keep their identity only then
    for tensor in tensors_among(outputs):
        if tensor.grad_fn is None and tensor.requires_grad:
            todo.append(torch.autograd.graph.get_gradient_edge(tensor).node)
    while todo:
        node = todo.pop()
        if node in seen or len(seen) >= budget.NUMERIC_NODES:
            continue
        seen.add(node)
        if is_accumulate_grad(node):
            hooks.append(node.register_prehook(_noting(call, node.variable)))  # type: ignore[attr-defined]  # not in the stubs of torch
        todo += [following for following, _ in node.next_functions if following is not None]
    return hooks


def _noting(call: Call, leaf: torch.Tensor) -> Callable[[tuple[object, ...]], None]:
    def note(gradients: tuple[object, ...]) -> None:
        if gradients and is_tensor(gradients[0]):
            _add(call, leaf, gradients[0])

    return note


def _add(call: Call, leaf: torch.Tensor, gradient: torch.Tensor) -> None:
    with Unobserved(), torch.no_grad():
        dense = gradient.detach()
        dense = dense.to_dense() if dense.layout is not torch.strided else dense.clone()
        before = call.gradients.get(id(leaf))
        call.gradients[id(leaf)] = dense if before is None else before + dense
        call.leaves[id(leaf)] = leaf
