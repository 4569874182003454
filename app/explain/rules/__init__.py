"""The rules, in the order in which findings of one severity are told. One pitfall a file."""

from collections.abc import Callable, Iterator

from app.explain.diagnosis import Diagnosis
from app.explain.rules import (
    backward_needs_scalar,
    backward_twice,
    graph_cut,
    inplace_on_leaf,
    leaf_without_gradient,
    non_leaf_grad_read,
    nothing_to_differentiate,
    numpy_on_requires_grad,
    saved_tensor_overwritten,
    unused_input,
    write_hidden_by_alias,
    write_hidden_by_data,
)
from app.trace.model import Trace

RULES: tuple[Callable[[Trace], Iterator[Diagnosis]], ...] = (
    saved_tensor_overwritten.check,
    backward_twice.check,
    nothing_to_differentiate.check,
    inplace_on_leaf.check,
    backward_needs_scalar.check,
    numpy_on_requires_grad.check,
    unused_input.check,
    write_hidden_by_data.check,
    write_hidden_by_alias.check,
    graph_cut.check,
    leaf_without_gradient.check,
    non_leaf_grad_read.check,
)
