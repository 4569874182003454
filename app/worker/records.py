"""What is noted of each tensor, storage and version counter while the run goes on.

Records are many and stay until the end, so Python's garbage collector is not to look through them: they are
Structs without `gc`, and have lists only where something is in them.
"""

import weakref

import torch
from msgspec import Struct

from app.trace.model import Forbidden, GradTurn, Summary, Turn
from app.worker.bound import (
    alive,
    first_byte_of,
    from_weak_reference,
    is_expired,
    size_bytes_of,
)

_PROBES = 8


class CounterRecord(Struct, eq=False, gc=False):
    """A version counter, and some tensors that it counts for, to probe it by."""

    key: str
    version: int
    step: int
    moment: int
    first: int
    probes: tuple["weakref.ref[torch.Tensor]", ...] = ()
    moves: list[tuple[int, int]] | None = None  # moment, version from then on

    def saw(self, version: int, moment: int) -> None:
        """Note that it stands at `version`."""
        if version != self.version:
            self.version = version
            if self.moves is None:
                self.moves = []
            elif self.moves[-1][0] == moment:
                self.moves.pop()
            self.moves.append((moment, version))

    def probe(self) -> torch.Tensor | None:
        """A living tensor that it counts for."""
        for ref in self.probes:
            found = ref()
            if found is not None:
                return alive(found)
        return None

    def counts_for(self, ref: "weakref.ref[torch.Tensor]") -> None:
        """Note one more tensor to probe it by."""
        if len(self.probes) >= _PROBES:
            self.probes = tuple([ref for ref in self.probes if ref() is not None][: _PROBES - 1])
        self.probes += (ref,)


class Look(Struct, eq=False, gc=False):
    """What a storage held from a moment on: its bytes, a summary of many, or neither where that was not kept."""

    moment: int
    block: bytes | None = None
    summary: Summary | None = None


class StorageRecord(Struct, eq=False, gc=False):
    """A stretch of memory: all StorageImpls whose bytes overlap."""

    key: str
    first: int
    size_bytes: int
    dtype: torch.dtype
    step: int
    moment: int
    owner: str
    exposed: bool = False  # its address was handed out: it can be written unseen
    several: bool = False  # whether there was ever more than one of them
    weak: tuple[int, ...] = ()  # weak references to its StorageImpls
    counters: tuple[CounterRecord, ...] = ()
    # most have one of each, and a list is one more thing for the garbage collector to go through
    tensors: "tuple[TensorRecord, ...] | list[TensorRecord]" = ()
    looks: tuple[Look, ...] | list[Look] = ()

    def is_under(self, tensor: "TensorRecord") -> None:
        """Note one more tensor over it."""
        if isinstance(self.tensors, list):
            self.tensors.append(tensor)
        else:
            self.tensors = [*self.tensors, tensor] if self.tensors else (tensor,)

    def locate(self) -> None:
        """Ask again where it lies: `resize_` may have moved it. What several StorageImpls share stays."""
        if not self.several and self.weak and (storage := from_weak_reference(self.weak[0])) is not None:
            self.first, self.size_bytes = first_byte_of(storage), size_bytes_of(storage)

    def is_alive(self) -> bool:
        """Whether anything still refers to it."""
        for weak in self.weak:  # noqa: SIM110  # asked at every write: `any` would be twice as slow
            if not is_expired(weak):
                return True
        return False


class TensorRecord(Struct, eq=False, gc=False):
    """One tensor of the run, as long as its shape, stride, offset and storage stay."""

    key: str
    step: int
    moment: int
    ref: "weakref.ref[torch.Tensor]"
    shape: tuple[int, ...]
    dtype: torch.dtype
    is_leaf: bool
    requires_grad: bool
    inference: bool
    parameter: bool
    lazy: bool = False
    storage: StorageRecord | None = None
    stride: tuple[int, ...] | None = None
    offset: int = 0
    counter: CounterRecord | None = None
    names: list[str] | None = None  # at the top level
    local_names: list[str] | None = None  # in functions
    expression: str | None = None
    op: str | None = None
    base: str | None = None
    node: str | None = None
    sequence: int = -1  # of its grad_fn; -1 for none
    continues: str | None = None
    hooked: bool = False  # the reader's hooks run when a gradient was added
    turns: list[Turn] | None = None  # as first seen, then each change; None where there was none
    grads: list[GradTurn] | None = None

    def turn(self, moment: int, node: str | None, is_leaf: bool, requires_grad: bool) -> None:
        """Note how it stands in the graph from now on."""
        if self.node == node and self.is_leaf == is_leaf and self.requires_grad == requires_grad:
            return
        if self.moment < moment:  # else that is how it was first seen
            if self.turns is None:
                first = Turn(moment=self.moment, node=self.node, is_leaf=self.is_leaf, requires_grad=self.requires_grad)
                self.turns = [first]
            elif self.turns[-1].moment == moment:
                self.turns.pop()
            self.turns.append(Turn(moment=moment, node=node, is_leaf=is_leaf, requires_grad=requires_grad))
        self.node, self.is_leaf, self.requires_grad = node, is_leaf, requires_grad

    def has_grad(self, moment: int, grad: str | None) -> None:
        """Note what its `.grad` is from now on."""
        if self.grads is None:
            if grad is not None:
                self.grads = [GradTurn(moment=moment, tensor=grad)]
            return
        last = self.grads[-1]
        if grad == last.tensor:
            return
        if last.moment == moment:
            self.grads.pop()
        self.grads.append(GradTurn(moment=moment, tensor=grad))

    def names_of(self, *, is_local: bool) -> list[str]:
        """Its names in functions, or at the top level, to add one to."""
        if self.names is None:
            self.names = []
        if self.local_names is None:
            self.local_names = []
        return self.local_names if is_local else self.names

    def label(self) -> str | None:
        """The reader's name for it, or the expression that made it."""
        if self.names:
            return self.names[0]
        return self.local_names[0] if self.local_names else self.expression

    def tensor(self) -> torch.Tensor | None:
        """The tensor itself while it lives."""
        found = self.ref()
        return None if found is None else alive(found)


class OperationRecord(Struct, eq=False, gc=False):
    """One call of an operator."""

    step: int
    op: str
    expression: str | None
    inputs: tuple[TensorRecord, ...]
    outputs: tuple[TensorRecord, ...]
    grad_enabled: bool
    moment: int
    raised: bool = False
    plain: bool = False
    inside: bool = False
    forbidden: Forbidden | None = None
