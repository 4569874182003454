"""The Trace: what one run of a snippet did, as plain data.

Imports neither torch nor the web framework: all of the app reads it. The worker writes one in an
untrusted process, so every text and sequence has a bound, and decoding checks it (`wire.py`).

Ids are short, in order of first appearance: `t0` a tensor, `s0` a storage, `v0` a version counter,
`n0` an autograd node. A step is an index into `Trace.steps`; a line is a line of the snippet, from 1.

A moment is one line that ran or one node that backward ran, from 1, in the order in which they began; what
happened at a moment happened before the next one began. 0 stands for a moment that is not known.
"""

from collections.abc import Iterator
from math import prod
from typing import Annotated, Literal

from msgspec import Meta, Struct

SCHEMA = "tapescope.trace/1"

Id = Annotated[str, Meta(pattern="^[tsvn][0-9]{1,6}$")]
Name = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=2_000)]
LongText = Annotated[str, Meta(max_length=70_000)]
Count = Annotated[int, Meta(ge=0)]
Size = Annotated[int, Meta(ge=-(2**62), le=2**62)]
Dims = Annotated[tuple[Size, ...], Meta(max_length=64)]

# How cells lie in bytes, little-endian, as the module `struct` calls it; "F" and "D" are complex: two of "f" or "d".
Packing = Literal["", "f", "d", "e", "q", "i", "h", "b", "B", "H", "I", "Q", "?", "F", "D"]

# A number that is not finite is "nan", "inf" or "-inf"; a complex one is (re, im).
Finite = bool | int | float | Literal["nan", "inf", "-inf"]
Scalar = bool | int | float | Literal["nan", "inf", "-inf"] | tuple[Finite, Finite]


class Summary(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Contents too many to list: over the finite elements, and how many are not."""

    min: Scalar | None
    max: Scalar | None
    mean: Scalar | None
    zeros: Count
    not_finite: Count
    bins: Annotated[tuple[Count, ...], Meta(max_length=64)] = ()  # a histogram of the finite ones, from min to max


class Values(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The contents of a tensor at one time, row-major; `flat` is None above the recorder's limit."""

    shape: Dims
    dtype: Name
    flat: Annotated[tuple[Scalar, ...], Meta(max_length=1_000)] | None = None
    summary: Summary | None = None

    def __post_init__(self) -> None:
        """Refuses, when decoding too, a list that does not fill the shape."""
        if self.flat is not None and len(self.flat) != prod(self.shape):
            raise ValueError(f"{len(self.flat)} elements in a shape of {self.shape}")


class Environment(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What ran the snippet."""

    torch: Name
    python: Name
    tapescope: Name


class Error(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The exception that ended the run."""

    type: Name
    message: LongText
    line: Count | None  # the innermost line of the snippet's own frames
    column: Count | None = None  # from 1; for a SyntaxError
    frames: Annotated[tuple[Count, ...], Meta(max_length=100)] = ()  # the snippet's lines, outermost first
    functions: Annotated[
        tuple[Name | None, ...], Meta(max_length=100)
    ] = ()  # of each of `frames`, which one it was in; None for the top level
    suggestion: Name | None = None  # a name that there is, close to the one that there is not


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """How the run ended. `line` is where it was stopped, if it was."""

    kind: Literal["finished", "raised", "stopped"]
    error: Error | None = None
    reason: Literal["time", "memory", "output", "size", "crash"] | None = None
    line: Count | None = None


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One run of one source line."""

    line: Count
    function: Name | None = None  # None at the top level of the snippet
    depth: Count = 0  # of calls between functions of the snippet
    moment: Count = 0  # at which it began
    frame: Count = 0  # which call of a function it belongs to; 0 for the top level
    caller: Count | None = None  # the step that its function was called from
    mode: Literal["grad", "no_grad", "inference"] = "grad"  # whether operators were recorded when it began


class Turn(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """How a tensor stands in the graph from this moment on: a write, `detach_()` or `requires_grad_()` changed it."""

    moment: Count  # from which on it stands so
    node: Id | None = None  # its grad_fn
    is_leaf: bool = True  # as torch says
    requires_grad: bool = False  # as torch says


class GradTurn(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """From this moment on, what a tensor's `.grad` is."""

    moment: Count  # from which on
    tensor: Id | None = None  # that is its `.grad`; None for none


class Tensor(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A shape, stride and offset, in elements, over a storage.

    A tensor whose geometry is swapped (`t.data = other`, `set_`, `resize_`) continues as a new
    Tensor that names the old one in `continues`.
    """

    shape: Dims
    stride: Dims | None  # None for layouts without strides
    offset: Size
    dtype: Name
    storage: Id | None  # None where there is no memory to point at: sparse, meta, inside a transform
    counter: Id | None  # None for an inference tensor
    names: Annotated[tuple[Name, ...], Meta(max_length=20)] = ()  # the reader's, first bound first
    expression: Name | None = None  # the source text of the call that made it
    step: Count | None = None  # when it was first seen
    op: Name | None = None  # the operator that made it: "sigmoid", ".data", "detach"
    base: Id | None = None  # the tensor whose memory the operator gave on
    node: Id | None = None  # its grad_fn, or the AccumulateGrad of a leaf; as last seen
    is_leaf: bool = True
    requires_grad: bool = False
    is_parameter: bool = False
    is_inference: bool = False
    retains_grad: bool = False
    alive: bool = False  # still referred to when the run ended
    values: Values | None = None  # contents when the run ended, or when last seen
    continues: Id | None = None
    lazy: bool = False  # conjugated or negated whenever it is read: its memory holds other numbers
    moment: Count = 0  # when it was first seen
    turns: Annotated[tuple[Turn, ...], Meta(max_length=20_000)] = ()  # as first seen, then each change
    grads: Annotated[tuple[GradTurn, ...], Meta(max_length=20_000)] = ()  # each change of its `.grad`; None before

    @property
    def name(self) -> str | None:
        """The reader's first name for it."""
        return self.names[0] if self.names else None

    @property
    def label(self) -> str:
        """The reader's name, else the expression that made it, else what it is."""
        return self.name or self.expression or "a temporary tensor"


class Content(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a storage held from this moment on: the cells that changed, packed one after another.

    Of many cells there is a summary instead; without both, what it held was not kept.
    """

    moment: Count  # from which on it is held
    start: Count = 0  # the first cell in `cells`; those outside of them stay as they were
    cells: Annotated[bytes, Meta(max_length=20_000)] = b""
    summary: Summary | None = None
    resized: bool = False  # the storage has no other cells than these


class Storage(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One stretch of memory. Its cells are elements of `dtype`."""

    size_bytes: Count
    dtype: Name
    owner: Literal["torch", "numpy"] = "torch"
    step: Count | None = None  # when it was first seen
    alive: bool = False
    values: Values | None = None  # shape (cells,): when the run ended, or when last seen
    moment: Count = 0  # when it was first seen
    packing: Packing = ""  # how `contents` are packed; empty where they are not
    contents: Annotated[tuple[Content, ...], Meta(max_length=20_000)] = ()  # in order, from when it was first looked at


class Array(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A numpy array of the reader's over a storage; stride and offset in elements."""

    name: Name
    shape: Dims
    stride: Dims
    offset: Size
    dtype: Name
    storage: Id


class Counter(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A version counter: a base, its views and its `detach()` share one; `.data` has its own."""

    version: Count  # when last seen
    step: Count | None = None
    first: Count = 0  # when first seen
    moves: Annotated[tuple[tuple[Count, Count], ...], Meta(max_length=20_000)] = ()  # moment, version from then on
    moment: Count = 0  # when it was first seen


class Edge(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One of a node's `next_functions`: where backward goes from here."""

    node: Id
    index: Count  # which input of that node


class SavedTensor(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A tensor that a node keeps for backward."""

    slot: Name  # torch's own name for it: "self", "result", "other", ...
    tensor: Id | None  # None if it had gone before it could be looked at
    saved_at: Count  # step
    version: Count | None  # the tensor's version counter then
    version_read: Count | None = None  # and when backward came to read it; None if it never did
    version_now: Count | None = None  # when the run ended, or when last seen
    intact: bool | None = None  # whether backward read the contents that were saved; None: never read, or too large
    intact_now: bool | None = None  # the same at the end of the run, for one that backward never read
    values: Values | None = None  # contents when saved
    values_read: Values | None = None  # contents when backward read them, where they differ
    hooked: bool = False  # packed by saved-tensor hooks: torch checks no version


class Node(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What `grad_fn` names: `SigmoidBackward0`, `AccumulateGrad`."""

    name: Name
    inputs: Annotated[tuple[Edge | None, ...], Meta(max_length=1_000)] = ()
    saved: Annotated[tuple[SavedTensor, ...], Meta(max_length=1_000)] = ()
    step: Count | None = None  # when it was recorded
    tensors: Annotated[
        tuple[Id, ...], Meta(max_length=100)
    ] = ()  # whose grad_fn it is or was; AccumulateGrad: the leaf
    module: Name | None = None  # the module call that recorded it: "model.0"
    call: Count | None = None  # which module call of the run that was, from 0
    freed: bool = False  # backward released what it saved
    custom: bool = False  # a torch.autograd.Function of the reader's
    moment: Count = 0  # when it was recorded
    freed_at: Count | None = None  # the moment at which backward released what it saved
    kept: Annotated[tuple[SavedTensor, ...], Meta(max_length=20)] = ()  # attributes of ctx; torch checks no version


class ModuleCall(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One call of an `nn.Module`."""

    module: Name  # the reader's path to it: "model.0"
    kind: Name  # its class: "Linear"
    parent: Count | None  # the module call that it ran in
    step: Count


# What a tensor is that torch lets nobody write in place: by the mode that it was made in, or as a view of another.
Forbidden = Literal["leaf", "no_grad view", "inference view", "one of several views", "view by a custom Function"]


class Operation(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One call of a torch operator from Python, as it ran."""

    step: Count
    op: Name  # "sigmoid", ".data", "__setitem__", "backward"
    expression: Name | None = None
    inputs: Annotated[tuple[Id, ...], Meta(max_length=1_000)] = ()
    outputs: Annotated[tuple[Id, ...], Meta(max_length=1_000)] = ()
    grad_enabled: bool = True
    raised: bool = False
    moment: Count = 0  # at which it ran
    inside: bool = False  # called by a function of a library that the snippet called, as an optimizer's step does
    forbidden: Forbidden | None = None  # why torch lets it write nothing in place; only of one that raised
    plain: bool = False  # given a number or array that was computed, after values had been taken out of tensors


class ParamGroup(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Parameters that an optimizer was handed."""

    step: Count
    optimizer: Name  # its class: "SGD"
    params: Annotated[tuple[Id, ...], Meta(max_length=1_000)] = ()  # that found no gradient, where there are very many
    raised: bool = False  # it refused them
    moment: Count = 0  # at which it was handed them


class IdleUpdate(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A `step()` of an optimizer none of whose parameters had a gradient: it passes over all of them."""

    step: Count
    optimizer: Name  # its class: "SGD"
    params: Annotated[tuple[Id, ...], Meta(max_length=1_000)] = ()  # those of its parameters that are known
    moment: Count = 0  # at which it was called


class Write(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Memory that was written after it was first seen."""

    step: Count
    line: Count
    op: Name  # the operator; "(not an operator)" when none ran: numpy, ctypes
    storage: Id
    counter: Id | None  # the counter that the write moved; None if it moved none
    through: Id | None  # the tensor it went through; None when no operator ran
    version: Count | None = None  # of that counter, afterwards
    name: Name | None = None  # the reader's expression for what it went through: "c", "y.data", "arr"
    changed: bool = True  # whether any element differs afterwards, as far as was compared
    moment: Count = 0  # at which memory was written, or was found to be
    overlapping: bool = False  # an operand lay over what it wrote, and with a copy of that it gives other numbers


class Check(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Backward looked at one saved tensor before its node ran."""

    slot: Count  # index into Node.saved
    version: Count | None = None  # of its counter then
    intact: bool | None = None  # whether it held what was saved; None where that was not compared


class Fired(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One node as backward ran it."""

    node: Id
    grad_inputs: Annotated[tuple[Values | None, ...], Meta(max_length=1_000)] = ()  # one for each next function
    grad_outputs: Annotated[tuple[Values | None, ...], Meta(max_length=1_000)] = ()  # what it received
    finished: bool = True  # False for the node that raised
    moment: Count = 0  # at which it ran
    checks: Annotated[tuple[Check, ...], Meta(max_length=1_000)] = ()  # of each tensor that it had saved


class Backward(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One call of `backward()` or `autograd.grad()`."""

    step: Count
    fired: Annotated[tuple[Fired, ...], Meta(max_length=100_000)]
    roots: Annotated[tuple[Id, ...], Meta(max_length=1_000)] = ()  # the tensors it started from
    inputs: Annotated[tuple[Id, ...], Meta(max_length=1_000)] = ()  # `inputs=`, where given
    call: Literal["backward", "grad"] = "backward"
    keeps_graph: bool = False
    raised: bool = False
    creates_graph: bool = False  # `create_graph=True`: what it ran is recorded in turn
    moment: Count = 0  # at which it was called


class Binding(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """From this moment on, what a name of the snippet stands for; nothing any more without tensor and text."""

    moment: Count  # from which on
    name: Name  # a variable, or a way through one: `params[2]`, `model.0.weight`
    frame: Count = 0  # in which call of a function, as in Step
    tensor: Id | None = None  # where it stands for one
    text: Name | None = None  # a number or a text as Python writes it, else what kind of thing it is


class Final(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a name was bound to when the run ended."""

    tensor: Id | None
    storage: Id | None
    counter: Id | None
    version: Count | None
    is_leaf: bool
    requires_grad: bool
    node: Id | None  # its grad_fn; None for a leaf, and for a node beyond what was recorded
    grad_fn: Name | None  # the name of its grad_fn
    grad: Values | None
    parameter: bool = False


class Trace(Struct, frozen=True, kw_only=True, omit_defaults=True, weakref=True):
    """One run of one snippet, in the order in which it happened."""

    environment: Environment
    outcome: Outcome
    stdout: LongText = ""
    stderr: LongText = ""
    truncated: Annotated[tuple[Text, ...], Meta(max_length=50)] = ()
    steps: Annotated[tuple[Step, ...], Meta(max_length=100_000)] = ()
    tensors: dict[Id, Tensor] = {}
    storages: dict[Id, Storage] = {}
    counters: dict[Id, Counter] = {}
    nodes: dict[Id, Node] = {}
    arrays: Annotated[tuple[Array, ...], Meta(max_length=100)] = ()
    calls: Annotated[tuple[ModuleCall, ...], Meta(max_length=100_000)] = ()
    operations: Annotated[tuple[Operation, ...], Meta(max_length=100_000)] = ()
    writes: Annotated[tuple[Write, ...], Meta(max_length=100_000)] = ()
    backwards: Annotated[tuple[Backward, ...], Meta(max_length=10_000)] = ()
    final: dict[Name, Final] = {}
    param_groups: Annotated[tuple[ParamGroup, ...], Meta(max_length=100)] = ()  # handed to optimizers, in order
    idle_updates: Annotated[tuple[IdleUpdate, ...], Meta(max_length=1_000)] = ()  # the first of them
    bindings: Annotated[tuple[Binding, ...], Meta(max_length=50_000)] = ()  # each change of a name, in order
    printed: Annotated[
        tuple[tuple[Count, Count], ...], Meta(max_length=20_000)
    ] = ()  # moment, how many characters of `stdout` were printed when it was over
    unobserved: Count | None = None  # the last moment, where it is all that ran after recording had stopped

    def line(self, step: int) -> int:
        """The source line that `step` ran."""
        return self.steps[step].line

    def tensors_over(self, storage: str) -> Iterator[tuple[str, Tensor]]:
        """The tensors whose memory is `storage`, in order of appearance."""
        return ((key, tensor) for key, tensor in self.tensors.items() if tensor.storage == storage)

    def tensors_counted_by(self, counter: str) -> Iterator[tuple[str, Tensor]]:
        """The tensors that share `counter`, in order of appearance."""
        return ((key, tensor) for key, tensor in self.tensors.items() if tensor.counter == counter)


class Reference(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A second run of the same snippet in which every saved tensor was cloned when it was saved.

    Its gradients are those that the recorded graph stands for.
    """

    outcome: Outcome
    grads: dict[Name, Values | None]  # by the names of `Trace.final`
