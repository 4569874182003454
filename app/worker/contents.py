"""What a tensor holds, read without the tensor noticing.

Functions of torch are bound when the worker is imported, before any snippet could replace them.
"""

from collections.abc import Callable
from functools import lru_cache

import torch

from app.worker.bound import (
    as_strided,
    conj_physical,
    data_ptr,
    dtype_of,
    frombuffer,
    has_storage,
    is_conj,
    is_cpu_of,
    is_neg,
    is_nested_of,
    is_the_readers,
    memory_at,
    neg,
    numel,
    offset_of,
    reshape,
    shape_of,
    size_bytes_of,
    stride_of,
    untyped_storage,
)

DTYPES = {
    getattr(torch, name): name
    for name in [
        "float64",
        "float32",
        "float16",
        "bfloat16",
        "complex128",
        "complex64",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "bool",
        "uint16",
        "uint32",
        "uint64",
        "float8_e4m3fn",
        "float8_e5m2",
        "float8_e4m3fnuz",
        "float8_e5m2fnuz",
    ]
    if hasattr(torch, name)
}
ITEM_BYTES = {dtype: torch.empty(0, dtype=dtype).element_size() for dtype in DTYPES}

COMPLEX = frozenset(dtype for dtype in DTYPES if dtype.is_complex)

PLAIN = frozenset([torch.Tensor, torch.nn.Parameter])


def dtype_name(dtype: torch.dtype) -> str:
    """torch's name for it, without `torch.`."""
    return DTYPES.get(dtype) or str(dtype).removeprefix("torch.")


def is_observable(tensor: torch.Tensor) -> bool:
    """Whether it stands over memory that can be read: no sparse, meta, nested or transform-wrapped tensor."""
    if not (
        has_storage(tensor)  # as only strided ones have
        and is_cpu_of(tensor)
        and dtype_of(tensor) in ITEM_BYTES
        and not is_nested_of(tensor)
    ):
        return False
    # a subclass may only pretend to have memory
    return type(tensor) in PLAIN or not is_the_readers(tensor)


as_tuple: Callable[[torch.Size], tuple[int, ...]] = lru_cache(1_024)(tuple)  # one for all tensors of a shape


def extent_of(tensor: torch.Tensor) -> int:
    """How many elements of its storage lie between its first and its last, both included."""
    if not numel(tensor):
        return 0
    return 1 + sum((size - 1) * step for size, step in zip(shape_of(tensor), stride_of(tensor), strict=True))


def is_within(tensor: torch.Tensor, elements: int) -> bool:
    """Whether its storage still has as many `elements` from its first: it may have been resized under it."""
    last = (offset_of(tensor) + elements) * ITEM_BYTES[dtype_of(tensor)]
    return not elements or last <= size_bytes_of(untyped_storage(tensor))


def sizes_of(tensor: torch.Tensor) -> tuple[int, ...]:
    """Its shape; -1 for a size that differs within a nested tensor."""
    if is_nested_of(tensor):
        return (-1,) * tensor.dim()
    return tuple(size if type(size) is int else -1 for size in shape_of(tensor))


def fresh(tensor: torch.Tensor) -> torch.Tensor:
    """A plain tensor with the shape and contents of `tensor`, over a copy of its bytes: none of its history or kind."""
    dtype, elements = dtype_of(tensor), extent_of(tensor)
    copy = listed(data_ptr(tensor), elements, dtype)
    copy = as_strided(copy, shape_of(tensor), stride_of(tensor)) if elements else reshape(copy, shape_of(tensor))
    if dtype.is_complex and is_conj(tensor):
        copy = conj_physical(copy)
    return neg(copy) if is_neg(tensor) else copy


def listed(first: int, elements: int, dtype: torch.dtype) -> torch.Tensor:
    """A new tensor of one dimension with what lies at the address `first`."""
    if not elements:
        return torch.empty(0, dtype=dtype)
    return frombuffer(bytearray(memory_at(first, elements * ITEM_BYTES[dtype])), dtype=dtype)
