"""The rules, one pitfall a file. Within one severity, findings are told in this order."""

from msgspec import Struct

from app.explain.rule import Rule
from app.explain.rules import (
    backward_needs_scalar,
    backward_twice,
    buffer_overwritten_unversioned,
    checkpoint_without_input_gradient,
    custom_function_misuse,
    deliberate_cut,
    frozen_leaf,
    gradient_accumulated,
    gradient_holds_graph,
    gradient_shared,
    graph_cut,
    graph_kept_alive,
    hidden_write,
    hook_changed_gradient,
    inference_tensor_used,
    inplace_on_expanded,
    inplace_on_leaf,
    inplace_on_multi_output_view,
    inplace_on_no_grad_view,
    inplace_on_view_of_leaf,
    integer_requires_grad,
    leaf_rebound,
    leaf_without_gradient,
    nan_gradient,
    non_leaf_grad_read,
    nothing_to_differentiate,
    numpy_on_requires_grad,
    optimizer_step_before_backward,
    requires_grad_off_inside_graph,
    saved_tensor_overwritten,
    second_order_lost,
    self_overlapping_write,
    snapshot_shares_storage,
    state_not_detached,
    tied_leaf,
    unused_input,
    update_without_gradient,
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
            second_order_lost,
            checkpoint_without_input_gradient,
            nothing_to_differentiate,
            unused_input,
            graph_cut,
            state_not_detached,
            graph_kept_alive,
            deliberate_cut,
            gradient_holds_graph,
        ),
    ),
    Group(
        "Leaves and gradients",
        (
            backward_needs_scalar,
            integer_requires_grad,
            numpy_on_requires_grad,
            inference_tensor_used,
            requires_grad_off_inside_graph,
            leaf_rebound,
            gradient_accumulated,
            leaf_without_gradient,
            update_without_gradient,
            non_leaf_grad_read,
            nan_gradient,
            zero_gradient,
            gradient_shared,
            hook_changed_gradient,
            custom_function_misuse,
            frozen_leaf,
            tied_leaf,
        ),
    ),
)
RULES = tuple(rule for group in GROUPS for rule in group.rules)
