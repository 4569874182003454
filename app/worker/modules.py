"""Which module call each operator ran in."""

import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import torch
from msgspec import Struct

from app.worker.names import clean

ModuleRef = weakref.ref[torch.nn.Module]


class CallRecord(Struct, frozen=True, gc=False):
    """One call of a module, which it does not keep alive."""

    module: ModuleRef
    kind: str
    parent: int | None
    step: int


class ModuleCalls:
    """Every call of an nn.Module, in order, and the reader's paths to the modules."""

    def __init__(self, step: Callable[[FrameType], int], returned: Callable[[object, FrameType], None]) -> None:
        """`step` tells the step of a frame; `returned` is told what an outermost call gave, and its caller."""
        self.returned = returned
        self._step = step
        self.calls: list[CallRecord] = []
        self.current: int | None = None
        self._kinds: dict[str, str] = {}  # names of their classes, as the Trace has them
        self._paths: dict[int, tuple[ModuleRef, str, bool]] = {}  # by id of the one reference that a module has

    def name(self, path: str, module: torch.nn.Module, is_local: bool) -> None:
        """Note the reader's path to `module`; the first one stays, but one from the top level goes before."""
        reference = weakref.ref(module)
        known = self._paths.get(id(reference))
        if known is None or (known[2] and not is_local):
            self._paths[id(reference)] = reference, path, is_local

    def path(self, call: int) -> str:
        """The path of the module that `call` called, else its class's name."""
        record = self.calls[call]
        known = self._paths.get(id(record.module))
        return known[1] if known else record.kind

    @contextmanager
    def observed(self) -> Iterator[None]:
        """Follow calls of modules."""
        show_calls()
        _observing.append(self)
        try:
            yield
        finally:
            _observing.remove(self)
            show_calls()  # the snippet may have put something in our place

    def begin(self, module: torch.nn.Module, caller: FrameType) -> int | None:
        """A call of `module` begins; the one that it runs in, which is the current one afterwards."""
        outer, kind = self.current, type(module).__name__
        if kind not in self._kinds:
            self._kinds[kind] = clean(kind)
        self.current = len(self.calls)
        self.calls.append(CallRecord(weakref.ref(module), self._kinds[kind], outer, self._step(caller)))
        return outer


_call_module = torch.nn.Module.__call__
_observing: list[ModuleCalls] = []  # those of the run that is under way


def show_calls() -> None:
    """Let every call of a module go by us. Stays: to set it anew for a run would take a tenth of a short one.

    (Python forgets what it knows of each class below nn.Module when one of its methods is replaced.)
    """
    if torch.nn.Module.__call__ is not _call:
        torch.nn.Module.__call__ = _call  # type: ignore[method-assign]  # put back afterwards


def _call(module: torch.nn.Module, *args: object, **kwargs: object) -> object:
    if not _observing:
        return _call_module(module, *args, **kwargs)
    calls, caller = _observing[-1], sys._getframe(1)
    outer = calls.begin(module, caller)
    try:
        result = _call_module(module, *args, **kwargs)
    finally:
        calls.current = outer
    if outer is None:
        calls.returned(result, caller)
    return result
