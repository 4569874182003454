"""What each operator read, made, viewed and wrote.

A TorchFunctionMode sees every call of a torch operator from Python, `.data` as itself included, at a
microsecond each; what was written shows in the version counters afterwards. (A TorchDispatchMode
would see aten operators below autograd for some sixty microseconds a call: twenty times an operator.)
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from types import FunctionType, MethodDescriptorType, WrapperDescriptorType
from typing import Any, cast

import numpy
import torch
import torch.utils.checkpoint
from msgspec import Struct
from torch.overrides import TorchFunctionMode

from app.worker.bound import TensorBase
from app.worker.contents import PLAIN
from app.worker.source import FILENAME

Function = Callable[..., object]

_GETTERS = {
    "data": ".data",
    "grad": ".grad",
    "T": ".T",
    "mT": ".mT",
    "H": ".H",
    "mH": ".mH",
    "real": ".real",
    "imag": ".imag",
}
_SILENT = frozenset(
    [
        "__len__",
        "__format__",
        "__hash__",
        "__str__",
        "__contains__",
        "__dlpack_device__",
        "__dir__",
        "dim",
        "size",
        "stride",
        "storage_offset",
        "numel",
        "nelement",
        "ndimension",
        "element_size",
        "is_contiguous",
        "is_floating_point",
        "is_complex",
        "is_nonzero",
        "is_same_size",
        "is_signed",
        "is_tensor",
        "is_storage",
        "is_conj",
        "is_neg",
        "is_inference",
        "is_shared",
        "is_pinned",
        "type",
        "get_device",
        "has_names",
        "_is_view",
        "_version",
        "_cdata",
        "result_type",
        "can_cast",
        "broadcast_shapes",
        "_set_grad_enabled",
        "_record_function_enter_new",
        "_record_function_exit",
        "_record_function_exit._RecordFunction",
        "is_grad_enabled",
        "_fix_weakref",
        "__class__",
        "manual_seed",
        "get_default_dtype",
        "_has_compatible_shallow_copy_type",
        "_is_zerotensor",
        "is_set_to",
    ]
)
_EXPOSING = frozenset(
    [
        "numpy",
        "__array__",
        "data_ptr",
        "untyped_storage",
        "storage",
        "_typed_storage",
        "__dlpack__",
        "to_dlpack",
        "from_dlpack",
        "from_numpy",
        "frombuffer",
        "share_memory_",
        "asarray",
        "as_tensor",
    ]
)
_RELOCATING = frozenset(
    [
        ".data=",
        "set_",
        "resize_",
        "resize_as_",
        "t_",
        "transpose_",
        "swapdims_",
        "swapaxes_",
        "squeeze_",
        "unsqueeze_",
        "as_strided_",
        "unflatten_",
    ]
)
_TAKING = frozenset(["item", "tolist", "numpy", "__array__", "__float__", "__complex__"])
_UNVERSIONED = frozenset(["batch_norm", "instance_norm"])  # write running statistics without moving their counters
_NUMPYS = (numpy.ndarray, numpy.generic)
_MOST_LOOKED_AT = 100  # numbers of one list among arguments
_FUSED = "_fused_"  # `_fused_sgd_`: write parameters, and what an optimizer keeps for them, in the same way
_IN_PLACE_SPECIAL = frozenset(["__setitem__", "__delitem__"])


# Operators that torch shows to no function mode.
HIDDEN: tuple[tuple[Any, str], ...] = (
    (torch.Tensor, "set_"),
    (torch, "from_numpy"),
    (torch, "frombuffer"),
    (torch.autograd.graph, "increment_version"),
    (torch.utils.checkpoint, "check_backward_validity"),  # what a reentrant checkpoint does with its inputs first
)


class Operator(Struct, frozen=True):
    """How a function that torch calls by a mode is to be watched."""

    name: str
    silent: bool = False
    in_place: bool = False
    exposes: bool = False
    relocates: bool = False
    unversioned: bool = False
    takes: bool = False  # gives numbers or an array, which are no tensors
    told: bool = False  # noted where it raises, though it is silent
    changes: str = ""  # what of its first argument it sets (grad, requires_grad, hooks) or has torch look up (grad_fn)
    reader_only: bool = False  # recorded only where the snippet itself calls it


def classify(function: Function) -> Operator:
    """How to watch `function`."""
    name = getattr(function, "__name__", None) or type(function).__name__
    if name in ("__get__", "__set__", "__delete__"):
        attribute = getattr(getattr(function, "__self__", None), "__name__", "")
        if name == "__get__":
            known = _GETTERS.get(attribute)
            asks = "grad_fn" if attribute in ("grad_fn", "is_leaf") else ""
            told, reader_only = attribute == "_version", known == ".grad"
            return Operator(
                known or f".{attribute}", silent=known is None, reader_only=reader_only, told=told, changes=asks
            )
        silent = attribute not in ("data", "grad")
        changes = attribute if attribute in ("grad", "requires_grad") else ""
        relocates, reader_only = attribute == "data", attribute == "grad"
        return Operator(
            f".{attribute}=",
            silent=silent,
            relocates=relocates,
            reader_only=reader_only,
            told=attribute == "requires_grad",
            changes=changes,
        )
    if name in ("retain_grad", "register_post_accumulate_grad_hook"):
        return Operator(name, silent=True, changes=name)
    if name == "__repr__":
        return Operator(name, silent=True, changes="grad_fn")  # it is told in what is printed
    if name in _SILENT or name.startswith("_record_function"):
        return Operator(name, silent=True)
    in_place = (name.endswith("_") and not name.endswith("__")) or name in _IN_PLACE_SPECIAL
    in_place = in_place or (
        name.startswith("__i") and name.endswith("__") and name not in ("__invert__", "__index__", "__int__")
    )
    return Operator(
        name[:200],
        in_place=in_place,
        exposes=name in _EXPOSING,
        relocates=name in _RELOCATING,
        unversioned=name in _UNVERSIONED or name.startswith(_FUSED),
        takes=name in _TAKING,
        changes="requires_grad" if name == "requires_grad_" else "",
    )


# what most arguments are that neither are nor hold a tensor
_SINGLE = frozenset([int, float, bool, str, type(None), torch.dtype, torch.device])
_TENSORS_OWN = dict(vars(torch.Tensor))


def torchs_own(function: Function) -> Function:
    """`function`, or the one in whose place a snippet put it: torch looks methods up by name to tell a mode of them."""
    if isinstance(function, FunctionType) and function.__code__.co_filename == FILENAME:
        for name, value in list(vars(torch.Tensor).items()):
            if value is function:
                return cast("Function", _TENSORS_OWN.get(name) or getattr(TensorBase, name, function))
    return function


def tensors_among(values: Iterable[object], depth: int = 2) -> list[torch.Tensor]:
    """The tensors among arguments or results, lists and tuples of them included."""
    found: list[torch.Tensor] = []
    for value in values:
        kind = type(value)  # not isinstance: that asks value.__class__, which may be code of the snippet
        if kind in PLAIN:
            found.append(value)  # type: ignore[arg-type]  # `cast` is a call
        elif kind in _SINGLE:
            continue
        elif issubclass(kind, TensorBase):
            found.append(value)  # type: ignore[arg-type]  # as above
        elif depth and issubclass(kind, (list, tuple)):
            found += tensors_among(cast("list[object]", value), depth - 1)
    return found


def is_plain_among(values: Iterable[object], literals: frozenset[int], depth: int = 1) -> bool:
    """Whether a number or an array is among arguments that the snippet does not spell out.

    `literals` are the ids of the numbers that it does.
    """
    for value in values:
        kind = type(value)
        if kind is float or kind is complex:
            if id(value) not in literals:
                return True
        elif issubclass(kind, _NUMPYS) or (
            depth
            and kind in (list, tuple)
            and is_plain_among(cast("list[object]", value)[:_MOST_LOOKED_AT], literals, depth - 1)
        ):
            return True
    return False


# Operators that earlier runs of this process called: those of torch in C, which no snippet makes and none replaces.
_TORCHS: dict[Function, tuple[Operator, Function]] = {}
IN_C = frozenset([MethodDescriptorType, WrapperDescriptorType])


class OperatorMode(TorchFunctionMode):
    """Hands every operator that is worth noting to `around`, which runs it."""

    def __init__(
        self,
        around: Callable[[Operator, Function, Sequence[object], dict[str, object]], object],
        changed: Callable[[str, torch.Tensor], None],
        refused: Callable[[Operator, Sequence[object]], None],
    ) -> None:
        super().__init__()
        self._around, self._changed, self._refused = around, changed, refused
        self._operators = dict(_TORCHS)
        self.recording = True

    def __torch_function__(
        self,
        func: Function,
        types: Sequence[type],
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        known = self._operators.get(func)
        if known is None:
            own = torchs_own(func)
            known = self._operators[func] = classify(own), own
            if type(func) in IN_C:
                _TORCHS[func] = known
        operator, func = known
        if (
            operator.silent
            or not self.recording
            or (operator.reader_only and sys._getframe(1).f_code.co_filename != FILENAME)
        ):
            try:
                result = func(*args, **kwargs) if kwargs else func(*args)
            except BaseException:
                if operator.told and self.recording:
                    self._refused(operator, args)
                raise
        else:
            result = self._around(operator, func, args, kwargs or {})
        if operator.changes and self.recording and args and issubclass(type(args[0]), TensorBase):
            self._changed(operator.changes, cast("torch.Tensor", args[0]))
        return result
