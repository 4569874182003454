"""torch's own C functions, bound when the worker is imported, and typed.

A snippet may replace attributes of torch.Tensor or torch; what we observe with stays torch's own.
None of them runs Python, moves a counter or adds to a graph.
"""

import ctypes
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any, TypeGuard, cast

import torch

from app.trace.model import Forbidden

Node = torch.autograd.graph.Node
TensorBase = cast("type[torch.Tensor]", torch._C.TensorBase)  # isinstance without torch.Tensor's slow metaclass

_attributes: Any = TensorBase
_functions: Any = torch._C

shape_of: Callable[[torch.Tensor], torch.Size] = _attributes.shape.__get__
dtype_of: Callable[[torch.Tensor], torch.dtype] = _attributes.dtype.__get__
is_cpu_of: Callable[[torch.Tensor], bool] = _attributes.is_cpu.__get__
is_nested_of: Callable[[torch.Tensor], bool] = _attributes.is_nested.__get__
retains_grad_of: Callable[[torch.Tensor], bool] = _attributes.retains_grad.__get__
grad_of: Callable[[torch.Tensor], torch.Tensor | None] = _attributes.grad.__get__

base_of: Callable[[torch.Tensor], torch.Tensor | None] = _attributes._base.__get__
is_view: Callable[[torch.Tensor], bool] = _attributes._is_view
is_inference: Callable[[torch.Tensor], bool] = _attributes.is_inference
is_contiguous: Callable[[torch.Tensor], bool] = _attributes.is_contiguous
is_neg: Callable[[torch.Tensor], bool] = _attributes.is_neg
is_conj: Callable[[torch.Tensor], bool] = _attributes.is_conj
clone: Callable[[torch.Tensor], torch.Tensor] = _attributes.clone
detach: Callable[[torch.Tensor], torch.Tensor] = _attributes.detach
to_contiguous: Callable[[torch.Tensor], torch.Tensor] = _attributes.contiguous
conj_physical: Callable[[torch.Tensor], torch.Tensor] = _attributes.conj_physical
neg: Callable[[torch.Tensor], torch.Tensor] = _attributes.neg
frombuffer: Callable[..., torch.Tensor] = torch.frombuffer
allclose: Callable[..., bool] = torch.allclose
reshape: Callable[..., torch.Tensor] = _attributes.reshape
as_strided: Callable[..., torch.Tensor] = _attributes.as_strided
view_as: Callable[..., torch.Tensor] = _attributes.view_as
to: Callable[..., torch.Tensor] = _attributes.to
to_numpy: Callable[[torch.Tensor], Any] = _attributes.numpy
numel: Callable[[torch.Tensor], int] = _attributes.numel
stride_of: Callable[[torch.Tensor], tuple[int, ...]] = _attributes.stride
offset_of: Callable[[torch.Tensor], int] = _attributes.storage_offset
data_ptr: Callable[[torch.Tensor], int] = _attributes.data_ptr
tolist: Callable[[torch.Tensor], Any] = _attributes.tolist
untyped_storage: Callable[[torch.Tensor], torch.UntypedStorage] = _attributes.untyped_storage
has_storage: Callable[[torch.Tensor], bool] = _functions._has_storage
_fix_weakref: Callable[[torch.Tensor], None] = _attributes._fix_weakref

set_versions: Callable[[Sequence[torch.Tensor], Sequence[int]], None] = _functions._autograd._unsafe_set_version_counter
current_node: Callable[[], Node] = _functions._current_autograd_node  # inside a hook of a node
in_transform: Callable[[], object | None] = _functions._functorch.peek_interpreter_stack
in_jit_trace: Callable[[], object | None] = _functions._get_tracing_state  # sizes are tensors then
is_grad_enabled: Callable[[], bool] = torch.is_grad_enabled
is_inference_mode: Callable[[], bool] = torch.is_inference_mode_enabled
function_modes: Callable[[], list[object]] = cast("Any", torch.overrides)._get_current_function_mode_stack

NoSubclass: Any = _functions.DisableTorchFunctionSubclass  # a context: subclasses' own code does not run
Unobserved: Any = _functions.DisableTorchFunction  # a context: nor does any mode

dispatch_modes: Any = torch.utils._python_dispatch._get_current_dispatch_mode_stack
_pop_dispatch_mode: Any = torch.utils._python_dispatch._pop_mode
_push_function_mode: Any = _functions._push_on_torch_function_stack
_modes_on: Callable[[], int] = _functions._len_torch_function_stack
_mode_at: Callable[[int], object] = _functions._get_function_stack_at
pop_mode: Callable[[], object] = _functions._pop_torch_function_stack  # the innermost
_dispatch_keys: Any = _functions._dispatch_keys
_PYTHON_KEY: Any = _functions.DispatchKey.Python

# what a class is, without asking it: its metaclass may be code of the snippet
module_of: Callable[[type], object] = type.__dict__["__module__"].__get__
mro_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
dict_of: Callable[[type], Mapping[str, Any]] = type.__dict__["__dict__"].__get__

_storages: Any = torch.UntypedStorage
impl_of: Callable[[torch.UntypedStorage], int] = _storages._cdata.__get__  # the address of its StorageImpl
first_byte_of: Callable[[torch.UntypedStorage], int] = _storages.data_ptr
size_bytes_of: Callable[[torch.UntypedStorage], int] = _storages.nbytes
is_resizable: Callable[[torch.UntypedStorage], bool] = _storages.resizable
# to a StorageImpl: its address is not handed out again before `free_weak_reference`
weak_reference: Callable[[torch.UntypedStorage], int] = _storages._weak_ref
is_expired: Callable[[int], bool] = _storages._expired
free_weak_reference: Callable[[int], None] = _storages._free_weak_ref
from_weak_reference: Callable[[int], torch.UntypedStorage | None] = _storages._new_with_weak_ptr


_version: Callable[[torch.Tensor], int] = _attributes._version.__get__
_AccumulateGrad: Any = _functions._functions.AccumulateGrad
_grad_fn: Callable[[torch.Tensor], Node | None] = _attributes.grad_fn.__get__
_is_leaf: Callable[[torch.Tensor], bool] = _attributes.is_leaf.__get__
_requires_grad: Callable[[torch.Tensor], bool] = _attributes.requires_grad.__get__


_creation_of: Callable[[torch.Tensor], object] = _functions._autograd._get_creation_meta
_creations: Any = _functions._autograd.CreationMeta
_FORBIDDEN: dict[object, Forbidden] = {
    _creations.NO_GRAD_MODE: "no_grad view",
    _creations.INFERENCE_MODE: "inference view",
    _creations.MULTI_OUTPUT_NODE: "one of several views",
    _creations.IN_CUSTOM_FUNCTION: "view by a custom Function",
}


def is_tensor(value: object) -> TypeGuard[torch.Tensor]:
    """As isinstance, which would ask `value.__class__`: that may be code of the snippet."""
    return issubclass(type(value), TensorBase)


def is_marked_parameter(tensor: torch.Tensor) -> bool:
    """Whether nn.Parameter wrapped a tensor of another class, which stays of that class."""
    return type(tensor) is not torch.Tensor and bool(getattr(tensor, "_is_param", False))


def is_module(value: object) -> TypeGuard[torch.nn.Module]:
    """As isinstance, without running code of the snippet."""
    return issubclass(type(value), torch.nn.Module)


def is_optimizer(value: object) -> bool:
    """As isinstance, without running code of the snippet."""
    return issubclass(type(value), torch.optim.Optimizer)


def version_of(tensor: torch.Tensor) -> int | None:
    """Of its version counter; None for an inference tensor, which has none."""
    try:
        return _version(tensor)
    except RuntimeError:
        return None


def is_accumulate_grad(node: Node) -> bool:
    """Whether it adds up the `.grad` of a leaf, its `variable`."""
    return type(node) is _AccumulateGrad


def grad_fn_of(tensor: torch.Tensor) -> Node | None:
    """Its node; None too for a view that autograd refuses to look at, because its base was written."""
    try:
        return _grad_fn(tensor)
    except RuntimeError:
        return None


def is_leaf_of(tensor: torch.Tensor) -> bool:
    """As torch says; False for a view that autograd refuses to look at."""
    try:
        return _is_leaf(tensor)
    except RuntimeError:
        return False


def requires_grad_of(tensor: torch.Tensor) -> bool:
    """As torch says; True for a view that autograd refuses to look at."""
    try:
        return _requires_grad(tensor)
    except RuntimeError:
        return True


def standing_of(tensor: torch.Tensor) -> tuple[bool, bool]:
    """Whether it is a leaf, and requires grad, as the two above say."""
    try:
        return _is_leaf(tensor), _requires_grad(tensor)
    except RuntimeError:
        return is_leaf_of(tensor), requires_grad_of(tensor)


def forbidden(written: Sequence[torch.Tensor]) -> Forbidden | None:
    """Why torch lets nobody write the first of `written` in place that it does so for, with grad mode on."""
    for tensor in written:
        if is_inference(tensor):
            continue
        base = base_of(tensor) if is_view(tensor) else None
        if base is not None and (found := _FORBIDDEN.get(_creation_of(tensor))):
            return found
        owner = tensor if base is None else base
        if is_leaf_of(owner) and requires_grad_of(owner):
            return "leaf"
    return None


def is_the_readers(tensor: torch.Tensor) -> bool:
    """Whether its operators are Python code of a subclass: FakeTensor, wrapper subclasses."""
    return bool(_dispatch_keys(tensor).has(_PYTHON_KEY))


def enter_mode(mode: object) -> None:
    """Put a function mode on top of those that are on."""
    _push_function_mode(mode)


def is_only_mode(mode: object) -> bool:
    """Whether no other function mode is on."""
    return _modes_on() == 1 and _mode_at(0) is mode


def leave_modes() -> None:
    """Take off every function mode and dispatch mode that is on."""
    while _functions._len_torch_function_stack():
        _functions._pop_torch_function_stack()
    while dispatch_modes():
        _pop_dispatch_mode()


def metadata_of(node: Node) -> dict[str, object]:
    """The dict that torch keeps at a node for whoever wants to note something there."""
    return node.metadata  # type: ignore[return-value]  # a property that torch's stub declares as a method


def alive(tensor: torch.Tensor) -> torch.Tensor:
    """`tensor`, as one that came from a weak reference must be taken (see torch.utils.weak)."""
    _fix_weakref(tensor)
    return tensor


_addresses = memoryview((ctypes.c_ubyte * 2**62).from_address(0)).cast("B")


def memory_at(first: int, size_bytes: int) -> memoryview:
    """The bytes at an address, uncopied; copying a slice costs half of what `ctypes.string_at` does."""
    return _addresses[first : first + size_bytes]


frame_above: Callable[[int], FrameType] = sys._getframe
