"""What autograd can raise, in torch's own words: each message with a snippet that reaches it, or why none can.

Found in torch as installed: its binaries' texts that speak of gradients, graphs, leaves, in-place writes or inference
mode, and what `torch/autograd`, `torch/_tensor.py` and `torch/utils/{checkpoint,hooks}.py` raise. `explained_by` is the
rule that explains it, or "the line": the exception is a misuse of one call that torch's own sentence says whole, and
the page tells its line, its tensors and their shapes.
"""

from msgspec import Struct

W = "w = torch.ones(3, requires_grad=True)\n"
DOUBLE = """\
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        {forward}
    @staticmethod
    def backward(ctx, grad):
        {backward}
"""
THE_LINE = "the line"


class Message(Struct, frozen=True, kw_only=True):
    """One message. Its `text` is a part of what torch says that none of its arguments changes."""

    text: str
    snippet: str | None = None  # after `import torch`; None where no snippet reaches it
    explained_by: str = ""
    because: str = ""  # why no snippet reaches it


def custom(forward: str, backward: str, use: str = "Double.apply(w).sum().backward()") -> str:
    """A snippet with a Function of the reader's."""
    return DOUBLE.format(forward=forward, backward=backward) + W + use


def reached(text: str, explained_by: str, snippet: str) -> Message:
    """A message that `snippet` reaches."""
    return Message(text=text, snippet=snippet, explained_by=explained_by)


def unreached(because: str, *texts: str) -> list[Message]:
    """Messages that no snippet reaches, for one reason."""
    return [Message(text=text, because=because) for text in texts]


REACHED = [
    # saved tensors and writes
    reached(
        "one of the variables needed for gradient computation has been modified by an inplace operation: [",
        "saved-tensor-overwritten",
        f"{W}y = w.sigmoid()\ny.add_(1)\ny.sum().backward()",
    ),
    reached(
        "a leaf Variable that requires grad is being used in an in-place operation.", "inplace-on-leaf", f"{W}w.add_(1)"
    ),
    reached(
        "a view of a leaf Variable that requires grad is being used in an in-place operation.",
        "inplace-on-view-of-leaf",
        f"{W}w[0].add_(1)",
    ),
    reached(
        "modified inplace with grad mode enabled.",
        "inplace-on-no-grad-view",
        f"{W}y = w * 1\nwith torch.no_grad():\n    v = y[:2]\nv.add_(1)",
    ),
    reached(
        "both inside the no_grad block",
        "inplace-on-no-grad-view",
        f"{W}y = w * 1\nwith torch.no_grad():\n    v = y[:2]\nv.mul_(2)",
    ),
    reached(
        "This view is the output of a function that returns multiple views.",
        "inplace-on-multi-output-view",
        f"{W}a, b, c = (w * 1).unbind()\na.add_(1)",
    ),
    reached(
        "This view was created inside a custom Function (or because an input was returned as-is)",
        "custom-function-misuse",
        custom("return x.view_as(x)", "return grad", "y = Double.apply(w * 1)\ny.add_(1)"),
    ),
    reached(
        "more than one element of the written-to tensor refers to a single memory location",
        "inplace-on-expanded",
        "x = torch.zeros(1)\ny = x.expand(3)\ny.add_(1)",
    ),
    reached(
        "some elements of the input tensor and the written-to tensor refer to a single memory location",
        "self-overlapping-write",
        "x = torch.zeros(4)\nx[1:].add_(x[:-1])",
    ),
    reached(
        "Trying to use a saved tensor that has been detached in-place",
        THE_LINE,
        f"{W}h = w * 2\ny = (h * h).sum()\nh.detach_()\ny.backward()",
    ),
    # the graph
    reached(
        "Trying to backward through the graph a second time",
        "backward-twice",
        f"{W}y = (w * w).sum()\ny.backward()\ny.backward()",
    ),
    reached(
        "of tensors does not require grad and does not have a grad_fn",
        "nothing-to-differentiate",
        "torch.ones(3).sum().backward()",
    ),
    reached(
        "appears to not have been used in the graph",
        "unused-input",
        f"{W}v = torch.ones(3, requires_grad=True)\ntorch.autograd.grad((w * 2).sum(), v)",
    ),
    reached(
        "One of the differentiated Tensors does not require grad",
        "unused-input",
        f"{W}v = torch.ones(3)\ntorch.autograd.grad((w * v).sum(), v)",
    ),
    reached(
        "trying to differentiate twice a function that was marked ",
        "second-order-lost",
        "from torch.autograd.function import once_differentiable\n"
        + custom(
            "return x * 2",
            "return grad * 2",
            "g, = torch.autograd.grad(Double.apply(w).pow(2).sum(), w, create_graph=True)\ng.sum().backward()",
        ).replace(
            "    @staticmethod\n    def backward", "    @staticmethod\n    @once_differentiable\n    def backward"
        ),
    ),
    reached(
        "When use_reentrant=True, torch.utils.checkpoint is incompatible",
        THE_LINE,
        "from torch.utils.checkpoint import checkpoint\n"
        f"{W}y = checkpoint(torch.sigmoid, w, use_reentrant=True)\ntorch.autograd.grad(y.sum(), w)",
    ),
    reached(
        "none of output has requires_grad=True,",
        "checkpoint-without-input-gradient",
        "from torch.utils.checkpoint import checkpoint\n"
        f"{W}y = checkpoint(lambda x: x.detach(), w, use_reentrant=True)\ny.sum().backward()",
    ),
    # leaves and gradients
    reached(
        "grad can be implicitly created only for scalar outputs", "backward-needs-scalar", f"{W}(w * 2).backward()"
    ),
    reached("Mismatch in shape: grad_output[", "backward-needs-scalar", f"{W}(w * 2).backward(gradient=torch.ones(2))"),
    reached(
        "only Tensors of floating point dtype can require gradients",
        "integer-requires-grad",
        "torch.arange(3).requires_grad_()",
    ),
    reached(
        "only Tensors of floating point and complex dtype can require gradients",
        "integer-requires-grad",
        "x = torch.arange(3)\nx.requires_grad = True",
    ),
    reached(
        "Only Tensors of floating point and complex dtype can require gradients",
        "integer-requires-grad",
        "torch.tensor([1, 2], requires_grad=True)",
    ),
    reached("Can't call numpy() on Tensor that requires grad.", "numpy-on-requires-grad", f"{W}w.numpy()"),
    reached("Can't call apply_() on Variable that requires grad.", THE_LINE, f"{W}w.apply_(abs)"),
    reached("Can't call map_() on Variable that requires grad.", THE_LINE, f"{W}w.map_(w, max)"),
    reached("Can't call map2_() on Variable that requires grad.", THE_LINE, f"{W}w.map2_(w, w, max)"),
    reached(
        "Inference tensors cannot be saved for backward.",
        "inference-tensor-used",
        f"{W}with torch.inference_mode():\n    x = torch.ones(3)\n(w * x).sum().backward()",
    ),
    reached(
        "Inplace update to inference tensor outside InferenceMode is not allowed.",
        "inference-tensor-used",
        "with torch.inference_mode():\n    x = torch.ones(3)\nx.add_(1)",
    ),
    reached(
        "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.",
        "inference-tensor-used",
        "with torch.inference_mode():\n    x = torch.ones(3)\nx.requires_grad_()",
    ),
    reached(
        "Inference tensors do not track version counter.",
        "inference-tensor-used",
        "with torch.inference_mode():\n    x = torch.ones(3)\nprint(x._version)",
    ),
    reached(
        "both inside the inference_mode block",
        "inplace-on-no-grad-view",
        f"{W}y = w * 1\nwith torch.inference_mode():\n    v = y[:2]\nv.add_(1)",
    ),
    reached(
        "you can only change requires_grad flags of leaf variables.",
        "requires-grad-off-inside-graph",
        f"{W}y = w * 2\ny.requires_grad_(False)",
    ),
    reached(
        "If you want to use a computed variable in a subgraph that doesn't require differentiation",
        "requires-grad-off-inside-graph",
        f"{W}y = w * 2\ny.requires_grad = False",
    ),
    reached("can't optimize a non-leaf Tensor", "leaf-rebound", f"{W}v = w * 0.1\ntorch.optim.SGD([v], lr=0.1)"),
    reached("can't retain_grad on Tensor that has requires_grad=False", THE_LINE, "torch.ones(3).retain_grad()"),
    reached(
        "cannot register a hook on a tensor that doesn't require gradient",
        THE_LINE,
        "torch.ones(3).register_hook(print)",
    ),
    reached(
        "post accumulate grad hooks cannot be registered on non-leaf tensors",
        THE_LINE,
        f"{W}(w * 2).register_post_accumulate_grad_hook(print)",
    ),
    reached("cannot resize variables that require grad", THE_LINE, f"{W}w.resize_(2)"),
    reached("attempting to assign a gradient of size '", THE_LINE, f"{W}w.grad = torch.ones(2)"),
    reached(
        "attempting to assign a gradient with dtype '", THE_LINE, f"{W}w.grad = torch.ones(3, dtype=torch.float64)"
    ),
    reached(
        "attempting to assign a gradient with device type '", THE_LINE, f"{W}w.grad = torch.ones(3, device='meta')"
    ),
    reached("grad_dtype can only be set on leaf tensors.", THE_LINE, f"{W}y = w * 2\ny.grad_dtype = torch.float64"),
    reached("grad_dtype can only be accessed on leaf tensors.", THE_LINE, f"{W}y = w * 2\ny.grad_dtype"),
    reached(
        "' because there is already a gradient with dtype '",
        THE_LINE,
        f"{W}w.sum().backward()\nw.grad_dtype = torch.float64",
    ),
    reached(
        "data set to a tensor that requires gradients must be floating point or complex dtype",
        THE_LINE,
        f"{W}w.data = torch.arange(3)",
    ),
    reached("requires_grad must be a bool", THE_LINE, f"{W}w.requires_grad = 'yes'"),
    reached("Deletion of _grad_fn not allowed. Detach tensor instead!", THE_LINE, f"{W}y = w * 2\ndel y._grad_fn"),
    reached("_grad_fn can be only set to None", THE_LINE, f"{W}y = w * 2\ny._grad_fn = y"),
    reached("Deletion of _backwards_hooks not allowed!", THE_LINE, f"{W}del w._backward_hooks"),
    reached(
        "(): functions with out=... arguments don't support automatic differentiation",
        THE_LINE,
        f"{W}torch.mul(w, 2, out=torch.empty(3))",
    ),
    reached("Only Tensors created explicitly by the user", THE_LINE, f"import copy\n{W}copy.deepcopy(w * 2)"),
    reached("Can't detach views in-place. Use detach() instead.", THE_LINE, f"{W}y = w * 1\ny[:2].detach_()"),
    reached(
        "It is not possible to get the gradient edge for a Tensor",
        THE_LINE,
        "torch.autograd.graph.get_gradient_edge(torch.ones(3))",
    ),
    # calls of backward and grad
    reached("`inputs` argument to `backward()` cannot be empty.", THE_LINE, f"{W}w.sum().backward(inputs=[])"),
    reached("`inputs` argument to `grad()` cannot be empty.", THE_LINE, f"{W}torch.autograd.grad(w.sum(), {{}})"),
    reached("gradients can be either Tensors or None, but got", THE_LINE, f"{W}w.backward(gradient='x')"),
    reached(
        "Expected allow_unused to be True or not passed when materialize_grads=True",
        THE_LINE,
        f"{W}torch.autograd.grad(w.sum(), w, allow_unused=False, materialize_grads=True)",
    ),
    reached(
        "If `is_grads_batched=True`, we interpret the first",
        "backward-needs-scalar",
        f"{W}torch.autograd.grad(w * 2, w, torch.ones(3), is_grads_batched=True)",
    ),
    reached(
        "For complex Tensors, both grad_output and output",
        "backward-needs-scalar",
        f"{W}y = torch.complex(w, w)\ny.backward(torch.ones(3))",
    ),
    reached(
        "arguments both passed to `backward()`. Please only",
        THE_LINE,
        f"{W}torch.autograd.backward(w.sum(), torch.ones(()), grad_variables=torch.ones(()))",
    ),
    reached(
        "all inputs have to be Tensors or GradientEdges, but got", THE_LINE, f"{W}torch.autograd.grad(w.sum(), [1])"
    ),
    # Functions of the reader's
    reached(
        "returned an incorrect number of gradients (expected",
        "custom-function-misuse",
        custom("return x * 2", "return grad * 2, grad"),
    ),
    reached("invalid gradient at index", "custom-function-misuse", custom("return x * 2", "return grad[:2]")),
    reached(
        "returned a gradient different than None at position",
        "custom-function-misuse",
        custom("return x * 2", "return grad, grad", "Double.apply(w, 2.0).sum().backward()").replace("x):", "x, k):"),
    ),
    reached(
        "You must implement either the backward or vjp method for",
        "custom-function-misuse",
        "class Double(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n        return x * 2\n"
        f"{W}Double.apply(w).sum().backward()",
    ),
    reached(
        "You must implement the forward function for custom autograd.Function.",
        THE_LINE,
        f"class Double(torch.autograd.Function):\n    pass\n{W}Double.apply(w)",
    ),
    reached(
        "Implementing both 'backward' and 'vjp' for a custom",
        THE_LINE,
        custom("return x * 2", "return grad * 2").replace("w = torch", "Double.vjp = Double.backward\nw = torch", 1),
    ),
    reached(
        "Some elements marked as dirty during the forward method were not returned as output.",
        "custom-function-misuse",
        custom("ctx.mark_dirty(x); x.mul_(2); return x * 1", "return grad * 2", "Double.apply(w * 1)"),
    ),
    reached(
        "a leaf Variable that requires grad has been used in an in-place operation.",
        "custom-function-misuse",
        custom("ctx.mark_dirty(x); x.mul_(2); return x", "return grad * 2", "Double.apply(w)"),
    ),
    reached(
        "save_for_backward can only save variables, but argument {} is of type {}",
        "custom-function-misuse",
        custom("ctx.save_for_backward(x, 3); return x * 2", "return grad"),
    ),
    reached(
        "If your Function modifies inplace an input that is a view of another Tensor",
        THE_LINE,
        custom("ctx.mark_dirty(x); x.mul_(2); return x, x * 1", "return grad[0]", "Double.apply((w * 1)[:2])").replace(
            "def backward(ctx, grad)", "def backward(ctx, *grad)"
        ),
    ),
    reached(
        "Legacy autograd function with non-static forward method is deprecated.",
        "custom-function-misuse",
        f"class Double(torch.autograd.Function):\n    def forward(self, x):\n        return x * 2\n{W}Double()(w)",
    ),
    reached(
        "saved_tensors can only be accessed once when clear_saved_tensors_on_access=True",
        THE_LINE,
        custom("ctx.save_for_backward(x); return x * 2", "ctx.saved_tensors; ctx.saved_tensors; return grad").replace(
            "Function):\n", "Function):\n    clear_saved_tensors_on_access = True\n", 1
        ),
    ),
    reached(
        "mark_non_differentiable only accepts variable arguments, but got",
        THE_LINE,
        custom("ctx.mark_non_differentiable(3); return x * 2", "return grad"),
    ),
    # hooks
    reached(
        "Calling register_hooks on a saved tensor whose hooks have already been set.",
        THE_LINE,
        f"{W}y = w.exp()\ns = y.grad_fn._raw_saved_result\ns.register_hooks(abs, abs)\ns.register_hooks(abs, abs)",
    ),
    reached(
        "Calling register_hooks on a saved tensor after it has been freed.",
        "backward-twice",
        f"{W}y = w.exp()\ns = y.grad_fn._raw_saved_result\ny.sum().backward()\ns.register_hooks(abs, abs)",
    ),
    reached(
        "A saved tensor pack hook is modifying its input in place.",
        THE_LINE,
        f"{W}with torch.autograd.graph.saved_tensors_hooks(lambda t: t.add_(1), lambda t: t):\n    w.exp()",
    ),
    reached(
        "Output of saved tensor unpack_hook expected to be a Tensor but got result of type",
        THE_LINE,
        f"{W}with torch.autograd.graph.saved_tensors_hooks(lambda t: 1, lambda t: t):\n    y = w.exp()\n"
        "y.sum().backward()",
    ),
    reached(
        "Final callbacks can only be installed during backward pass.",
        THE_LINE,
        "torch.autograd.Variable._execution_engine.queue_callback(print)",
    ),
    reached(
        "_current_graph_task_execution_order should only be called during the backward pass",
        THE_LINE,
        f"{W}torch._C._current_graph_task_execution_order()",
    ),
    reached(
        "Backward hook returned an invalid number of grad_input,",
        THE_LINE,
        "net = torch.nn.Linear(2, 1)\nnet.register_full_backward_hook(lambda *_: (None, None))\n"
        "net(torch.ones(2, requires_grad=True)).sum().backward()",
    ),
    reached(
        "Backward pre hook returned an invalid number of grad_output,",
        THE_LINE,
        "net = torch.nn.Linear(2, 1)\nnet.register_full_backward_pre_hook(lambda *_: (None, None))\n"
        "net(torch.ones(2, requires_grad=True)).sum().backward()",
    ),
    reached(
        "returned nan values in its",
        "nan-gradient",
        "w = torch.zeros(1, requires_grad=True)\nwith torch.autograd.detect_anomaly():\n    (w.sqrt() * 0).backward()",
    ),
    # operators that have no derivative, or only a part of one
    reached(
        "' is not differentiable with respect to argument '",
        THE_LINE,
        f"{W}p = torch.ones(3) / 2\ntorch.nn.functional.binary_cross_entropy(p, p, weight=w)",
    ),
    reached(
        "The QR decomposition is not differentiable when mode='complete' and nrows > ncols.",
        THE_LINE,
        "a = torch.randn(3, 2, requires_grad=True)\nq, r = torch.linalg.qr(a, mode='complete')\nq.sum().backward()",
    ),
    reached(
        "In-place leakyReLu backward calculation is triggered with a negative slope",
        THE_LINE,
        f"{W}y = torch.nn.functional.leaky_relu_(w * -1, -0.5)\ny.sum().backward()",
    ),
    reached(
        "In-place elu backward calculation is triggered with a negative slope",
        THE_LINE,
        f"{W}y = torch.nn.functional.elu_(w * -1, -0.5)\ny.sum().backward()",
    ),
    reached(
        "allow_mutation_on_saved_tensors contexts cannot be nested",
        THE_LINE,
        "from torch.autograd.graph import allow_mutation_on_saved_tensors as allow\n"
        "with allow():\n    with allow():\n        pass",
    ),
    reached(
        "Tried to call torch.autograd._unsafe_set_version() on a tensor that does not have a version counter.",
        THE_LINE,
        "with torch.inference_mode():\n    x = torch.ones(3)\n"
        "torch._C._autograd._unsafe_set_version_counter((x,), (1,))",
    ),
    reached("derivative for", THE_LINE, f"{W}torch.bincount(torch.tensor([0, 1, 2]), w).sum().backward()"),
    reached(
        "does not support sparse gradients",
        THE_LINE,
        "m = torch.nn.Embedding(3, 2, sparse=True)\nm(torch.tensor([0])).sum().backward()\n"
        "torch.optim.Adam(m.parameters()).step()",
    ),
    reached(
        "max mode does not support scaling the gradient by the frequency",
        THE_LINE,
        "bag = torch.nn.EmbeddingBag(3, 2, mode='max', scale_grad_by_freq=True)\n"
        "bag(torch.tensor([0, 1]), torch.tensor([0])).sum().backward()",
    ),
    reached(
        "the derivative for '",
        "second-order-lost",
        "a = torch.ones(2, 2, requires_grad=True)\ny = torch.nn.functional.pdist(a).sum()\n"
        "g, = torch.autograd.grad(y, a, create_graph=True)\ng.sum().backward()",
    ),
    # hooks and Functions that give back what they must not
    reached("has changed the size of value", THE_LINE, f"{W}w.register_hook(lambda g: g[:2])\nw.sum().backward()"),
    reached("has changed the type of value", THE_LINE, f"{W}w.register_hook(lambda g: g.double())\nw.sum().backward()"),
    reached(
        "has returned an incorrect number of values (got",
        THE_LINE,
        f"{W}y = w * 2\ny.grad_fn.register_hook(lambda i, o: (None, None, None))\ny.sum().backward()",
    ),
    reached(
        "expected tuple, but hook returned '",
        THE_LINE,
        f"{W}y = w * 2\ny.grad_fn.register_hook(lambda i, o: 3)\ny.sum().backward()",
    ),
    reached("expected Variable, but hook returned '", THE_LINE, f"{W}w.register_hook(lambda g: 3)\nw.sum().backward()"),
    reached("expected Variable or None", "custom-function-misuse", custom("return x * 2", "return 'x'")),
    reached("assigned grad expected to be a Tensor or None but got grad of type", THE_LINE, f"{W}w.grad = 3"),
    reached("can't assign Variable as its own grad", THE_LINE, f"{W}w.grad = w"),
    reached("increment_version expect", THE_LINE, "torch.autograd.graph.increment_version(3)"),
    # checkpoints, transforms and functional
    reached(
        "A different number of tensors was saved during the original forward and recomputation.",
        THE_LINE,
        f"from torch.utils.checkpoint import checkpoint\n{W}runs = []\ndef f(x):\n    runs.append(1)\n"
        "    return x.exp().sin() if len(runs) == 1 else x.exp()\n"
        "checkpoint(f, w * 1, use_reentrant=False).sum().backward()",
    ),
    reached(
        "Recomputed values for the following tensors have different metadata",
        THE_LINE,
        f"from torch.utils.checkpoint import checkpoint\n{W}runs = []\ndef f(x):\n    runs.append(1)\n"
        "    return x.exp() if len(runs) == 1 else x[:2].exp()\n"
        "checkpoint(f, w * 1, use_reentrant=False).sum().backward()",
    ),
    reached(
        "backward() called inside a functorch transform.",
        THE_LINE,
        f"{W}torch.func.grad(lambda x: x.sum().backward())(w)",
    ),
    reached(
        "You are attempting to call Tensor.requires_grad_()",
        THE_LINE,
        f"{W}torch.func.grad(lambda x: x.requires_grad_().sum())(w)",
    ),
    reached(
        "Trying to create a dual Tensor for forward AD but no level",
        THE_LINE,
        f"{W}torch.autograd.forward_ad.make_dual(w, w)",
    ),
]

UNREACHED = [
    *unreached(
        "guarded before: the Python call hands over only what this refuses",
        "No tensors provided for gradient computation.",
        "inputs to run_backward must be a tuple",
        "gradient must return literal a tuple",
        "of gradients tuple is not a Tensor or None",
        "of tensors tuple is neither a Tensor nor a GradientEdge",
        "of gradients tuple is None, but the corresponding output is a GradientEdge.This is not supported.",
        "of gradients tuple is None, but the corresponding Tensor requires grad",
        "of the input tensors does not require grad",
        "cannot register a hook on a variable that doesn't require gradient",
        "Calling register_hooks on a saved tensor with value None is forbidden",
        "attempting to assign a gradient to a tensor that has data of a different type",
        "attempting to assign a gradient located on device with index '",
        "_grad_fn has to be a Function object or None, but got",
        "GradientEdge's first object must be an autograd.graph.Node but got",
        "Trying to create a SavedTensor object from Python is forbidden.",
    ),
    *unreached(
        "a check of torch's own bookkeeping, which fails only by a fault of torch",
        "Please report a bug to PyTorch, and/or try to avoid using in-place operators on this value.",
        "autograd internal error: dirty_tensors attribute is expected to be a tuple but is",
        "autograd internal error: non_differentiable attribute is expected to be a tuple but is",
        "autograd internal error: saved_for_forward attribute is expected to be a tuple but is",
        "autograd internal error: to_save attribute is expected to be a tuple but is",
        "autograd.Function is missing boxed_grads_call attribute",
        "autograd.Function is missing clear_saved_tensors_on_access attribute",
        "Expected grad_fn != nullptr to be true, but got false.",
        "Can't get base of non-backward view Tensor",
        "attr_version can only exist for backward views.",
        "backward view info can only exist for backward views.",
        "creation_meta can only exist for backward views.",
        "Shared view info require a backward view info.",
        "Non-backward differentiable views must have creation_meta=CreationMeta::DEFAULT",
        "cannot call get_autograd_meta() on undefined tensor",
        "cannot call materialize_autograd_meta() on undefined tensor",
        "An undefined tensor cannot require grad.",
        "requires_grad should be false if grad_fn is set",
        "leaf variable has been moved into the graph interior",
        "could not compute gradients for some functions",
        "gradients should not be modified during backward.",
        "Functions which modify views in-place must return a single Variable",
        "requires_grad not set on root",
        "Support for autograd has not been loaded; have you linked against libtorch.so?",
        "does not have a valid gradient function.",
        "Gradient became undefined between defer and flush for variable",
        "Cannot set version_counter for inference tensor",
        "can't replace a None gradient with a non-None value",
        "can't replace an empty gradient with a non-empty value",
        "Attempted to make a tensor into a differentiable view, but the tensor already had autograd metadata",
    ),
    *unreached(
        "needs threads, processes, C++ or a debugger, which a snippet does not get here",
        "Unable to handle autograd's threading in combination with fork-based multiprocessing.",
        "The autograd engine was called while holding the GIL.",
        "get_current_graph_task_execution_order expects the current backward to be executed with multithreading",
        "attempted to call reset_backward_hooks on a Tensor with nontrivial PyObject",
        "You attempted to access the anomaly metadata of a custom autograd function but the underlying PyNode",
        "A leaf node was passed to _will_engine_execute_node but we are currently running autograd.grad().",
        "_will_engine_execute_node expects an grad_fn, but got",
        "_get_should_execute_nodes should only be called during the backward pass",
    ),
    *unreached(
        "a warning or a hint within another message, and no exception of its own",
        "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.",
        "Using backward() with create_graph=True will create a reference cycle",
        "Hint: enable anomaly detection to find the operation that failed to compute its gradient",
        "Hint: the backtrace further above shows the operation that failed to compute its gradient.",
        "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone()",
        "grad and param do not obey the gradient layout contract. This is not an error",
        "torch.asarray: unspecified requires_grad now defaults to obj.requires_grad instead of False.",
        "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
        "Ignoring the `requires_grad=true` function parameter.",
        "If you only want to run inference instead of training, in C++",
        "style autograd functions, see https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function",
        "'. Please clear the gradient (.grad = None) before changing grad_dtype",
        "'. Please ensure that the gradient and the tensor are on the same device",
        "'. Please ensure that the gradient and the tensor are the same size",
        "'. The gradient must match the tensor's grad_dtype",
        "'. This input cannot have requires_grad True.",
        "If you are using torch.autograd.functional.{jacobian, hessian}",
        "torch.autograd.functional.* APIs) inside of a function being transformed",
        "(e.g. grad, vjp, jacrev, jacfwd, hessian) or call requires_grad_() outside of a function being transformed",
        ", but  the corresponding forward output is not a differentiable Tensor.You should return None",
        "modified inplace in normal mode.",
    ),
    *unreached(
        "of an interface that torch has withdrawn",
        "_grad_fn argument to legacy Variable constructor is no longer supported.",
        "Variable can't be volatile and require_grad at the same time!",
        "' is invalid for this instance of _C._FunctionBase.",
    ),
    *unreached(
        "of Functions written in C++, of operators on sparse tensors that are checked before, or of another device",
        "invalid number of gradients - expected",
        "returned a gradient different that is defined at position",
        "Expected sparse gradient to be defined.",
        "Expected variable to have sparse gradient.",
        "Sparse metadata and gradient size mismatch",
        "expected coalesced tensor for inplace operation",
        "gamma should always be defined when it requires grad",
        "either gradient with respect to hy or cy should be defined",
        "is not well-supported. The higher-order gradient will",
        "max_pool2d with `return_indices=False` is not infinitely differentiable.",
        "attempted to call in-place operation (",
        "was modified by in-place operation, but we cannot find its updated value.",
        "requires_grad mismatch. expected requires_grad=",
    ),
    *unreached(
        "Python's own check of arguments comes first",
        "Cannot input a tensor that requires grad as a scalar argument",
        "'requires_grad' is specified twice",
    ),
    *unreached(
        "a tensor from `.data` or `.detach()` made in Python may change its sizes: this is set only by C++",
        "is not allowed on a Tensor created from .data or .detach().",
    ),
    *unreached(
        "a part of a sentence of the compilers'",
        "Consider making it a parameter or input, or detaching the gradient",
    ),
]
