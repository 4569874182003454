"""Errors that are not autograd's: a row is a snippet, and what of it is named. Near misses are autograd's own."""

import pytest

from app.explain import explain
from app.explain.errors import explain_error
from app.explain.errors.explanation import Explanation
from app.web.frames import frames_of
from tests.tracing import trace_of

T = "import torch\n"
N = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"
NET = (
    N
    + "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.fc = nn.Linear(4, 2)\n"
    "    def forward(self, x):\n        return self.fc(x)\n"
)
LEAF = T + "a = torch.ones(3, requires_grad=True)\n"
WITHOUT_INIT = N + "class Net(nn.Module):\n    def __init__(self):\n        self.fc = nn.Linear(4, 2)\nnet = Net()"
WITHOUT_FORWARD = N + "class Net(nn.Module):\n    pass\nnet = Net()\nnet(torch.ones(3))"

# source, kind, line, tensors, what the sentences say
ROWS = [
    (T + "a = torch.ones(3)\nb = torch.ones(4)\nc = a + b", "broadcasting", 4, "a b", "Dimension -1 has 3 and 4"),
    (
        T + "a = torch.ones(2, 3)\na += torch.ones(2, 4)",
        "broadcasting",
        3,
        "a torch.ones(2, 4)",
        "`a += torch.ones(2, 4)`",
    ),
    (T + "a = torch.ones(2, 3)\nb = torch.ones(2)\nc = a * b", "broadcasting", 4, "a b", "`.unsqueeze(-1)`"),
    (T + "a = torch.ones(2, 3)\nb = torch.ones(3, 2)\nc = a * b", "broadcasting", 4, "a b", "in another order"),
    (T + "a = torch.zeros(2, 3)\na[0] = torch.ones(4)", "broadcasting", 3, "a torch.ones(4)", "writes `torch.ones(4)`"),
    (T + "a = torch.ones(2, 3)\nb = torch.ones(4, 5)\nc = a @ b", "matrix-product", 4, "a b", "3 is not 4"),
    (T + "a = torch.ones(2, 3)\nc = a @ a", "matrix-product", 3, "a", "`.mT`"),
    (T + "a = torch.ones(3)\nb = torch.ones(4)\nc = a.dot(b)", "matrix-product", 4, "a b", "3 is not 4"),
    (T + "a = torch.ones(2, 3)\nv = torch.ones(2)\nc = torch.mv(a, v)", "matrix-product", 4, "a v", "3 is not 2"),
    (
        T + "a = torch.ones(2, 3, 4)\nb = torch.ones(3, 4, 5)\nc = torch.bmm(a, b)",
        "matrix-product",
        4,
        "a b",
        "inner sizes fit",
    ),
    (T + "a = torch.ones(3)\nb = torch.tensor(2.)\nc = a @ b", "matrix-product", 4, "a b", "is a scalar"),
    (N + "fc = nn.Linear(4, 2)\nx = torch.ones(3, 5)\ny = fc(x)", "linear", 6, "x fc.weight fc.bias", "in_features=5"),
    (
        NET + "net = Net()\nx = torch.ones(3, 5)\ny = net(x)",
        "linear",
        9,
        "x net.fc.weight net.fc.bias",
        "`self.fc(x)` on line 9",
    ),
    (
        N + "fc = nn.Linear(6, 2)\nx = torch.ones(1, 2, 3)\ny = fc(x)",
        "linear",
        6,
        "x fc.weight fc.bias",
        "`.flatten(1)`",
    ),
    (
        N + "c = nn.Conv2d(3, 8, 3)\ni = torch.ones(1, 1, 8, 8)\ny = c(i)",
        "convolution",
        6,
        "i c.weight c.bias",
        "has 1 channel,",
    ),
    (
        N + "c = nn.Conv2d(3, 8, 3)\ni = torch.ones(1, 8, 8, 3)\ny = c(i)",
        "convolution",
        6,
        "i c.weight c.bias",
        "movedim(-1, 1)",
    ),
    (
        N + "c = nn.Conv2d(3, 8, 3)\ni = torch.ones(8, 8)\ny = c(i)",
        "convolution",
        6,
        "i c.weight c.bias",
        "`.unsqueeze(0)`",
    ),
    (
        N + "c = nn.Conv2d(3, 8, 5)\ni = torch.ones(1, 3, 2, 2)\ny = c(i)",
        "convolution",
        6,
        "i c.weight c.bias",
        "smaller than the kernel",
    ),
    (N + "i = torch.ones(2, 2)\ny = F.max_pool2d(i, 2)", "pooling", 5, "i", "has 2 dimensions"),
    (
        T + "a = torch.ones(2, 3)\nb = torch.ones(2, 4)\nc = torch.cat([a, b])",
        "joining",
        4,
        "a b",
        "`dim=1` joins them",
    ),
    (T + "a = torch.ones(2, 3)\nb = torch.ones(3)\nc = torch.cat([a, b])", "joining", 4, "a b", "as many dimensions"),
    (T + "a = torch.ones(3)\nb = torch.ones(4)\nc = torch.stack([a, b])", "joining", 4, "a b", "`torch.cat`"),
    (T + "a = torch.ones(2, 3)\nb = a.view(4, 2)", "reshaping", 3, "a", "takes 8 elements, and there are 6"),
    (T + "a = torch.ones(2, 3)\nb = a.t().view(6)", "reshaping", 3, "a.t()", "`.contiguous().view(...)`"),
    (T + "a = torch.ones(2, 3)\nb = a.reshape(5, -1)", "reshaping", 3, "a", "cannot be divided by 5"),
    (T + "a = torch.ones(3)\nb = a.expand(2, 4)", "reshaping", 3, "a", "dimension of size 1"),
    (T + "a = torch.ones(3)\nb = a.permute(0, 1)", "reshaping", 3, "a", "0 to 0"),
    (
        N + "x = torch.randn(4, 3)\nt = torch.tensor([0, 1, 2])\nl = F.cross_entropy(x, t)",
        "loss",
        6,
        "x t",
        "the shape `[4]`",
    ),
    (N + "x = torch.randn(4, 3)\nt = torch.zeros(4, 5)\nl = F.cross_entropy(x, t)", "loss", 6, "x t", "`[4, 5]`"),
    (
        N + "x = torch.randn(4, 3)\nt = torch.tensor([0., 1., 2., 0.])\nl = F.cross_entropy(x, t)",
        "loss",
        6,
        "x t",
        "`.long()`",
    ),
    (
        N + "x = torch.randn(4, 3)\nt = torch.tensor([0, 1, 2, 3])\nl = F.cross_entropy(x, t)",
        "loss",
        6,
        "x t",
        "from 0 to 2",
    ),
    (
        N + "l = F.nll_loss(torch.randn(2, 3), torch.tensor([1, 5]))",
        "loss",
        4,
        "torch.randn(2, 3) torch.tensor([1, 5])",
        "Target 5",
    ),
    (
        N + "x = torch.rand(4, 1)\nt = torch.ones(4)\nl = F.binary_cross_entropy(x, t)",
        "loss",
        6,
        "x t",
        "`.squeeze(-1)` on `x`",
    ),
    (N + "x = torch.rand(4, 2)\nt = torch.ones(3)\nl = F.mse_loss(x, t)", "loss", 6, "x t", "one target"),
    (
        N + "n = nn.LayerNorm(4)\nx = torch.ones(2, 5)\ny = n(x)",
        "normalisation",
        6,
        "x n.weight n.bias",
        "end in `[4]`",
    ),
    (N + "n = nn.BatchNorm1d(4)\nx = torch.ones(2, 5)\ny = n(x)", "normalisation", 6, None, "made for 4"),
    (
        T + "a = torch.arange(6).view(2, 3)\nw = torch.ones(3, 2)\nc = a @ w",
        "dtype",
        4,
        "a w",
        "`a` of `int64` and `w` of `float32`",
    ),
    (
        N + "fc = nn.Linear(2, 1)\nx = torch.ones(3, 2, dtype=torch.float64)\ny = fc(x)",
        "dtype",
        6,
        None,
        "`fc.weight` of `float32`",
    ),
    (T + "a = torch.tensor([True, False])\nc = a - a", "dtype", 3, "a", "Truth values"),
    (T + "a = torch.arange(3)\na += 0.5", "dtype", 3, "a", "cannot hold the result"),
    (T + "a = torch.arange(3)\nm = a.mean()", "dtype", 3, "a", "`.float()`"),
    (T + "a = torch.arange(3)\ns = a.softmax(0)", "dtype", 3, "a", "needs floating numbers"),
    (
        N + "e = nn.Embedding(5, 2)\ni = torch.tensor([0.0, 1.0])\ny = e(i)",
        "dtype",
        6,
        "i e.weight",
        "indices are integers",
    ),
    (T + "a = torch.ones(3)\nb = a.cuda()", "device", 3, "a", "CPU"),
    (T + "a = torch.ones(3, device='cuda')", "device", 2, "", "CPU"),
    (T + "a = torch.ones(3, device='meta')\nb = torch.ones(3)\nc = a + b", "device", 4, "a b", "needs values of `a`."),
    (T + "a = torch.ones(3, device='meta')\nprint(a.tolist())", "device", 3, "a", "no memory"),
    (T + "a = torch.ones(3)\nb = a[5]", "index", 3, "a", "from 0 to 2"),
    (T + "a = torch.ones(3)\nb = a[0, 1]", "index", 3, "a", "more indices than `a`"),
    (
        T + "a = torch.ones(2, 3)\ni = torch.tensor([[5]])\nb = a.gather(1, i)",
        "index",
        4,
        "a i",
        "index 5 of dimension 1",
    ),
    (T + "a = torch.ones(3)\nb = a.sum(dim=1)", "index", 3, "a", "dimensions are -1 to 0"),
    (N + "e = nn.Embedding(5, 2)\ni = torch.tensor([0, 7])\ny = e(i)", "index", 6, "i e.weight", "`i.max()`"),
    (T + "layers = [1, 2]\nx = layers[2]", "index", 3, "", "`x = layers[2]`"),
    (T + "model = 1\nprint(modle)", "name", 3, "", "Did you mean `model`?"),
    (T + "print(zzz)", "name", 2, "", "never imported"),
    (T + "def f():\n    total += 1\ntotal = 0\nf()", "name", 3, "", "`global total`"),
    (
        LEAF + "a.gather(0, torch.tensor([-1]))",
        "index",
        3,
        "a torch.tensor([-1])",
        "from 0 to 2; `gather` does not count from the end",
    ),
    (LEAF + "a.select(0, 3)", "index", 3, "a", "or from the end from -1 to -3"),
    (LEAF + "loss = a.sum().item()\nloss.backward()", "name", 4, "", "Line 3 took such from `a.sum()` with `item()`"),
    (LEAF + "loss = a.detach().numpy()\nloss.requires_grad_()", "name", 4, "", "it is no tensor"),
    (T + "loss = 1.0\nloss.backward()", "name", 3, "", "`dir(...)`"),
    (T + "a = torch.ones(3)\nb = a.sigmod()", "name", 3, "", "Did you mean `sigmoid`?"),
    (T + "a = torch.rnadn(3)", "name", 2, "", "Did you mean `randn`?"),
    (T + "a = torch.ones(3)\na.grad.zero_()", "name", 3, "", "`.grad` is None before backward"),
    ("from torch import rnadn", "name", 1, "", "Did you mean `randn`?"),
    ("import torhc", "name", 1, "", "Did you mean `torch`?"),
    (T + "d = {'lr': 1}\nx = d['rl']", "name", 3, "", "There is no key `'rl'`"),
    (N + "fc = nn.Linear(2, 1)\nfc.weigth", "name", 5, "", "Did you mean `weight`?"),
    (T + "a = torch.ones(3, dtpye=torch.float32)", "call", 2, "", "Did you mean `dtype`?"),
    (N + "fc = nn.Linear(2)", "call", 4, "", "without `out_features`"),
    (N + "fc = nn.Linear(2, 1, biass=False)", "call", 4, "", "Did you mean `bias`?"),
    (T + "a = torch.ones(3)\ns = a.shape()", "call", 3, "", "`.size()`"),
    (T + "a = torch.ones(3)\na(2)", "call", 3, "", "brackets"),
    (T + "x = None\ny = x + torch.ones(3)", "call", 3, "", "One of the two is None"),
    (T + "def f(a, b):\n    return a + b\nf(1)", "call", 4, "", "without `b`"),
    (T + "def f(a):\n    return a\nf(1, 2)", "call", 4, "", "too many arguments"),
    (T + "a = torch.ones(2)\nb = torch.cat(a, a)", "call", 3, None, "`torch.cat([a, b])`"),
    (T + "for x in 5:\n    pass", "call", 2, "", "has no items"),
    (WITHOUT_INIT, "module", 6, "", "`super().__init__()`"),
    (WITHOUT_FORWARD, "module", 7, "", "has no `forward`"),
    (N + "net = nn.Sequential([nn.Linear(2, 2), nn.ReLU()])", "module", 4, "", "`nn.Sequential(*layers)`"),
    (
        N + "n = nn.Sequential(nn.Linear(2, 3))\nn.load_state_dict({'0.weight': torch.ones(3, 2)})",
        "module",
        5,
        "",
        "another model",
    ),
    (N + "rnn = nn.LSTM(3, 4)\ny = rnn(torch.ones(5, 2, 7))", "module", 5, "", "Expected 3, got 7"),
    (N + "opt = torch.optim.SGD([], lr=0.1)", "optimizer", 4, "", "no parameters"),
    (
        N + "f = nn.Linear(2, 1)\np = f.parameters()\nlist(p)\nopt = torch.optim.SGD(p, lr=0.1)",
        "optimizer",
        7,
        "",
        "generator",
    ),
    (N + "fc = nn.Linear(2, 1)\nopt = torch.optim.SGD(fc, lr=0.1)", "optimizer", 5, "", "`model.parameters()`"),
    (
        N + "fc = nn.Linear(2, 1)\nopt = torch.optim.SGD(fc.parameters(), lr=-1)",
        "optimizer",
        5,
        "",
        "Invalid learning rate: -1",
    ),
    (T + "a = torch.ones(2, 3)\nif a > 0:\n    pass", "conversion", 3, "a > 0", "`.any()`"),
    (T + "a = torch.ones(3)\nprint(a.item())", "conversion", 3, "a", "`.tolist()`"),
    (T + "a = torch.tensor([[1, 2], [3]])", "conversion", 2, "", "not of one length"),
    (T + "a = torch.ones(2, 3)\nx, y, z = a", "conversion", 3, "", "first dimension"),
    (T + "a = 1 / 0", "value", 2, "", "by zero"),
    (T + "a = torch.ones(3)\nb = torch.einsum('ij,j->i', a, a)", "value", 3, "a", "`einsum` refused"),
]

BACKWARD = (
    T + "class G(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n        return x * 2\n"
    "    @staticmethod\n    def backward(ctx, g):\n        return {}\n"
    "a = torch.ones(3, requires_grad=True)\nG.apply(a).sum().backward()"
)
# Near autograd, and not its own doing.
ROWS += [
    (BACKWARD.format("g * torch.ones(4)"), "broadcasting", 8, None, "Dimension -1 has 3 and 4"),
    (BACKWARD.format("gg"), "name", 8, "", "There is no `gg`"),
    (
        LEAF + "a.register_hook(lambda g: g + torch.ones(5))\n(a * 2).sum().backward()",
        "broadcasting",
        3,
        None,
        "3 and 5",
    ),
    (LEAF + "print(gradient)", "name", 3, "", "There is no `gradient`"),
    (T + "torch.zeros(3, require_grad=True)", "call", 2, "", "Did you mean `requires_grad`?"),
    (T + "x = torch.ones(3)\nx.backwards()", "name", 3, "", "Did you mean `backward`?"),
    (N + "m = nn.Linear(3, 1)\nm.weight = torch.ones(1, 3)", "module", 5, "", "`nn.Parameter(t)`"),
    (N + "nn.MSELoss(torch.ones(3), torch.ones(3))", "conversion", 4, None, "made first, and called then"),
    (N + "nn.BatchNorm2d(3)(torch.ones(4, 3))", "normalisation", 4, "", "2 dimensions, and the layer takes 4"),
    (N + "nn.MultiheadAttention(5, 2)", "value", 4, "", "The message says"),
    (T + "x = torch.ones(3)\nx[torch.tensor([0.5])]", "index", 3, None, "indices are integers"),
    (T + "x = torch.ones(3)\nx[torch.tensor([True, False])]", "index", 3, None, "`a[a > 0]`"),
    (T + "x = torch.ones(3)\nx[1.5]", "index", 3, "x", "no index"),
    (T + "x = torch.cat([torch.ones(2), 3])", "call", 2, "", "At place 1"),
    (
        T + "m = torch.nn.Linear(2, 1)\no = torch.optim.SGD(m.parameters)",
        "optimizer",
        3,
        "",
        "`parameters` was not called",
    ),
]

# autograd's own, the snippet's own, and none
SILENT = [
    LEAF + "with torch.no_grad():\n    v = a[:2]\nv.mul_(2)",
    LEAF + "a.register_hook(lambda g: 1)\na.sum().backward()",
    LEAF + "a.grad = 1",
    LEAF + "torch.autograd.grad(a.sum(), [])",
    LEAF + "torch.autograd.backward(a.sum(), 'x')",
    LEAF
    + "with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: 1):\n    b = a.exp()\nb.sum().backward()",
    BACKWARD.format("torch.ones(4)"),
    BACKWARD.format("g, g"),
    T + "a = torch.ones(3)\na.sum().backward()",
    LEAF + "(a * 2).backward()",
    LEAF + "a += 1",
    LEAF + "a.numpy()",
    LEAF + "y = (a * a).sum()\ny.backward()\ny.backward()",
    T + "a = torch.arange(3, requires_grad=True)",
    LEAF + "y = a.sigmoid()\ny.add_(1)\ny.sum().backward()",
    LEAF + "b = torch.ones(3, requires_grad=True)\ntorch.autograd.grad((a * 2).sum(), b)",
    LEAF + "(a * 2).backward(torch.ones(4))",
    LEAF + "(a * 2).requires_grad_(False)",
    LEAF + "b, c = (a * 1).chunk(2)\nb.add_(1)",
    LEAF + "torch.optim.SGD([a * 2], lr=1)",
    LEAF + "a.grad = torch.ones(4)",
    LEAF + "import copy\ncopy.deepcopy(a * 2)",
    LEAF + "with torch.inference_mode():\n    c = torch.ones(3)\n(c * a).sum().backward()",
    T + "raise ValueError('mine')",
    T + "a = torch.ones(3)\nassert a.sum() == 4, 'no'",
    "x = (",
    T + "import sys\nsys.exit('no')",
    T + "try:\n    torch.ones(3) + torch.ones(4)\nexcept RuntimeError:\n    pass",
    LEAF + "a.sum().backward()",
]


def explained(source: str) -> Explanation | None:
    trace = trace_of(source)
    return explain_error(trace, source, explain(trace))


@pytest.mark.parametrize(("source", "kind", "line", "tensors", "says"), ROWS)
def test_an_error_is_explained_in_the_readers_names(
    source: str, kind: str, line: int, tensors: str | None, says: str
) -> None:
    found = explained(source)
    assert found is not None
    assert (found.kind, found.line) == (kind, line)
    if tensors is not None:
        assert " ".join(tensor.name for tensor in found.tensors) == tensors
    assert says in f"{found.title} {found.cause} {found.look}"
    assert f"ine {line}" in found.cause
    assert found.title.count("`") % 2 == found.cause.count("`") % 2 == found.look.count("`") % 2 == 0


@pytest.mark.parametrize("source", SILENT)
def test_what_autograd_or_the_snippet_raises_is_left_to_others(source: str) -> None:
    assert explained(source) is None


def test_an_error_that_was_caught_before_is_not_the_one() -> None:
    found = explained(
        T + "try:\n    torch.ones(3) @ torch.ones(4)\nexcept RuntimeError:\n    pass\nx = torch.ones(2)\nx[9]"
    )
    assert found is not None
    assert (found.kind, found.line, [tensor.name for tensor in found.tensors]) == ("index", 7, ["x"])


SAYING = """\
class Saying(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func.__name__ == {op!r}: raise IndexError({says!r})
        return super().__torch_function__(func, types, args, kwargs or {{}})
x = torch.ones(1, 3, 4, 4).as_subclass(Saying)
{call}
"""


@pytest.mark.parametrize(
    ("op", "call", "says"),
    [
        ("select", "x.select(0, 1)", f"index {'9' * 5_000} is out of bounds for dimension 0 with size 3"),
        ("select", "x.select(0, 1)", "index 1 out of range for tensor of size [1] at dimension 9"),
        ("select", "x.select(0, 1)", "index 1 out of range for tensor of size [,] at dimension 0"),
        (
            "select",
            "x.select(0, 1)",
            f"Dimension out of range (expected to be in range of [-1, {'9' * 5_000}], but got 7)",
        ),
        ("view", "x.view(7)", "shape '[-]' is invalid for input of size 3"),
        ("view", "x.view(7)", f"shape '[{'9' * 5_000}]' is invalid for input of size 3"),
        ("view", "x.view(7)", f"shape '[{'9, ' * 4_000}9]' is invalid for input of size {'3' * 5_000}"),
        ("conv2d", "torch.conv2d(x, torch.ones(2, 9, 1, 1))", f"expected input to have {'9' * 5_000} channels"),
    ],
)
def test_what_a_snippet_makes_torch_say_breaks_nothing(op: str, call: str, says: str) -> None:
    found = explained(T + SAYING.format(op=op, says=says, call=call))
    assert found is None or len(f"{found.title} {found.cause} {found.look}") < 2_000


def test_what_is_quoted_is_short() -> None:
    found = explained(f"{'x' * 5_000}")
    other = explained(f"import torch\nd = {{}}\nd['{'y' * 5_000}'] + torch.ones(3)")
    assert found is not None
    assert other is not None
    assert all(len(text) < 700 for text in (found.title, found.cause, found.look, other.title, other.cause))


def test_no_code_of_the_snippet_runs_for_a_suggestion() -> None:
    source = T + "class A:\n    speed = 1\n    def __dir__(self):\n        print('ran')\n        return []\nA().sped"
    trace = trace_of(source)
    assert trace.stdout == ""
    assert trace.outcome.error is not None
    assert trace.outcome.error.suggestion == "speed"


def test_the_way_to_it_goes_through_the_readers_lines_alone() -> None:
    source = NET + "def step(m, x):\n    return m(x)\nstep(Net(), torch.ones(3, 5))"
    frames = frames_of(trace_of(source).outcome.error, source)
    assert [(frame.function, frame.line, frame.text) for frame in frames] == [
        ("forward", 9, "return self.fc(x)"),
        ("step", 11, "return m(x)"),
        (None, 12, "step(Net(), torch.ones(3, 5))"),
    ]


def test_a_recursion_is_shown_by_its_ends() -> None:
    source = "def f(n):\n    return f(n - 1) if n else 1 / 0\nf(40)"
    frames = frames_of(trace_of(source).outcome.error, source)
    assert [frame.left_out for frame in frames] == [0, 0, 0, 0, 35, 0, 0]
    assert frames[-1].function is None
    assert frames_of(trace_of("1 / 0").outcome.error, "1 / 0") == ()
