"""Names that are not there: variables, attributes, imports, keys."""

import re

from app.explain.errors.explanation import Explanation, Failure, code
from app.explain.facts import called
from app.trace.model import Operation

_QUOTED = re.compile(r"'([^']*)'")
_ATTRIBUTE = re.compile(r"^(?:module '([^']*)'|type object '([^']*)'|'([^']*)' object) has no attribute '([^']*)'")
_NOT_A_MODULE = re.compile(r"__init__\(\) call")


_OF_TENSORS = frozenset(["backward", "grad", "grad_fn", "requires_grad", "requires_grad_", "detach", "item"])
_VALUES = frozenset(["float", "int", "complex", "list", "numpy.ndarray", "numpy.float32", "numpy.float64"])
_TAKING = frozenset(["item", "tolist", "numpy"])


def explain(failure: Failure) -> Explanation | None:
    """By the type of the exception, which is Python's own."""
    kind = failure.error.type
    if kind == "UnboundLocalError":
        return _unbound(failure)
    if kind == "NameError":
        name = _quoted(failure)
        return failure.explained(
            "name",
            f"There is no {code(name)}",
            f"Line {failure.line} uses {code(name)}, and nothing has that name when it runs.",
            _meant(failure) or "Is it spelt otherwise where it is made, or made later, or never imported?",
        )
    if kind == "AttributeError" and not _NOT_A_MODULE.search(failure.message):
        return _attribute(failure)
    if kind == "ModuleNotFoundError":
        name = _quoted(failure)
        return failure.explained(
            "name",
            f"There is no module {code(name)}",
            f"Line {failure.line} imports {code(name)}. It is not installed here, or is spelt otherwise.",
            _meant(failure) or "Snippets here have torch, numpy and Python's own library.",
        )
    if kind == "ImportError":
        found = _QUOTED.findall(failure.message)
        name, module = (found[0], found[1]) if len(found) > 1 else (_quoted(failure), "that module")
        return failure.explained(
            "name",
            f"{code(module)} has no {code(name)}",
            f"Line {failure.line} imports {code(name)} from {code(module)}, which has nothing of that name.",
            _meant(failure) or f"Look at what {code(f'dir({module})')} lists.",
        )
    if kind == "KeyError":
        return failure.explained(
            "name",
            f"There is no key {code(failure.message)}",
            f"Line {failure.line}, {code(failure.text.strip())}, asks a dict for {code(failure.message)}, which it "
            "does not "
            "have.",
            "Print its `.keys()` before that line. `.get(key)` gives None instead of raising.",
        )
    return None


def _meant(failure: Failure) -> str | None:
    return f"Did you mean {code(failure.error.suggestion)}?" if failure.error.suggestion else None


def _quoted(failure: Failure) -> str:
    found = _QUOTED.search(failure.message)
    return found[1] if found else failure.message


def _unbound(failure: Failure) -> Explanation:
    name = _quoted(failure)
    return failure.explained(
        "name",
        f"{code(name)} has no value yet in this function",
        f"Line {failure.line} reads {code(name)}. The function binds that name somewhere, so it is the function's "
        "own from "
        "its first line on, and here nothing was bound to it.",
        f"Hand it in as an argument. `global {name}` takes the one of the top level.",
    )


def _taken(failure: Failure) -> Operation | None:
    """The last call before it that took values out of torch."""
    return next((each for each in reversed(failure.trace.operations) if each.op in _TAKING and each.inputs), None)


def _attribute(failure: Failure) -> Explanation | None:
    found = _ATTRIBUTE.match(failure.message)
    if not found:
        return None
    module, cls, kind, name = found.groups()
    owner = module or cls or kind
    if kind == "NoneType":
        return failure.explained(
            "name",
            f"{code(name)} is asked of None",
            f"Line {failure.line}, {code(failure.text.strip())}, asks for {code(name)} of something that is None.",
            "Look at where it comes from: a function without `return` gives None, and `.grad` is None before backward.",
        )
    if name in _OF_TENSORS and owner in _VALUES and (taken := _taken(failure)) is not None:
        line, tensor = failure.trace.line(taken.step), called(failure.trace, taken.inputs[0])
        return failure.explained(
            "name",
            f"{code(owner)} has no {code(name)}: it is no tensor",
            f"Line {failure.line}, {code(failure.text.strip())}, asks for {code(name)} of plain values. "
            f"Line {line} took such from {tensor} with {code(taken.op + '()')}, and they have no graph.",
            f"Call it on the tensor: {tensor}. Take its value only to print or to log it.",
        )
    what = f"The module {code(owner)}" if module else code(owner)
    return failure.explained(
        "name",
        f"{what} has no {code(name)}",
        f"Line {failure.line}, {code(failure.text.strip())}, asks for an attribute {code(name)} that is not there.",
        _meant(failure) or f"Look at what {code('dir(...)')} of it lists.",
    )
