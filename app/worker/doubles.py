"""The snippet in float64, with the random numbers that it draws in its own types.

Finite differences of float32 are too coarse to judge a gradient by. What the snippet calls float32 is float64 while
this holds. A generator gives other numbers for another type, so each draw is made in the type of the reader's run,
which was noted then, and cast.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

import torch

from app.worker.bound import dtype_of, is_tensor

Function = Callable[..., Any]

_SINGLE, _DOUBLE = torch.float32, torch.float64
_WIDER = {torch.float32: torch.float64, torch.complex64: torch.complex128}
_FACTORIES = ("rand", "randn", "rand_like", "randn_like")
_OF_TENSORS = ("normal", "bernoulli", "poisson", "multinomial", "binomial")
_FILLS = ("normal_", "uniform_", "exponential_", "cauchy_", "log_normal_", "geometric_", "bernoulli_", "random_")
_torch: Any = torch
_tensor: Any = torch.Tensor


class Draws:
    """The types in which the reader's own run drew random numbers, one after another."""

    def __init__(self) -> None:
        self._drawn: list[torch.dtype] = []
        self._next = 0

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note them: the snippet runs as it is."""
        with _each_replaced(self._noting, self._noting, self._noting):
            yield

    @contextmanager
    def doubled(self) -> Iterator[None]:
        """The snippet runs in float64, and draws as noted."""
        self._next = 0
        names = {
            torch: {
                "float32": _DOUBLE,
                "float": _DOUBLE,
                "complex64": torch.complex128,
                "cfloat": torch.complex128,
                "FloatTensor": _torch.DoubleTensor,
            },
            torch.Tensor: {"float": _tensor.double, "cfloat": _tensor.cdouble},
            torch.nn.Module: {"float": torch.nn.Module.double},
        }
        kept = torch.get_default_dtype()
        with ExitStack() as stack:
            stack.enter_context(_each_replaced(self._factory, self._of_tensors, self._fill))
            for owner, values in names.items():
                for name, value in values.items():
                    stack.enter_context(_replaced(owner, name, value))
            torch.set_default_dtype(_DOUBLE)
            try:
                yield
            finally:
                torch.set_default_dtype(kept)

    def _noting(self, function: Function) -> Function:
        @wraps(function)
        def noting(*args: object, **kwargs: object) -> object:
            drawn = function(*args, **kwargs)
            self._drawn.append(dtype_of(drawn) if is_tensor(drawn) else _SINGLE)
            return drawn

        return noting

    def _type(self) -> torch.dtype:
        """In which the reader's run drew what is drawn next."""
        self._next += 1
        return self._drawn[self._next - 1] if self._next <= len(self._drawn) else _SINGLE

    def _factory(self, function: Function) -> Function:
        @wraps(function)
        def factory(*args: object, **kwargs: object) -> object:
            drawn_in = self._type()
            if drawn_in not in _WIDER or kwargs.get("out") is not None:
                return function(*args, **kwargs)
            requires_grad = bool(kwargs.pop("requires_grad", False))
            with torch.no_grad():
                wide = function(*args, **{**kwargs, "dtype": drawn_in}).to(_WIDER[drawn_in])
            return wide.requires_grad_() if requires_grad else wide

        return factory

    def _of_tensors(self, function: Function) -> Function:
        @wraps(function)
        def of_tensors(*args: object, **kwargs: object) -> object:
            self._type()
            if kwargs.get("out") is not None or not any(map(_is_double, [*args, *kwargs.values()])):
                return _wider(function(*args, **kwargs)) if "dtype" not in kwargs else function(*args, **kwargs)
            narrow = {name: _narrow(value) for name, value in kwargs.items()}
            return _wider(function(*map(_narrow, args), **narrow))

        return of_tensors

    def _fill(self, function: Function) -> Function:
        @wraps(function)
        def fill(tensor: torch.Tensor, *args: object, **kwargs: object) -> object:
            drawn_in = self._type()
            if dtype_of(tensor) is not _WIDER.get(drawn_in):
                return function(tensor, *args, **kwargs)
            narrow = torch.empty_like(tensor, dtype=drawn_in, requires_grad=False)
            function(narrow, *map(_narrow, args), **kwargs)
            return tensor.copy_(narrow)

        return fill


def _is_double(value: object) -> bool:
    return is_tensor(value) and dtype_of(value) is _DOUBLE


def _narrow(value: object) -> object:
    return value.to(_SINGLE) if is_tensor(value) and dtype_of(value) is _DOUBLE else value


def _wider(value: object) -> object:
    return value.to(_DOUBLE) if is_tensor(value) and dtype_of(value) is _SINGLE else value


@contextmanager
def _each_replaced(
    factory: Callable[[Function], Function],
    of_tensors: Callable[[Function], Function],
    fill: Callable[[Function], Function],
) -> Iterator[None]:
    """Each way to draw numbers with the one in its place that the three give for their kinds."""
    kinds = ((torch, _FACTORIES, factory), (torch, _OF_TENSORS, of_tensors), (torch.Tensor, _FILLS, fill))
    with ExitStack() as stack:
        for owner, names, instead in kinds:
            for name in names:
                stack.enter_context(_replaced(owner, name, instead(getattr(owner, name))))
        yield


@contextmanager
def _replaced(owner: object, name: str, value: object) -> Iterator[None]:
    own = vars(owner).get(name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if own is None:  # it was inherited
            delattr(owner, name)
        else:
            setattr(owner, name, own)
