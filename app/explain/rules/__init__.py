"""The rules, one pitfall a file. Within one severity, findings are told in this order."""

from msgspec import Struct

from app.explain.rule import Rule
from app.explain.rules import (
    backward_needs_scalar,
    backward_twice,
    buffer_overwritten_unversioned,
    custom_function_misuse,
    deliberate_cut,
    gradient_shared,
    graph_cut,
    hidden_write,
    hook_changed_gradient,
    inplace_on_expanded,
    inplace_on_leaf,
    inplace_on_multi_output_view,
    inplace_on_no_grad_view,
    inplace_on_view_of_leaf,
    leaf_without_gradient,
    nan_gradient,
    non_leaf_grad_read,
    nothing_to_differentiate,
    numpy_on_requires_grad,
    optimizer_step_before_backward,
    saved_tensor_overwritten,
    self_overlapping_write,
    snapshot_shares_storage,
    unused_input,
    view_history_rebased,
    write_hidden_by_alias,
    write_hidden_by_data,
    zero_gradient,
)


class Group(Struct, frozen=True):
    """Pitfalls of one kind, as the list of them shows them."""

    title: str
    rules: tuple[Rule, ...]


GROUPS = (
    Group(
        "Saved tensors and writes",
        (
            saved_tensor_overwritten,
            optimizer_step_before_backward,
            write_hidden_by_data,
            write_hidden_by_alias,
            buffer_overwritten_unversioned,
            self_overlapping_write,
            inplace_on_leaf,
            inplace_on_view_of_leaf,
            inplace_on_no_grad_view,
            inplace_on_multi_output_view,
            inplace_on_expanded,
            hidden_write,
            snapshot_shares_storage,
            view_history_rebased,
        ),
    ),
    Group(
        "The graph",
        (
            backward_twice,
            nothing_to_differentiate,
            unused_input,
            graph_cut,
            deliberate_cut,
        ),
    ),
    Group(
        "Leaves and gradients",
        (
            backward_needs_scalar,
            numpy_on_requires_grad,
            leaf_without_gradient,
            non_leaf_grad_read,
            nan_gradient,
            zero_gradient,
            gradient_shared,
            hook_changed_gradient,
            custom_function_misuse,
        ),
    ),
)
RULES = tuple(rule for group in GROUPS for rule in group.rules)
