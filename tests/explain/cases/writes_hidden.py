"""Writes that autograd does not see: through `.data`, numpy, DLPack, storages, attributes of ctx."""

from tests.explain.cases import Case

W = "w = torch.ones(3, requires_grad=True)"
DATA, ALIAS = "write-hidden-by-data", "write-hidden-by-alias"
X = f"{W}\nx = torch.ones(3)"

BY_DATA = (
    Case(
        name="an activation zeroed through .data",
        source=f"{W}\ny = w.sigmoid()\ny.data.zero_()\ny.sum().backward()",
        finds={DATA: (4, 3, 5)},
        grads={"w": [0.0, 0.0, 0.0]},
    ),
    Case(
        name="parameters updated through .data between two backwards",
        source="""\
w = torch.ones(2, requires_grad=True)
y = w.pow(2).sum()
y.backward(retain_graph=True)
w.data -= 0.5 * w.grad
y.backward()
""",
        finds={DATA: (5, 3, 6)},
        grads={"w": [2.0, 2.0]},
    ),
    Case(
        name="parameters updated through .data after backward",
        source="""\
w = torch.ones(2, requires_grad=True)
for step in range(3):
    loss = w.pow(2).sum()
    loss.backward()
    w.data -= 0.1 * w.grad
    w.grad = None
""",
    ),
    Case(
        name="an element set through .data in a loop",
        source="""\
w = torch.ones(2, requires_grad=True)
x = torch.ones(2)
total = 0
for i in range(2):
    total = total + (w * x).sum()
    x.data[i] = 5.0
total.backward()
""",
        finds={DATA: (7, 6, 8)},
        grads={"w": [10.0, 10.0]},
    ),
    Case(
        name="weights swapped through .data before backward",
        source=f"{X}\ny = (w * x).sum()\nx.data = torch.full((3,), 7.0)\ny.backward()",
        finds={DATA: (5, 4, 6)},
        grads={"w": [7.0, 7.0, 7.0]},
    ),
    Case(
        name="weights swapped through .data before the forward",
        source=f"{X}\nx.data = torch.full((3,), 7.0)\ny = (w * x).sum()\ny.backward()",
        grads={"w": [7.0, 7.0, 7.0]},
    ),
    Case(
        name="a write under no_grad to what .data shares",
        source=f"{X}\nd = x.data\ny = (w * x).sum()\nwith torch.no_grad():\n    d.mul_(3)\ny.backward()",
        finds={DATA: (7, 4, 5, 8)},
        grads={"w": [3.0, 3.0, 3.0]},
    ),
    Case(
        name="a view of .data written in a function",
        source="""\
def prune(t):
    part = t.data[1:]
    part.zero_()
w = torch.ones(3, requires_grad=True)
y = w.exp()
prune(y)
y.sum().backward()
""",
        finds={DATA: (4, 3, 6, 8)},
    ),
    Case(
        name="normalised through .data under its own norm",
        source=f"{W}\ny = w.exp()\ny.data /= y.data.norm()\n(y * 2).sum().backward()",
        finds={DATA: (4, 3, 5)},
    ),
    Case(
        name="a .data that was cloned first",
        source=f"{W}\ny = w.exp()\nc = y.data.clone()\nc.zero_()\ny.sum().backward()",
    ),
    Case(
        name="old-style SGD through .data in a loop",
        source="""\
net = torch.nn.Linear(2, 1)
for step in range(2):
    net.zero_grad()
    net(torch.ones(4, 2)).pow(2).mean().backward()
    for p in net.parameters():
        p.data.add_(p.grad.data, alpha=-0.1)
""",
    ),
    Case(
        name="parameters initialised through .data",
        source="""\
layer = torch.nn.Linear(2, 1)
layer.weight.data.normal_(0, 0.02)
layer.bias.data.zero_()
layer(torch.ones(2)).sum().backward()
""",
    ),
    Case(
        name="weight clipping of a critic through .data",
        source="""\
critic = torch.nn.Linear(2, 1)
optimizer = torch.optim.RMSprop(critic.parameters(), lr=0.1)
for step in range(2):
    optimizer.zero_grad()
    critic(torch.ones(4, 2)).mean().backward()
    optimizer.step()
    for p in critic.parameters():
        p.data.clamp_(-0.01, 0.01)
""",
    ),
)

BY_ALIAS = (
    Case(
        name="an array over a saved input, written",
        source=f"{X}\nn = x.numpy()\ny = (w * x).sum()\nn[:] = 7\ny.backward()",
        finds={ALIAS: (6, 5, 7)},
        grads={"w": [7.0, 7.0, 7.0]},
    ),
    Case(
        name="an array over a saved input, copied",
        source=f"{X}\nn = x.numpy().copy()\ny = (w * x).sum()\nn[:] = 7\ny.backward()",
        grads={"w": [1.0, 1.0, 1.0]},
    ),
    Case(
        name="the array of a batch filled anew in a loop",
        source="""\
import numpy as np
buffer = np.ones(2, dtype=np.float32)
w = torch.ones(2, requires_grad=True)
loss = 0
for step in range(2):
    buffer += 1
    loss = loss + (w * torch.from_numpy(buffer)).sum()
loss.backward()
""",
        finds={ALIAS: (7, 8, 9)},
        grads={"w": [6.0, 6.0]},
    ),
    Case(
        name="the array of a batch filled anew after backward",
        source="""\
import numpy as np
buffer = np.ones(2, dtype=np.float32)
w = torch.ones(2, requires_grad=True)
for step in range(2):
    buffer += 1
    w.grad = None
    (w * torch.from_numpy(buffer)).sum().backward()
""",
        grads={"w": [3.0, 3.0]},
    ),
    Case(
        name="an array written in a function",
        source="""\
w = torch.ones(3, requires_grad=True)
x = torch.ones(3)
def forward(x):
    array = x.numpy()
    y = (w * x).sum()
    array[:] = 7
    return y
forward(x).backward()
""",
        finds={ALIAS: (7, 6, 9)},
        grads={"w": [7.0, 7.0, 7.0]},
    ),
    Case(
        name="as_tensor of an array that is written",
        source=(
            f"import numpy as np\nn = np.ones(3, dtype=np.float32)\nx = torch.as_tensor(n)\n{W}\n"
            "y = (w * x).sum()\nn *= 4\ny.backward()"
        ),
        finds={ALIAS: (7, 6, 8)},
        grads={"w": [4.0, 4.0, 4.0]},
    ),
    Case(
        name="torch.tensor of an array that is written",
        source=(
            f"import numpy as np\nn = np.ones(3, dtype=np.float32)\nx = torch.tensor(n)\n{W}\n"
            "y = (w * x).sum()\nn *= 4\ny.backward()"
        ),
        grads={"w": [1.0, 1.0, 1.0]},
    ),
    Case(
        name="an output's detached array written",
        source=f"{W}\ny = w.exp()\nn = y.detach().numpy()\nn[0] = 0\ny.sum().backward()",
        finds={ALIAS: (5, 3, 6)},
    ),
    Case(
        name="a tensor from DLPack written",
        source=f"{X}\nd = torch.from_dlpack(x)\ny = (w * x).sum()\nd.zero_()\ny.backward()",
        finds={ALIAS: (6, 5, 7)},
        grads={"w": [0.0, 0.0, 0.0]},
    ),
    Case(
        name="a storage filled",
        source=f"{X}\ny = (w * x).sum()\nx.untyped_storage().fill_(0)\ny.backward()",
        finds={ALIAS: (5, 4, 6)},
        grads={"w": [0.0, 0.0, 0.0]},
    ),
    Case(
        name="a tensor set over the storage of another, written",
        source=(
            f"{X}\nz = torch.empty(0).set_(x.untyped_storage(), 0, (3,))\ny = (w * x).sum()\nz.fill_(2)\ny.backward()"
        ),
        finds={ALIAS: (6, 5, 7)},
        grads={"w": [2.0, 2.0, 2.0]},
    ),
    Case(
        name="memory written by its address",
        source=f"import ctypes\n{X}\ny = (w * x).sum()\nctypes.memset(x.data_ptr(), 0, 12)\ny.backward()",
        finds={ALIAS: (6, 5, 7)},
        grads={"w": [0.0, 0.0, 0.0]},
    ),
    Case(
        name="a tensor kept as an attribute of ctx, then written",
        source="""\
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.x = x
        return x * x

    @staticmethod
    def backward(ctx, grad):
        return grad * 2 * ctx.x
w = torch.ones(2, requires_grad=True)
h = w + 0
y = Square.apply(h)
h.mul_(5)
y.sum().backward()
""",
        finds={ALIAS: (14, 13, 15)},
        grads={"w": [10.0, 10.0]},
    ),
    Case(
        name="a tensor kept as an attribute of ctx, left alone",
        source="""\
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.x = x
        return x * x

    @staticmethod
    def backward(ctx, grad):
        return grad * 2 * ctx.x
w = torch.ones(2, requires_grad=True)
h = w + 0
Square.apply(h).sum().backward()
h.mul_(5)
""",
        grads={"w": [2.0, 2.0]},
    ),
    Case(
        name="an attribute of ctx that is kept for its shape only",
        source="""\
class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.x = x
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return (grad * 2).reshape(ctx.x.shape)
w = torch.ones(2, requires_grad=True)
h = w + 0
y = Twice.apply(h)
h.mul_(5)
y.sum().backward()
""",
        grads={"w": [2.0, 2.0]},
    ),
    Case(
        name="save_for_backward, then written: refused",
        source="""\
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        return grad * 2 * ctx.saved_tensors[0]
w = torch.ones(2, requires_grad=True)
h = w + 0
y = Square.apply(h)
h.mul_(5)
y.sum().backward()
""",
        finds={"saved-tensor-overwritten": (14, 13, 15)},
        raises="modified by an inplace operation",
    ),
)

CASES = (*BY_DATA, *BY_ALIAS)
