"""The rules, one pitfall a file. Within one severity, findings are told in this order."""

from msgspec import Struct

from app.explain.rule import Rule
from app.explain.rules import (
    backward_needs_scalar,
    backward_twice,
    checkpoint_without_input_gradient,
    deliberate_cut,
    frozen_leaf,
    gradient_accumulated,
    gradient_holds_graph,
    graph_cut,
    graph_kept_alive,
    inference_tensor_used,
    inplace_on_leaf,
    integer_requires_grad,
    leaf_rebound,
    leaf_without_gradient,
    non_leaf_grad_read,
    nothing_to_differentiate,
    numpy_on_requires_grad,
    requires_grad_off_inside_graph,
    saved_tensor_overwritten,
    second_order_lost,
    state_not_detached,
    tied_leaf,
    unused_input,
    write_hidden_by_alias,
    write_hidden_by_data,
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
            write_hidden_by_data,
            write_hidden_by_alias,
            inplace_on_leaf,
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
            non_leaf_grad_read,
            frozen_leaf,
            tied_leaf,
        ),
    ),
)
RULES = tuple(rule for group in GROUPS for rule in group.rules)
