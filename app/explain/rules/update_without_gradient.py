"""An optimizer's steps found no gradient, ever: its parameters stay as they were.

An optimizer passes over a parameter whose `.grad` is None, and says nothing. So it is where `zero_grad()` stands
between backward and the step, where no backward ran, and where the optimizer holds other parameters than those that the
loss was made from.
"""

from collections.abc import Iterator

from app.explain.cuts import unreached_by
from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.move_line import clear_after_step
from app.explain.facts import listed, reached
from app.explain.rule import Page
from app.explain.rules.leaf_without_gradient import passed_over
from app.trace.model import IdleUpdate, Trace
from app.trace.moments import Moments

SOURCE = "https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.step.html"
PAGE = Page(
    title="Optimizer that finds no gradient",
    severity="warning",
    see=(
        "On the tape nothing writes `w`: its version counter stays at 0 to the end. The table says that line 7 gave "
        "`w.grad` a gradient, and that it was set to None afterwards."
    ),
    mend="In each pass: `zero_grad()`, then the forward, then backward, then `step()`.",
    example="""\
import torch

w = torch.ones(3, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
for step in range(2):
    loss = (w * w).sum()
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
print(w)
""",
    source=SOURCE,
)
EDITS: tuple[Edit, ...] = (clear_after_step,)


def check(trace: Trace) -> Iterator[Diagnosis]:
    of_params: dict[tuple[str, ...], list[IdleUpdate]] = {}
    for update in trace.idle_updates if trace.outcome.kind == "finished" else ():
        of_params.setdefault(update.params, []).append(update)
    for params, updates in of_params.items():
        if is_never_written(trace, params) and not is_told_elsewhere(trace, params):
            # in a first pass there may be none yet, and in the next one they were there and are gone
            yield diagnose(trace, next((update for update in updates if cleared_before(trace, update)), updates[0]))


def is_never_written(trace: Trace, params: tuple[str, ...]) -> bool:
    """Whether `params` stay as they were when the optimizer got them."""
    storages = {trace.tensors[key].storage for key in params}
    since = max([group.moment for group in trace.param_groups if set(group.params) & set(params)], default=0)
    return bool(params) and not any(write.storage in storages and write.moment > since for write in trace.writes)


def is_told_elsewhere(trace: Trace, params: tuple[str, ...]) -> bool:
    """Whether another finding says why these got no gradient."""
    told = {key for leaves in unreached_by(trace).values() for key in leaves}
    _, unreached = passed_over(trace) or (None, [])
    return not (told | set(unreached)).isdisjoint(params)


def diagnose(trace: Trace, update: IdleUpdate) -> Diagnosis:
    moments, line = Moments(trace), trace.line(update.step)
    names = listed([trace.tensors[key].label for key in update.params])
    idle = f"Line {line} let the {update.optimizer} take a step, and none of its parameters had a gradient. "
    lines: tuple[int, ...] = (line,)
    if cleared := cleared_before(trace, update):
        made, gone = moments.line_of(cleared[0]), moments.line_of(cleared[1])
        why = f"Line {made} had given them some, and line {gone} set them to None before the step could use them."
        fix = f"Clear the gradients after the step on line {line}, or before the forward of the next pass."
        lines = (gone, line)
    elif others := leaves_of_backward(trace):
        theirs, given = listed([trace.tensors[key].label for key in others]), handed_on(trace, update)
        same = "those that had these names" if theirs == names else "those that it was given"
        why = f"Backward brought gradients to {theirs}. The optimizer holds others: {same} on line {given}."
        fix = "Make the optimizer from the parameters that the loss is computed with, once the model is complete."
        lines = tuple(dict.fromkeys([given, line]))
    elif any(backward.call == "grad" and backward.moment <= update.moment for backward in trace.backwards):
        why = "`torch.autograd.grad` hands gradients out and leaves every `.grad` as it is."
        fix = "Call `backward()` on the loss, or put what `torch.autograd.grad` gives into `.grad`."
    else:
        why = "No backward had come to them."
        fix = f"Call `backward()` on a loss that is made from {names}, before line {line}."
    return Diagnosis(
        rule="update-without-gradient",
        severity="warning",
        title=f"The {update.optimizer} never changes {names}",
        cause=f"{idle}{why} An optimizer passes over such parameters, without a word.",
        fix=fix,
        lines=lines,
        source=SOURCE,
        evidence={"params": list(update.params), "optimizer": update.optimizer, "cleared": cleared is not None},
        moment=update.moment or None,
        refs=update.params,
    )


def cleared_before(trace: Trace, update: IdleUpdate) -> tuple[int, int] | None:
    """When one of the parameters last got a gradient, and when that was set to None before the step."""
    found = None
    for key in update.params:
        made = None
        for turn in trace.tensors[key].grads:
            if turn.moment > update.moment:
                break
            if turn.tensor is not None:
                made = turn.moment
            elif made is not None:
                found = made, turn.moment
    return found


def leaves_of_backward(trace: Trace) -> list[str]:
    """The leaves that some backward reached and that no optimizer holds."""
    held = {key for group in trace.param_groups if not group.raised for key in group.params}
    found = reached(trace)
    return [key for key in trace.tensors if key in found and key not in held]


def handed_on(trace: Trace, update: IdleUpdate) -> int:
    """The line on which the optimizer was given its parameters."""
    groups = (group for group in trace.param_groups if set(group.params) & set(update.params))
    return next((trace.line(group.step) for group in groups), trace.line(update.step))
