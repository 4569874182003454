"""`nn.Module` and what is built of it, used otherwise than it is meant."""

from app.explain.errors.explanation import Explanation, Failure, code


def explain(failure: Failure) -> Explanation | None:
    """By torch's text, which these checks in Python raise themselves."""
    message, line = failure.message, failure.line
    if "before Module.__init__() call" in message:
        return failure.explained(
            "module",
            "`super().__init__()` was not called",
            f"Line {line}, {code(failure.text.strip())}, puts a layer, parameter or buffer into a module that has "
            "not been set "
            "up yet.",
            "Write `super().__init__()` as the first line of `__init__`.",
        )
    if message.startswith("cannot assign") and "as parameter" in message:
        return failure.explained(
            "module",
            "A plain tensor is no parameter",
            f"Line {line}, {code(failure.text.strip())}, puts a tensor where the module keeps a parameter.",
            "Wrap it: `nn.Parameter(t)`. To change the values alone, write into it under `torch.no_grad()`.",
        )
    if 'missing the required "forward" function' in message:
        return failure.explained(
            "module",
            "The module has no `forward`",
            f"Line {line} calls a module. That runs its `forward`, and its class has none.",
            "Write `def forward(self, x):` in the class. Look at its name and at how far it is indented.",
        )
    if "is not a Module subclass" in message:
        what = message.split()[0]
        look = (
            "Hand the layers over one by one: `nn.Sequential(*layers)`."
            if what in ("list", "tuple")
            else "An activation is a layer there: `nn.ReLU()`, not `F.relu`, and with its parentheses."
        )
        return failure.explained(
            "module",
            f"A {code(what)} is no layer",
            f"Line {line}, {code(failure.text.strip())}, takes layers, and was handed a {code(what)}.",
            look,
        )
    if message.startswith("Error(s) in loading state_dict"):
        return failure.explained(
            "module",
            "The saved state is of another model",
            f"Line {line} loads a state whose names or shapes are not those of this model. The message lists each "
            "of them.",
            "Make the model as it was when the state was saved. `strict=False` leaves out names, not shapes.",
        )
    if "input.size(-1) must be equal to input_size" in message:
        return failure.explained(
            "module",
            "The input has another number of features than the layer was made for",
            f"Line {line}, {code(failure.text.strip())}, hands a sequence to a recurrent layer. torch says: "
            f"{failure.said}.",
            "Features stand in the last dimension. Make the layer with that `input_size`.",
        )
    return None
