"""Where torch would pass by the observer, or see it: functions of its own that are replaced while a run lasts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, Protocol

import torch

from app.worker.bound import function_modes
from app.worker.memory import Memory
from app.worker.operators import HIDDEN, Function, Operator, OperatorMode, classify


class Watcher(Protocol):
    """Who notes operators."""

    @property
    def recording(self) -> bool:
        """Whether what happens now is noted."""

    def around(
        self, operator: Operator, function: Function, args: Sequence[object], kwargs: dict[str, object]
    ) -> object:
        """Call `function`, and note what it did."""


@contextmanager
def forgetful_swaps(memory: Memory) -> Iterator[None]:
    """torch swaps two tensors in place only where nobody holds a weak reference to them: let go of ours first."""
    utilities: Any = torch.utils
    swap = utilities.swap_tensors

    def swap_tensors(t1: torch.Tensor, t2: torch.Tensor) -> None:
        memory.forget(t1)
        memory.forget(t2)
        swap(t1, t2)

    utilities.swap_tensors = swap_tensors
    try:
        yield
    finally:
        utilities.swap_tensors = swap


@contextmanager
def hidden_shown_to(watcher: Watcher) -> Iterator[None]:
    """torch keeps some operators from function modes: stand in for them."""
    kept = [(owner, name, owner.__dict__.get(name), getattr(owner, name)) for owner, name in HIDDEN]
    for owner, name, _, function in kept:
        setattr(owner, name, _shown(watcher, classify(function), function))
    try:
        yield
    finally:
        for owner, name, own, _ in kept:
            if own is None:  # it was inherited
                delattr(owner, name)
            else:
                setattr(owner, name, own)


def _shown(watcher: Watcher, operator: Operator, function: Function) -> Function:
    @wraps(function)
    def shown(*args: object, **kwargs: object) -> object:
        if not watcher.recording:
            return function(*args, **kwargs)
        return watcher.around(operator, function, args, kwargs)

    return shown


@contextmanager
def optimizers_shown_to(note: Callable[[object, object, bool], None]) -> Iterator[None]:
    """Every optimizer takes its parameters by one method, group by group: stand in for it.

    `note` is given the optimizer, the group, and whether that was refused.
    """
    optimizer: Any = torch.optim.Optimizer
    add = optimizer.add_param_group

    @wraps(add)
    def add_param_group(self: object, param_group: object) -> None:
        raised = True
        try:
            add(self, param_group)
            raised = False
        finally:
            note(self, param_group, raised)

    optimizer.add_param_group = add_param_group
    try:
        yield
    finally:
        optimizer.add_param_group = add


@contextmanager
def fast_paths_beside(mode: OperatorMode) -> Iterator[None]:
    """Modules ask whether a torch function mode is on before they take a faster path: `mode` does not count."""
    overrides: Any = torch.overrides
    asked = overrides.has_torch_function

    def has_torch_function(relevant_args: Iterable[object]) -> bool:
        stack = function_modes()
        if stack and stack[-1] is mode:
            with overrides._pop_mode_temporarily():
                return bool(asked(relevant_args))
        return bool(asked(relevant_args))

    overrides.has_torch_function = has_torch_function
    try:
        yield
    finally:
        overrides.has_torch_function = asked
