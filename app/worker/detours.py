"""Where torch would pass by the observer, or see it: functions of its own that are replaced while a run lasts."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from types import FunctionType
from typing import Any, Protocol, cast

import torch
from torch.optim.optimizer import _global_optimizer_pre_hooks

from app.worker.bound import dict_of, enter_mode, function_modes, is_only_mode, mro_of, pop_mode
from app.worker.handed import Handed
from app.worker.memory import Memory
from app.worker.operators import HIDDEN, Function, Operator, OperatorMode, classify

_sgd: Any = torch.optim.SGD
_BEFORE_STEPS = cast("dict[object, object]", _global_optimizer_pre_hooks)
_ZERO_GRAD: Function = torch.optim.Optimizer.zero_grad
_READS_ONLY = _sgd._init_group  # every other one of torch's makes the state of each parameter the first time
_OPTIMIZERS = frozenset(kind.__module__ for kind in vars(torch.optim).values() if isinstance(kind, type))


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
def optimizers_shown_to(handed: Handed, mode: OperatorMode) -> Iterator[None]:
    """Every optimizer takes its parameters, and drops their gradients, by one method each: stand in for both.

    Before it takes a step it calls whoever wants to know.

    What it only reads of them, attribute by attribute, `mode` need not see: a fifteenth of what a training loop takes.
    """
    optimizer: Any = torch.optim.Optimizer
    add = optimizer.add_param_group
    replaced: list[tuple[Any, str, Function]] = []

    @wraps(add)
    def add_param_group(self: object, param_group: object) -> None:
        raised = True
        try:
            add(self, param_group)
            raised = False
        finally:
            handed.note(self, param_group, raised)
        _BEFORE_STEPS[handed] = handed.note_step  # no handle: that would take the number of the snippet's next one
        if not replaced and optimizer.zero_grad is _ZERO_GRAD:  # only now: most snippets have no optimizer
            replaced.append((optimizer, "zero_grad", _ZERO_GRAD))
            optimizer.zero_grad = _zeroing(mode, handed)
        owner, reads = _reader_of(self)
        if reads is not None:
            replaced.append((owner, "_init_group", reads))
            owner._init_group = _beside(mode, reads)

    optimizer.add_param_group = add_param_group
    try:
        yield
    finally:
        optimizer.add_param_group = add
        _BEFORE_STEPS.pop(handed, None)
        for owner, name, function in replaced:
            setattr(owner, name, function)


def _zeroing(mode: OperatorMode, handed: Handed) -> Function:
    """torch's `zero_grad` without `mode` where it runs no operator, as it does where `set_to_none` is false."""

    @wraps(_ZERO_GRAD)
    def zero_grad(self: object, *args: object, **kwargs: object) -> None:
        if not is_only_mode(mode) or not all(given is True for given in (*args, *kwargs.values())):
            _ZERO_GRAD(self, *args, **kwargs)
            return
        pop_mode()
        try:
            _ZERO_GRAD(self, *args, **kwargs)
        finally:
            enter_mode(mode)
            handed.note_zeroed(self)

    return zero_grad


def _reader_of(optimizer: object) -> tuple[Any, Function | None]:
    """The class whose `_init_group` runs for `optimizer`, and that, where it is torch's.

    It lists the parameters of a group that have a gradient, with what is kept for each.
    """
    for owner in mro_of(type(optimizer)):
        reads = dict_of(owner).get("_init_group")
        if reads is not None:
            is_torchs = type(reads) is FunctionType and reads.__globals__.get("__name__") in _OPTIMIZERS
            return owner, reads if is_torchs else None
    return None, None


def _beside(mode: OperatorMode, reads: Function) -> Function:
    """`reads` without `mode` where it runs no operator: it does where it makes the state of a parameter."""
    makes_state = reads is not _READS_ONLY

    @wraps(reads)
    def init_group(self: object, *args: object, **kwargs: object) -> object:
        if not args or not is_only_mode(mode):
            return reads(self, *args, **kwargs)
        state, parameters = cast("Any", self).state, cast("Any", args[0])["params"]
        pop_mode()
        try:
            if not makes_state or all(map(state.get, parameters)):
                return reads(self, *args, **kwargs)
        finally:
            enter_mode(mode)
        return reads(self, *args, **kwargs)

    return init_group


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
