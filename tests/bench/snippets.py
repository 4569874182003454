"""What the bench runs."""

from app.lessons.catalog import catalog
from tests.bench.training import STEP

FIRST = catalog().first.source

# The first snippet until backward, drawn by torchviz in its cheapest form, without attributes and saved tensors:
# with them it would unpack what `.detach()` made stale, and raise.
TORCHVIZ = """\
import torch
from torchviz import make_dot

a = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
out = a.sigmoid()
c = out.data
c.zero_()
svg = make_dot(out.sum(), params={"a": a}).pipe("svg")
"""

_CLASSROOM = [
    *(lesson.source for lesson in catalog().listed),
    "import torch\nx = torch.tensor([2.0], requires_grad=True)\nfor _ in range(4):\n    y = x * x\n    y.backward()\n",
    "import torch\nw = torch.ones(2, 3, requires_grad=True)\nw.t().contiguous().view(-1)[::2].sum().backward()\n",
    "import torch\nx = torch.ones(3, requires_grad=True)\ny = (x * 2).tanh()\ny.sum().backward()\ny.sum().backward()\n",
    STEP,
]


def classroom(count: int) -> list[str]:
    """`count` different snippets, such as a class of readers sends in one minute."""
    return [f"{_CLASSROOM[number % len(_CLASSROOM)]}\nprint({number})\n" for number in range(count)]
