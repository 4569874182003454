"""What torch refuses to do with leaves and results, and near misses."""

from tests.explain.cases import Case

_W = "w = torch.tensor([1.0, 2.0], requires_grad=True)\n"  # line 2
_ONLY_REAL = "can require gradients"
_NO_NUMPY = "Can't call numpy()"

CASES = (
    # backward-needs-scalar
    Case(
        name="a vector",
        source=_W + "y = w * 2\ny.backward()\n",
        finds={"backward-needs-scalar": (4,)},
        raises="grad can be implicitly created only for scalar outputs",
    ),
    Case(
        name="a loss that was not reduced",
        source="net = torch.nn.Linear(2, 1)\n"
        "loss = torch.nn.functional.mse_loss(net(torch.ones(4, 2)), torch.ones(4, 1), "
        "reduction='none')\nloss.backward()\n",
        finds={"backward-needs-scalar": (4,)},
        raises="only for scalar outputs",
    ),
    Case(
        name="autograd.grad of a vector",
        source=_W + "y = w * 2\ntorch.autograd.grad(y, w)\n",
        finds={"backward-needs-scalar": (4,)},
        raises="only for scalar outputs",
    ),
    Case(
        name="a gradient of another shape",
        source=_W + "y = w * 2\ny.backward(torch.ones(3))\n",
        finds={"backward-needs-scalar": (4,)},
        raises="Mismatch in shape",
    ),
    Case(
        name="a complex number",
        source="w = torch.ones((), dtype=torch.complex64, requires_grad=True)\n(w * 2).backward()\n",
        finds={"backward-needs-scalar": (3,)},
        raises="only for real scalar outputs",
    ),
    Case(
        name="one number in several dimensions",
        source="w = torch.ones(1, 1, requires_grad=True)\n(w * 2).backward()\n",
        grads={"w": [2.0]},
    ),
    Case(
        name="a vector with a gradient",
        source=_W + "y = w * 2\ny.backward(torch.tensor([1.0, 10.0]))\n",
        grads={"w": [2.0, 20.0]},
    ),
    # integer-requires-grad
    Case(
        name="integers that require grad when made",
        source="w = torch.tensor([1, 2, 3], requires_grad=True)\n",
        finds={"integer-requires-grad": (2,)},
        raises=_ONLY_REAL,
    ),
    Case(
        name="a range that requires grad when made",
        source="w = torch.arange(3, requires_grad=True)\n",
        finds={"integer-requires-grad": (2,)},
        raises=_ONLY_REAL,
    ),
    Case(
        name="integers that require grad by requires_grad_",
        source="w = torch.tensor([1, 2, 3])\nw.requires_grad_()\n",
        finds={"integer-requires-grad": (3,)},
        raises="floating point dtype can require gradients",
    ),
    Case(
        name="integers that require grad by the attribute",
        source="w = torch.tensor([1, 2, 3])\nw.requires_grad = True\n",
        finds={"integer-requires-grad": (3,)},
        raises="floating point and complex dtype can require gradients",
    ),
    Case(
        name="a parameter of integers",
        source="scale = torch.nn.Parameter(torch.arange(3))\n",
        finds={"integer-requires-grad": (2,)},
        raises=_ONLY_REAL,
    ),
    Case(
        name="a parameter of integers without a gradient",
        source="steps = torch.nn.Parameter(torch.arange(3), requires_grad=False)\nprint(steps)\n",
    ),
    # numpy-on-requires-grad
    Case(
        name=".numpy() of a leaf",
        source=_W + "array = w.numpy()\n",
        finds={"numpy-on-requires-grad": (3,)},
        raises=_NO_NUMPY,
    ),
    Case(
        name="np.array of a result",
        source="import numpy as np\n" + _W + "np.array(w * 2)\n",
        finds={"numpy-on-requires-grad": (4,)},
        raises=_NO_NUMPY,
    ),
    Case(
        name="a function of numpy on a result",
        source="import numpy as np\n" + _W + "np.exp(w * 2)\n",
        finds={"numpy-on-requires-grad": (4,)},
        raises=_NO_NUMPY,
    ),
    Case(
        name="DLPack of a leaf",
        source="import numpy as np\n" + _W + "np.from_dlpack(w)\n",
        finds={"numpy-on-requires-grad": (4,)},
        raises="Can't export tensors that require gradient",
    ),
    Case(
        name="a result without a name handed to an optimizer",
        source=_W + "optimizer = torch.optim.SGD([w.reshape(1, 2)], lr=0.1)\n",
        finds={"leaf-rebound": (3,)},
        raises="can't optimize a non-leaf Tensor",
    ),
    Case(
        name="the version of a result of inference mode",
        source="with torch.inference_mode():\n    x = torch.ones(2)\nprint(x._version)\n",
        finds={"inference-tensor-used": (4, 3)},
        raises="Inference tensors do not track version counter",
    ),
    Case(
        name="a batch of gradients of another shape",
        source=_W + "torch.autograd.grad(w * 2, w, torch.ones(3), is_grads_batched=True)\n",
        finds={"backward-needs-scalar": (3,)},
        raises="If `is_grads_batched=True`",
    ),
    Case(
        name="a real gradient for a complex result",
        source=_W + "y = torch.complex(w, w)\ny.backward(torch.ones(2))\n",
        finds={"backward-needs-scalar": (4,)},
        raises="For complex Tensors, both grad_output and output",
    ),
    Case(
        name=".numpy() of a detached result",
        source=_W + "y = w * 2\ny.sum().backward()\narray = y.detach().numpy()\n",
    ),
    # inference-tensor-used
    Case(
        name="data made in inference mode",
        source="with torch.inference_mode():\n    x = torch.ones(2)\n" + _W + "(w * x).sum().backward()\n",
        finds={"inference-tensor-used": (5, 3)},
        raises="Inference tensors cannot be saved for backward",
    ),
    Case(
        name="features made in inference mode for a head",
        source="body, head = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)\nwith torch.inference_mode():\n"
        "    h = body(torch.ones(4, 2))\nhead(h).sum().backward()\n",
        finds={"inference-tensor-used": (5, 4)},
        raises="Inference tensors cannot be saved for backward",
    ),
    Case(
        name="a result of inference mode written outside",
        source="with torch.inference_mode():\n    x = torch.ones(2)\nx.add_(1)\n",
        finds={"inference-tensor-used": (4, 3)},
        raises="Inplace update to inference tensor outside InferenceMode",
    ),
    Case(
        name="a result of inference mode that should require grad",
        source="with torch.inference_mode():\n    x = torch.ones(2)\nx.requires_grad_()\n",
        finds={"inference-tensor-used": (4, 3)},
        raises="Setting requires_grad=True on inference tensor",
    ),
    Case(
        name="a result of inference mode that should require grad by the attribute",
        source="with torch.inference_mode():\n    x = torch.ones(2)\nx.requires_grad = True\n",
        finds={"inference-tensor-used": (4, 3)},
        raises="Setting requires_grad=True on inference tensor",
    ),
    Case(
        name="a copy of a result of inference mode",
        source="with torch.inference_mode():\n    x = torch.ones(2)\nx = x.clone()\n"
        + _W
        + "(w * x).sum().backward()\n",
        grads={"w": [1.0, 1.0]},
    ),
    Case(
        name="a result of inference mode that nothing has to save",
        source="with torch.inference_mode():\n    x = torch.ones(2)\n" + _W + "(w + x).sum().backward()\n",
        grads={"w": [1.0, 1.0]},
    ),
    # requires-grad-off-inside-graph
    Case(
        name="requires_grad_(False) on a result",
        source=_W + "y = w * 2\ny.requires_grad_(False)\n",
        finds={"requires-grad-off-inside-graph": (4, 3)},
        raises="you can only change requires_grad flags of leaf variables",
    ),
    Case(
        name="requires_grad = False on a result",
        source="net = torch.nn.Linear(2, 1)\nout = net(torch.ones(4, 2))\nout.requires_grad = False\n",
        finds={"requires-grad-off-inside-graph": (4, 3)},
        raises="you can only change requires_grad flags of leaf variables",
    ),
    Case(
        name="requires_grad = True on a result",
        source=_W + "y = w * 2\ny.requires_grad = True\n",
        finds={"requires-grad-off-inside-graph": (4, 3)},
        raises="you can only change requires_grad flags of leaf variables",
    ),
    Case(
        name="requires_grad_(True) on a result changes nothing",
        source=_W + "y = w * 2\ny.requires_grad_(True)\ny.sum().backward()\n",
        grads={"w": [2.0, 2.0]},
    ),
    Case(
        name="requires_grad switched off on a leaf",
        source=_W + "v = torch.ones(2, requires_grad=True)\nv.requires_grad_(False)\n(w * v).sum().backward()\n",
        grads={"w": [1.0, 1.0]},
    ),
)
