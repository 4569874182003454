"""Each edit: a snippet and what becomes of it. A row without an outcome is a near miss, where it must not be offered.

The snippets run: the edits read what the run showed. Line 1 is `import torch`; `w` is a leaf of ones on line 2.
"""

from collections.abc import Sequence

import pytest

from app.explain import explain
from app.explain.diagnosis import Diagnosis
from app.explain.edits import Edit
from app.explain.edits.allow_unused import allow_unused
from app.explain.edits.clone_alias import clone_alias
from app.explain.edits.clone_before_write import clone_before_write
from app.explain.edits.clone_read import clone_read
from app.explain.edits.clone_saved import clone_saved
from app.explain.edits.create_graph import create_graph
from app.explain.edits.detach_before_numpy import detach_before_numpy
from app.explain.edits.detach_for_data import detach_for_data
from app.explain.edits.detach_state import detach_state
from app.explain.edits.float_leaf import float_leaf
from app.explain.edits.forward_again import forward_again
from app.explain.edits.keep_copy import keep_copy
from app.explain.edits.leaf_last import leaf_last
from app.explain.edits.leaf_with_grad import leaf_with_grad
from app.explain.edits.leave_out_cut import leave_out_cut
from app.explain.edits.move_line import clear_after_step, move_after_backward, require_earlier
from app.explain.edits.no_grad import no_grad
from app.explain.edits.numpy_copy import numpy_copy
from app.explain.edits.out_of_place import out_of_place
from app.explain.edits.retain_grad import retain_grad
from app.explain.edits.retain_graph import retain_graph
from app.explain.edits.scalar_root import scalar_root
from app.explain.edits.stack import stack
from app.explain.edits.straight_through import straight_through
from app.explain.edits.switches import (
    checkpoint_without_reentry,
    detach_for_off,
    no_grad_for_data,
    no_grad_for_inference,
)
from app.explain.edits.tree import tree_of
from app.explain.edits.update_in_place import update_in_place
from app.explain.edits.value_for_total import value_for_total
from app.explain.edits.within_domain import within_domain
from app.explain.edits.zero_grad import clear_grad, zero_grad
from app.trace.model import Trace
from tests.tracing import trace_of

HEAD = "import torch\nw = torch.ones(3, requires_grad=True)\n"
OPTIMIZER = "optimizer = torch.optim.SGD([w], lr=0.1)\n"
TRAIN = f"{OPTIMIZER}for _ in range(2):\n    loss = (w * w).sum()\n"
BY_HAND = "with torch.no_grad(): w -= 0.1 * w.grad"
STATE = "h = torch.zeros(3)\nfor _ in range(2):\n    h = (h * w + 1).tanh()\n    h.sum().backward()  # h\n"
NET = "net = torch.nn.Linear(1, 1)\n"
UPDATE = "    with torch.no_grad():\n        for p in net.parameters(): p -= p.grad\n"
OTHER = "b = w.detach().requires_grad_()\n"
SHARED = "y = (w * x).sum()\nn[:] = 7\ny.backward()\n"
BACK = "y.sum().backward()\n"


def proposed(edit: Edit, body: str, lines: Sequence[int] | None = None) -> list[str]:
    """What `edit` makes of the snippet, without its head. `lines` are those of a finding that is not looked for."""
    trace = trace_of(HEAD + body)
    tree = tree_of(HEAD + body)
    assert tree is not None
    found = [_finding(trace, lines)] if lines else [each for each in explain(trace) if each.severity != "note"]
    return [each.source.removeprefix(HEAD) for finding in found for each in edit(tree, trace, finding)]


def _finding(trace: Trace, lines: Sequence[int]) -> Diagnosis:
    refs = tuple(key for key, tensor in trace.tensors.items() if tensor.step is not None)
    return Diagnosis(rule="", severity="warning", title="", cause="", fix="", source="", lines=tuple(lines), refs=refs)


# edit, snippet, what becomes of it (the first proposal), lines of a finding that no rule of these reports
ROWS: list[tuple[Edit, str, str | None, tuple[int, ...] | None]] = [
    # .detach() for .data
    (
        detach_for_data,
        f"y = w.sigmoid()\nc = y.data  # .data\nc.zero_()\n{BACK}",
        f"y = w.sigmoid()\nc = y.detach()  # .data\nc.zero_()\n{BACK}",
        None,
    ),
    (detach_for_data, f"y = w.exp()\ny.data.zero_()\n{BACK}", f"y = w.exp()\ny.detach().zero_()\n{BACK}", None),
    (
        detach_for_data,  # another `.data`, of another tensor, stays
        f"y = w.exp(); z = w.exp()\ns = 'y.data'; d = z.data; c = y.data\nc.zero_()\n{BACK}",
        f"y = w.exp(); z = w.exp()\ns = 'y.data'; d = z.data; c = y.detach()\nc.zero_()\n{BACK}",
        None,
    ),
    (
        detach_for_data,  # over several lines
        f"y = w.exp()\nc = (\n    y\n    .data  # here\n)\nc.zero_()\n{BACK}",
        f"y = w.exp()\nc = (\n    y\n    .detach()  # here\n)\nc.zero_()\n{BACK}",
        None,
    ),
    (
        detach_for_data,
        f"def spoil(t):\n    t.data.zero_()\ny = w.exp()\nspoil(y)\n{BACK}",
        f"def spoil(t):\n    t.detach().zero_()\ny = w.exp()\nspoil(y)\n{BACK}",
        None,
    ),
    (detach_for_data, f"y = w.exp()\ny.data += 1\n{BACK}", None, None),  # a call cannot be assigned to
    (detach_for_data, "x = torch.ones(3)\ny = (x * w).sum()\nx.data = torch.zeros(3)\ny.backward()\n", None, None),
    # a copy for the second name
    (
        clone_alias,
        f"y = w.exp()\nc = y.detach()\nc.zero_()\n{BACK}",
        f"y = w.exp()\nc = y.detach().clone()\nc.zero_()\n{BACK}",
        None,
    ),
    (
        clone_alias,
        f"y = w.exp()\nc = y[1:]\nc *= 2\n{BACK}",
        f"y = w.exp()\nc = y[1:].clone()\nc *= 2\n{BACK}",
        None,
    ),
    (
        clone_alias,
        f"y = w.exp()\nfor c in [y.data]: c.zero_()\n{BACK}",
        f"y = w.exp()\nfor c in [y.detach().clone()]: c.zero_()\n{BACK}",
        None,
    ),
    (clone_alias, f"y = w.exp()\ny.detach().zero_()\n{BACK}", None, None),  # no name: a write to nowhere
    (clone_alias, f"y = w.exp()\ny.zero_()\n{BACK}", None, None),
    # a clone before the write
    (
        clone_before_write,
        f"y = w.exp()\n\n# first one\ny[0] = 5\n{BACK}",
        f"y = w.exp()\n\n# first one\ny = y.clone()\ny[0] = 5\n{BACK}",
        None,
    ),
    (clone_before_write, f"y = w.exp(); y[0] += 5\n{BACK}", f"y = w.exp(); y = y.clone(); y[0] += 5\n{BACK}", None),
    (
        clone_before_write,
        f"y = w.exp()\nc = y.data\nc.zero_()\n{BACK}",
        f"y = w.exp()\ny = y.clone()\nc = y.detach()\nc.zero_()\n{BACK}",
        None,
    ),
    (
        clone_before_write,  # the variable of the function that writes
        f"def f(t):\n    if True: t.mul_(2)\n    return t\ny = w.exp()\nz = f(y)\n{BACK}",
        f"def f(t):\n    if True: t = t.clone(); t.mul_(2)\n    return t\ny = w.exp()\nz = f(y)\n{BACK}",
        None,
    ),
    (clone_before_write, "[w.exp()][0].zero_().sum().backward()\n", None, None),  # nothing to bind
    (clone_before_write, f"y = w * w\nw.data.zero_()\n{BACK}", None, None),  # `w` must stay the leaf
    # a clone of what is saved
    (
        clone_saved,
        "x = torch.ones(3)\nn = x.numpy()\ny = (w * x).sum()  # x\nn[:] = 7\ny.backward()\n",
        "x = torch.ones(3)\nn = x.numpy()\ny = (w * x.clone()).sum()  # x\nn[:] = 7\ny.backward()\n",
        None,
    ),
    (
        clone_saved,
        "x = torch.ones(3)\ny = torch.mul(x, w).sum()\nx.data.zero_()\ny.backward()\n",
        "x = torch.ones(3)\ny = torch.mul(x.clone(), w).sum()\nx.data.zero_()\ny.backward()\n",
        None,
    ),
    (clone_saved, f"y = w.sigmoid()\ny.data.zero_()\n{BACK}", None, None),  # a result has no expression of its own
    # out of place
    (out_of_place, f"y = w.exp()\ny += 1  # one\n{BACK}", f"y = w.exp()\ny = y + 1  # one\n{BACK}", None),
    (out_of_place, f"y = w.exp()\ny *= 1 + 1; z = 1\n{BACK}", f"y = w.exp()\ny = y * (1 + 1); z = 1\n{BACK}", None),
    (
        out_of_place,
        f"y = w.exp()\ny.add_(\n    1,  # one\n)\n{BACK}",
        f"y = w.exp()\ny = y.add(\n    1,  # one\n)\n{BACK}",
        None,
    ),
    (out_of_place, f"y = w.exp()\nz = y.mul_(2)\n{BACK}", f"y = w.exp()\nz = y = y.mul(2)\n{BACK}", None),
    (out_of_place, f"y = w.exp()\ny = y.mul_(2)\n{BACK}", f"y = w.exp()\ny = y.mul(2)\n{BACK}", None),
    (out_of_place, f"y = w.exp()\ntorch.relu_(y)\n{BACK}", f"y = w.exp()\ny = torch.relu(y)\n{BACK}", None),
    (out_of_place, f"y = w.exp()\ny.zero_()\n{BACK}", f"y = w.exp()\ny = torch.zeros_like(y)\n{BACK}", None),
    (out_of_place, "w.exp().mul_(2).sum().backward()\n", "w.exp().mul(2).sum().backward()\n", None),
    (
        out_of_place,
        f"import torch.nn.functional as F\ny = w.sigmoid()\nz = F.relu(y, inplace=True)\n{BACK}",
        f"import torch.nn.functional as F\ny = w.sigmoid()\nz = y = F.relu(y)\n{BACK}",
        None,
    ),
    (
        out_of_place,
        "net = torch.nn.Sequential(torch.nn.Sigmoid(), torch.nn.ReLU(inplace=True))\nnet(w).sum().backward()\n",
        "net = torch.nn.Sequential(torch.nn.Sigmoid(), torch.nn.ReLU())\nnet(w).sum().backward()\n",
        None,
    ),
    (
        out_of_place,
        f"for i in range(1):\n    y = w.exp()\n    y += 1\n{BACK}",
        f"for i in range(1):\n    y = w.exp()\n    y = y + 1\n{BACK}",
        None,
    ),
    (out_of_place, f"y = w.exp()\ny[0] += 1\n{BACK}", None, None),  # a part of it
    (out_of_place, f"y = w.exp()\ny[0].add_(1)\n{BACK}", None, None),
    # clear gradients
    (
        zero_grad,
        f"{TRAIN}    loss.backward()  # add\n    optimizer.step()\n",
        f"{TRAIN}    optimizer.zero_grad()\n    loss.backward()  # add\n    optimizer.step()\n",
        (6,),
    ),
    (zero_grad, "for _ in range(2): (w * w).sum().backward()\n", None, (3,)),  # without an optimizer
    (
        clear_grad,
        f"for _ in range(2):\n    (w * w).sum().backward()\n    {BY_HAND}\n",
        f"for _ in range(2):\n    w.grad = None\n    (w * w).sum().backward()\n    {BY_HAND}\n",
        (4,),
    ),
    (clear_grad, "for _ in range(2): (w * w).sum().backward()\n", None, (3,)),  # nothing is updated
    # retain_grad
    (
        retain_grad,
        f"y = w * 2  # a 'y = w'\n{BACK}print(y.grad)\n",
        f"y = w * 2  # a 'y = w'\ny.retain_grad()\n{BACK}print(y.grad)\n",
        None,
    ),
    (
        retain_grad,
        f"y = w * 2; {BACK}print(y.grad)\n",
        f"y = w * 2; y.retain_grad(); {BACK}print(y.grad)\n",
        None,
    ),
    (
        retain_grad,
        "def f():\n    y = 3\n    return w * y\ny = f()\ny.sum().backward(); print(y.grad)\n",
        None,  # made in a function, where it had no name
        None,
    ),
    (retain_grad, "y = [w * 2]\ny[0].sum().backward()\nprint(y[0].grad)\n", None, None),
    # keep the graph
    (
        retain_graph,
        "y = (w * w).sum()\ny.backward()\ny.backward()\n",
        "y = (w * w).sum()\ny.backward(retain_graph=True)\ny.backward()\n",
        None,
    ),
    (
        retain_graph,
        "y = (w * w).sum()\ntorch.autograd.grad(\n    y,\n    w,\n)\ny.backward()\n",
        "y = (w * w).sum()\ntorch.autograd.grad(\n    y,\n    w,\n    retain_graph=True,\n)\ny.backward()\n",
        None,
    ),
    (
        retain_graph,
        "y = (w * w).sum()\nfor _ in range(2): y.backward(retain_graph=False)\n",
        "y = (w * w).sum()\nfor _ in range(2): y.backward(retain_graph=True)\n",
        None,
    ),
    (
        retain_graph,  # in a function that both calls run
        "def back(y): y.backward()\ny = (w * w).sum()\nback(y)\nback(y)\n",
        "def back(y): y.backward(retain_graph=True)\ny = (w * w).sum()\nback(y)\nback(y)\n",
        None,
    ),
    (
        create_graph,
        "(g,) = torch.autograd.grad((w ** 3).sum(), w)\ng.sum().backward()\n",
        "(g,) = torch.autograd.grad((w ** 3).sum(), w, create_graph=True)\ng.sum().backward()\n",
        (4, 3),
    ),
    (create_graph, "(g,) = torch.autograd.grad((w ** 3).sum(), w, create_graph=True)\n", None, (3,)),
    (
        forward_again,
        "h = w * w\ny = h.sum()  # loss\ny.backward()\n\n# again\ny.backward()\n",
        "h = w * w\ny = h.sum()  # loss\ny.backward()\n\n# again\nh = w * w\ny = h.sum()  # loss\ny.backward()\n",
        None,
    ),
    (forward_again, "def f(): return (w * w).sum()\ny = f()\ny.backward(); y.backward()\n", None, None),  # one line
    # move the line
    (
        move_after_backward,
        f"{OPTIMIZER}loss = (w * w).sum()\n# update\noptimizer.step()\nloss.backward()  # last\n",
        f"{OPTIMIZER}loss = (w * w).sum()\nloss.backward()  # last\n# update\noptimizer.step()\n",
        (6, 4, 7),
    ),
    (
        move_after_backward,
        "x = torch.ones(3)\ny = (w * x).sum()\nx.numpy()[:] = 7\ny.backward()\n",
        "x = torch.ones(3)\ny = (w * x).sum()\ny.backward()\nx.numpy()[:] = 7\n",
        None,
    ),
    (move_after_backward, f"y = w.exp()\ny += 1\n{BACK}", None, None),  # the sum is of what was written
    (move_after_backward, "x = w.detach().clone()\ny = (w * x).sum()\nx += 1; y.backward()\n", None, None),
    (
        move_after_backward,  # not in the same block
        "x = torch.ones(3)\ny = (w * x).sum()\nif True:\n    x += 1\ny.backward()\n",
        None,
        None,
    ),
    (
        require_earlier,
        "x = torch.ones(3)\ny = (w * x).sum()\n# on\nx.requires_grad_()\ny.backward()\n",
        "x = torch.ones(3)\n# on\nx.requires_grad_()\ny = (w * x).sum()\ny.backward()\n",
        None,
    ),
    (
        require_earlier,  # the whole loop
        "x = torch.ones(3)\ny = (w * x).sum()\nfor t in [x]:\n    t.requires_grad = True\ny.backward()\n",
        "x = torch.ones(3)\nfor t in [x]:\n    t.requires_grad = True\ny = (w * x).sum()\ny.backward()\n",
        None,
    ),
    (
        require_earlier,
        "x = torch.ones(3); y = (w * x).sum(); x.requires_grad_()\ny.backward()\n",
        None,
        None,
    ),  # one line
    (
        require_earlier,  # not in the same block
        "x = torch.ones(3)\nif True:\n    y = (w * x).sum()\nelse:\n    y = 0\nx.requires_grad_()\ny.backward()\n",
        "x = torch.ones(3)\nx.requires_grad_()\nif True:\n    y = (w * x).sum()\nelse:\n    y = 0\ny.backward()\n",
        None,
    ),
    (require_earlier, "x = torch.ones(3)\n(w * 2).sum().backward()\nx.requires_grad_()\n", None, None),  # never used
    (
        clear_after_step,
        f"{OPTIMIZER}(w * w).sum().backward()\noptimizer.zero_grad()  # clear\noptimizer.step()\n",
        f"{OPTIMIZER}(w * w).sum().backward()\noptimizer.step()\noptimizer.zero_grad()  # clear\n",
        None,
    ),
    (clear_after_step, f"{OPTIMIZER}(w * w).sum().backward()\noptimizer.step()\n", None, None),  # it finds one
    # stack
    (
        stack,
        "losses = [(w * k).sum() for k in range(3)]\ntorch.tensor(losses, dtype=w.dtype).sum().backward()\n",
        "losses = [(w * k).sum() for k in range(3)]\ntorch.stack(losses).sum().backward()\n",
        None,
    ),
    (stack, "y = w.detach().sum()\ny.backward()\n", None, None),  # another cut
    (stack, "y = torch.tensor(w.sum())\ny.backward()\n", None, None),  # one tensor
    # under no_grad
    (no_grad, "# up\nw += 1  # one\n", "# up\nwith torch.no_grad():\n    w += 1  # one\n", None),
    (no_grad, "w[0] = 1\n", "with torch.no_grad():\n    w[0] = 1\n", (3,)),
    (no_grad, "w.zero_()\n", "with torch.no_grad():\n    w.zero_()\n", None),
    (
        no_grad,  # with what is updated right after it
        f"{OTHER}if True:\n    w -= 1\n    b -= 1\n    c = 1\n",
        f"{OTHER}if True:\n    with torch.no_grad():\n        w -= 1\n        b -= 1\n    c = 1\n",
        None,
    ),
    (no_grad, "v = 0; w += 1\n", None, None),  # it shares its line
    (no_grad, "for _ in range(2): w += 1\n", None, None),
    (
        update_in_place,
        "(w * w).sum().backward()\nw = w - 0.1 * w.grad  # step\n",
        "(w * w).sum().backward()\nwith torch.no_grad():\n    w -= 0.1 * w.grad  # step\n",
        (4,),
    ),
    (
        update_in_place,
        "(w * w).sum().backward()\nwith torch.no_grad(): w = w - 0.1 * w.grad\n",
        "(w * w).sum().backward()\nwith torch.no_grad(): w -= 0.1 * w.grad\n",
        (4,),
    ),
    (update_in_place, "v = 2\nw = v - w\n", None, (4,)),
    (
        no_grad_for_data,
        "w.data -= 0.1\n",
        "with torch.no_grad():\n    w -= 0.1\n",
        (3,),
    ),
    (no_grad_for_data, "v = 1; w.data.zero_()\n", None, (3,)),
    # numpy
    (detach_before_numpy, "a = w.numpy()\n", "a = w.detach().numpy()\n", None),
    (detach_before_numpy, "a = (w * 2).numpy()  # w\n", "a = (w * 2).detach().numpy()  # w\n", None),
    (
        detach_before_numpy,
        "a = [t.numpy() for t in (w,)]; s = 't.numpy()'\n",
        "a = [t.detach().numpy() for t in (w,)]; s = 't.numpy()'\n",
        None,
    ),
    (
        numpy_copy,
        "x = torch.ones(3)\nn = x.numpy()\ny = (w * x).sum()\nn[:] = 7\ny.backward()\n",
        "x = torch.ones(3)\nn = x.numpy().copy()\ny = (w * x).sum()\nn[:] = 7\ny.backward()\n",
        None,
    ),
    (
        numpy_copy,
        f"import numpy\nn = numpy.ones(3)\nx = torch.from_numpy(n)  # n\n{SHARED}",
        f"import numpy\nn = numpy.ones(3)\nx = torch.from_numpy(n).clone()  # n\n{SHARED}",
        None,
    ),
    # a carried state
    (
        detach_state,
        STATE,
        f"{STATE}    h = h.detach()\n",
        None,
    ),
    (detach_state, "y = (w * w).sum()\nfor _ in range(2): y.backward()\n", None, None),  # nothing bound in the loop
    # a running total
    (
        value_for_total,
        "total = 0\nfor _ in range(2):\n    loss = (w * w).sum()\n    total += loss  # sum\n",
        "total = 0\nfor _ in range(2):\n    loss = (w * w).sum()\n    total += loss.item()  # sum\n",
        (6,),
    ),
    (
        value_for_total,
        "total = 0\ntotal = total + (w * w).sum()\n",
        "total = 0\ntotal = total + (w * w).sum().item()\n",
        (4,),
    ),
    (value_for_total, "a = []\na.append(w.sum() * 2)\n", "a = []\na.append((w.sum() * 2).item())\n", (4,)),
    (value_for_total, "total = w.sum() * 2\n", None, (3,)),
    # what backward starts from
    (scalar_root, "(w * 2).backward()\n", "(w * 2).sum().backward()\n", None),
    (scalar_root, "y = w * 2; y.backward()\n", "y = w * 2; y.sum().backward()\n", None),
    (scalar_root, "y = w * 2\ntorch.autograd.grad(y, w)\n", "y = w * 2\ntorch.autograd.grad(y.sum(), w)\n", None),
    (scalar_root, "def f(y): y.backward()\nf(w * 2)\n", "def f(y): y.sum().backward()\nf(w * 2)\n", None),
    (
        allow_unused,
        "v = torch.ones(3, requires_grad=True)\ntorch.autograd.grad(w.sum(), v)\n",
        "v = torch.ones(3, requires_grad=True)\ntorch.autograd.grad(w.sum(), v, allow_unused=True)\n",
        None,
    ),
    # leave the cut out
    (
        leave_out_cut,
        "v = torch.ones(3, requires_grad=True)\n(v * (w * 2).detach()).sum().backward()  # .detach()\n",
        "v = torch.ones(3, requires_grad=True)\n(v * (w * 2)).sum().backward()  # .detach()\n",
        None,
    ),
    (leave_out_cut, "y = w.data.sum()\ny.backward()\n", "y = w.sum()\ny.backward()\n", None),
    (leave_out_cut, "y = (w * 2).sum()\ny = y.detach_()\ny.backward()\n", None, None),
    (
        leave_out_cut,
        "y = torch.tensor((w * w).sum().item())\ny.backward()\n",
        "y = (w * w).sum()\ny.backward()\n",
        None,
    ),
    (
        leave_out_cut,
        "a, b = w.sum(), w.prod()\ny = torch.tensor([a.item(), b.item()]).sum()\ny.backward()\n",
        "a, b = w.sum(), w.prod()\ny = torch.stack([a, b]).sum()\ny.backward()\n",
        None,
    ),
    (
        leave_out_cut,
        "# no graph\nwith torch.no_grad():\n    # twice\n    y = (w * 2).sum()\ny.backward()\n",
        "# no graph\n# twice\ny = (w * 2).sum()\ny.backward()\n",
        None,
    ),
    (
        leave_out_cut,
        "@torch.no_grad()\ndef f():\n    return (w * 2).sum()\nf().backward()\n",
        "def f():\n    return (w * 2).sum()\nf().backward()\n",
        None,
    ),
    # leaves
    (
        leaf_last,
        "v = torch.ones(3, requires_grad=True) * 0.1  # small\n",
        "v = (torch.ones(3) * 0.1).requires_grad_()  # small\n",
        (3,),
    ),
    (leaf_last, "w = w.to(torch.float64)\n", "w = w.to(torch.float64).detach().requires_grad_()\n", (3,)),
    (leaf_last, "v = torch.ones(3, requires_grad=True)\n", None, (3,)),
    (
        float_leaf,
        "v = torch.tensor([1, 2], requires_grad=True)\n",
        "v = torch.tensor([1, 2], requires_grad=True, dtype=torch.float32)\n",
        (3,),
    ),
    (
        float_leaf,
        "v = torch.arange(3)\nv.requires_grad_()  # on\n",
        "v = torch.arange(3)\nv = v.float().requires_grad_()  # on\n",
        (4,),
    ),
    (float_leaf, "v = torch.arange(3)\nv + 1\n", None, (4,)),
    (keep_copy, "w.sum().backward()\ng = w.grad  # kept\n", "w.sum().backward()\ng = w.grad.clone()  # kept\n", (4,)),
    (keep_copy, "kept = []\nkept.append(w.detach())\n", "kept = []\nkept.append(w.detach().clone())\n", (4,)),
    (keep_copy, "g = w.sum()\n", None, (3,)),
    # settings
    (
        no_grad_for_inference,
        "with torch.inference_mode():  # inference_mode\n    y = w * 2\n",
        "with torch.no_grad():  # inference_mode\n    y = w * 2\n",
        (3,),
    ),
    (
        checkpoint_without_reentry,
        "from torch.utils.checkpoint import checkpoint\ny = checkpoint(torch.exp, w, use_reentrant=True)\n",
        "from torch.utils.checkpoint import checkpoint\ny = checkpoint(torch.exp, w, use_reentrant=False)\n",
        (4,),
    ),
    (detach_for_off, "y = w * 2\ny.requires_grad_(False)\n", "y = w * 2\ny = y.detach()\n", (4,)),
    (detach_for_off, "y = w * 2\nw.grad = None\n", None, (4,)),
    # more of what people run into
    (
        clone_before_write,  # the write in the copy is then seen
        f"y = w.exp()\ny.data.zero_()  # z\n{BACK}",
        f"y = w.exp()\ny = y.clone()\ny.detach().zero_()  # z\n{BACK}",
        None,
    ),
    (
        clone_read,
        "a = torch.ones(5)\na[1:] -= a[:-1]  # a\n",
        "a = torch.ones(5)\na[1:] -= a[:-1].clone()  # a\n",
        (4,),
    ),
    (clone_read, "a = torch.ones(5)\na[1:].add_(a[:-1])\n", "a = torch.ones(5)\na[1:].add_(a[:-1].clone())\n", (4,)),
    (clone_read, "a = torch.ones(5)\na = a + 1\n", None, (4,)),
    (
        keep_copy,
        f"{NET}best = net.state_dict()  # best\n",
        f"{NET}best = {{name: value.clone() for name, value in net.state_dict().items()}}  # best\n",
        (4,),
    ),
    (
        clone_alias,  # refused: there was no write
        "e = w.detach()[:1].expand(3)\ne.add_(1)\n",
        "e = w.detach()[:1].expand(3).clone()\ne.add_(1)\n",
        (4,),
    ),
    (
        leave_out_cut,
        "torch.set_grad_enabled(False)\ny = (w * 2).sum()\ntorch.set_grad_enabled(True)\ny.backward()\n",
        "y = (w * 2).sum()\ntorch.set_grad_enabled(True)\ny.backward()\n",
        None,
    ),
    (
        leaf_with_grad,
        "x = torch.ones(3)\nx.sum().backward()\n",
        "x = torch.ones(3, requires_grad=True)\nx.sum().backward()\n",
        None,
    ),
    (leaf_with_grad, "x, y = torch.ones(3), torch.ones(3)\n(x * y).sum().backward()\n", None, None),  # which of them?
    (leaf_with_grad, "w.detach().sum().backward()\n", None, None),  # there is one: it was cut off
    (
        leaf_last,
        "v = torch.nn.Parameter(torch.ones(2)).double()  # v\n",
        "v = torch.nn.Parameter(torch.ones(2).double())  # v\n",
        (3,),
    ),
    (
        float_leaf,
        "v = torch.arange(3)\nv.requires_grad = True\n",
        "v = torch.arange(3)\nv = v.float().requires_grad_()\n",
        (4,),
    ),
    (
        float_leaf,
        "v = torch.nn.Parameter(torch.arange(3))\n",
        "v = torch.nn.Parameter(torch.arange(3).float())\n",
        (3,),
    ),
    (
        value_for_total,
        "mean = 0\nmean = 0.9 * mean + 0.1 * w.sum()  # mean\n",
        "mean = 0\nmean = (0.9 * mean + 0.1 * w.sum()).detach()  # mean\n",
        (4,),
    ),
    (scalar_root, "y = w * 2\ny.backward(torch.ones(2))\n", "y = w * 2\ny.backward(torch.ones_like(y))\n", (4,)),
    (
        clear_grad,
        f"{NET}for _ in range(2):\n    net(w[:1]).sum().backward()\n{UPDATE}",
        f"{NET}for _ in range(2):\n    net.zero_grad()\n    net(w[:1]).sum().backward()\n{UPDATE}",
        (5,),
    ),
    (
        forward_again,  # the line before the loop
        "h = w * w\nfor _ in range(2):\n    y = h.sum()  # y\n    y.backward()\n",
        "h = w * w\nfor _ in range(2):\n    h = w * w\n    y = h.sum()  # y\n    y.backward()\n",
        None,
    ),
    (within_domain, "y = w.sqrt()  # root\n", "y = w.clamp(min=1e-12).sqrt()  # root\n", (3,)),
    (within_domain, "y = torch.log(w - 1)\n", "y = torch.log((w - 1).clamp(min=1e-12))\n", (3,)),
    (within_domain, "y = w / (w - 1)\n", "y = w / (w - 1).clamp(min=1e-12)\n", (3,)),
    (within_domain, "s = 'w.sqrt()'; y = w.exp()\n", None, (3,)),
    (straight_through, "y = w.round()  # up\n", "y = w + (w.round() - w).detach()  # up\n", (3,)),
    (
        straight_through,
        "y = torch.sign(w * 2) * 3\n",
        "y = ((w * 2) + (torch.sign(w * 2) - (w * 2)).detach()) * 3\n",
        (3,),
    ),
    (straight_through, "y = w.abs()\n", None, (3,)),
]


@pytest.mark.parametrize(("edit", "before", "after", "lines"), ROWS, ids=[row[1] for row in ROWS])
def test_what_an_edit_makes_of_a_snippet(
    edit: Edit, before: str, after: str | None, lines: tuple[int, ...] | None
) -> None:
    sources = proposed(edit, before, lines)
    assert (sources[0] if sources else None) == after
    for source in sources:
        compile(HEAD + source, "snippet", "exec")
        assert source.count("#") >= before.count("#")
