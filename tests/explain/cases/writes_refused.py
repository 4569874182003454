"""Writes in place that torch refuses, for what is to be written."""

from tests.explain.cases import Case

LEAF = "a leaf Variable that requires grad is being used in an in-place operation"
VIEW = "a view of a leaf Variable that requires grad is being used"
W = "w = torch.ones(3, requires_grad=True)"

CASES = (
    Case(name="w += 1", source=f"{W}\nw += 1", finds={"inplace-on-leaf": (3, 2)}, raises=LEAF),
    Case(
        name="a leaf updated by hand without no_grad",
        source=f"{W}\nw.exp().sum().backward()\nw -= 0.1 * w.grad",
        finds={"inplace-on-leaf": (4, 2)},
        raises=LEAF,
    ),
    Case(
        name="a leaf updated by hand under no_grad",
        source=f"{W}\nw.exp().sum().backward()\nwith torch.no_grad():\n    w -= 0.1 * w.grad",
    ),
    Case(
        name="a module's parameter scaled",
        source="layer = torch.nn.Linear(2, 2)\nlayer.weight.mul_(0.1)",
        finds={"inplace-on-leaf": (3, 2)},
        raises=LEAF,
    ),
    Case(
        name="parameters decayed in a loop",
        source="net = torch.nn.Linear(2, 2)\nfor p in net.parameters():\n    p *= 0.9",
        finds={"inplace-on-leaf": (4, 2)},
        raises=LEAF,
    ),
    Case(
        name="a parameter copied into in a function",
        source="""\
def tie(one, other):
    one.weight.copy_(other.weight)
a, b = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
tie(a, b)
""",
        finds={"inplace-on-leaf": (3, 4)},
        raises=LEAF,
    ),
    Case(
        name="a parameter initialised by torch.nn.init",
        source="layer = torch.nn.Linear(2, 2)\ntorch.nn.init.zeros_(layer.bias)\nlayer(torch.ones(2)).sum().backward()",
    ),
    Case(
        name="a whole leaf assigned with [:]",
        source=f"{W}\nw[:] = 0",
        finds={"inplace-on-leaf": (3, 2)},
        raises=LEAF,
    ),
    Case(
        name="all parameters at once with foreach",
        source="net = torch.nn.Linear(2, 2)\ntorch._foreach_mul_(list(net.parameters()), 0.5)",
        finds={"inplace-on-leaf": (3, 2)},
        raises=LEAF,
    ),
    Case(
        name="an element of a leaf assigned",
        source=f"{W}\nw[0] = 5.0",
        finds={"inplace-on-view-of-leaf": (3, 2)},
        raises=VIEW,
    ),
    Case(
        name="a row of a parameter zeroed",
        source="table = torch.nn.Embedding(3, 2)\ntable.weight[0].zero_()",
        finds={"inplace-on-view-of-leaf": (3, 2)},
        raises=VIEW,
    ),
    Case(
        name="a view of a leaf held under a name",
        source=f"{W}\nfirst = w[:2]\nfirst += 1",
        finds={"inplace-on-view-of-leaf": (4, 2)},
        raises=VIEW,
    ),
    Case(
        name="an element of a leaf assigned under no_grad",
        source=f"{W}\nwith torch.no_grad():\n    w[0] = 5.0\nw.exp().sum().backward()",
    ),
    Case(
        name="an element of a leaf's clone assigned",
        source=f"{W}\nv = w.clone()\nv[0] = 5.0\nv.sum().backward()",
        grads={"w": [0.0, 1.0, 1.0]},
    ),
    Case(
        name="a view made under no_grad written outside",
        source=f"{W}\ny = w * 2\nwith torch.no_grad():\n    v = y[:2]\nv.mul_(10)",
        finds={"inplace-on-no-grad-view": (6, 5)},
        raises="A view was created in no_grad mode",
    ),
    Case(
        name="a view of a leaf made under no_grad written outside",
        source=f"{W}\nwith torch.no_grad():\n    v = w.view(3, 1)\nv += 1",
        finds={"inplace-on-no-grad-view": (5, 4)},
        raises="A view was created in no_grad mode",
    ),
    Case(
        name="a view made in inference mode written outside",
        source=f"{W}\ny = w * 2\nwith torch.inference_mode():\n    v = y[:2]\nv.mul_(10)",
        finds={"inplace-on-no-grad-view": (6, 5)},
        raises="A view was created in inference mode",
    ),
    Case(
        name="a view made and written under no_grad",
        source=f"{W}\ny = w + 0\nwith torch.no_grad():\n    v = y[:2]\n    v.mul_(10)\n(y + w).sum().backward()",
    ),
    Case(
        name="a chunk written in place",
        source=f"{W}\na, b, c = (w * 2).chunk(3)\na += 1",
        finds={"inplace-on-multi-output-view": (4, 3)},
        raises="is the output of a function that returns multiple views",
    ),
    Case(
        name="rows written while iterating",
        source="w = torch.ones(2, 2, requires_grad=True)\ny = w * 2\nfor row in y:\n    row /= row.sum()",
        finds={"inplace-on-multi-output-view": (5, 4)},
        raises="is the output of a function that returns multiple views",
    ),
    Case(
        name="gates of a cell split and squashed in place",
        source="""\
cell = torch.nn.Linear(2, 8)
gates = cell(torch.ones(1, 2))
i, f, g, o = gates.split(2, dim=1)
i.sigmoid_()
""",
        finds={"inplace-on-multi-output-view": (5, 4)},
        raises="is the output of a function that returns multiple views",
    ),
    Case(
        name="rows written by index",
        source=(
            "w = torch.ones(2, 2, requires_grad=True)\ny = w * 2\nfor i in range(2):\n    y[i].mul_(3)\n"
            "y.sum().backward()"
        ),
        grads={"w": [6.0, 6.0, 6.0, 6.0]},
    ),
    Case(
        name="chunks written that no graph is over",
        source="x = torch.arange(4.)\na, b = x.chunk(2)\na += b",
    ),
    Case(
        name="an expanded tensor written",
        source="row = torch.zeros(3)\ntable = row.expand(2, 3)\ntable += 1",
        finds={"inplace-on-expanded": (4, 3)},
        raises="more than one element of the written-to tensor",
    ),
    Case(
        name="a broadcast tensor written in a function",
        source="""\
def center(x, mean):
    mean = mean.expand_as(x)
    mean.neg_().add_(x)
    return mean
x = torch.arange(6.).view(2, 3)
center(x, x.mean(0))
""",
        finds={"inplace-on-expanded": (4, 3)},
        raises="more than one element of the written-to tensor",
    ),
    Case(
        name="a hook that scales the gradient of a sum in place",
        source=f"{W}\ndef halve(grad):\n    grad.mul_(0.5)\nw.register_hook(halve)\nw.sum().backward()",
        finds={"inplace-on-expanded": (4,)},
        raises="more than one element of the written-to tensor",
    ),
    Case(
        name="an expanded tensor cloned, then written",
        source="row = torch.zeros(3)\ntable = row.expand(2, 3).clone()\ntable += 1",
    ),
    Case(
        name="one element of an expanded tensor written",
        source="table = torch.zeros(3).expand(2, 3)\ntable[0, 0] = 1",
    ),
)
