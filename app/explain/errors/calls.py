"""Calls with arguments that the function does not take, and calls of what is no function."""

import re

from app.explain.errors.explanation import Explanation, Failure, code
from app.explain.facts import listed

_KEYWORD = re.compile(r"^([\w.<>]+)\(\) got an unexpected keyword argument '(\w+)'")
_MISSING = re.compile(r"^([\w.<>]+)\(\) missing \d+ required (?:positional|keyword-only) arguments?: (.*)")
_TOO_MANY = re.compile(r"^([\w.<>]+)\(\) takes (?:from )?(.*?) positional arguments? but (\d+) (?:was|were) given")
_NOT_CALLABLE = re.compile(r"^'([\w.]+)' object is not callable")
_MUST_BE = re.compile(r"^(\w+)\(\): argument '(\w+)' (?:\(position \d+\) )?must be (.*), not (.*)")
_ELEMENT = re.compile(r"^expected Tensor as element (\d+) in argument \d+, but got (\w+)")
_COMBINATION = re.compile(r"^(\w+)\(\) received an invalid combination of arguments")
_OPERANDS = re.compile(r"^unsupported operand type\(s\) for (\S+): '([\w.]+)' and '([\w.]+)'")
_NOT_ITERABLE = re.compile(r"^(?:cannot unpack non-iterable )?'?([\w.]+)'? object (?:is not (iterable|subscriptable))?")


def explain(failure: Failure) -> Explanation | None:
    """By Python's text, which names the function and the argument."""
    if failure.error.type != "TypeError":
        return None
    for pattern, explained in _FORMS:
        found = pattern.match(failure.message)
        if found:
            return explained(failure, found)
    return None


def _plain(function: str) -> str:
    """`Linear.__init__` is called as `Linear`."""
    return code(function.removesuffix(".__init__"))


def _at(failure: Failure) -> str:
    return f"Line {failure.line}, {code(failure.text.strip())},"


def _keyword(failure: Failure, found: re.Match[str]) -> Explanation:
    function, keyword = found.groups()
    return failure.explained(
        "call",
        f"{_plain(function)} has no argument {code(keyword)}",
        f"{_at(failure)} hands {_plain(function)} an argument of the name {code(keyword)}, which it does not take.",
        f"Did you mean {code(failure.error.suggestion)}?"
        if failure.error.suggestion
        else f"`help` on {_plain(function)} lists the arguments that it takes.",
    )


def _missing(failure: Failure, found: re.Match[str]) -> Explanation:
    function, names = found[1], re.findall(r"'(\w+)'", found[2])
    return failure.explained(
        "call",
        f"{_plain(function)} was not given {listed(names)}",
        f"{_at(failure)} calls {_plain(function)} without {listed(names)}, which it cannot do without.",
        "Hand it over. A method that was called on the class instead of an object lacks its `self` in the same way.",
    )


def _too_many(failure: Failure, found: re.Match[str]) -> Explanation:
    function, takes, given = found.groups()
    return failure.explained(
        "call",
        f"{_plain(function)} was given too many arguments",
        f"{_at(failure)} hands {given} arguments over by their place, and {_plain(function)} takes {takes}. "
        "For a method, the object itself counts as the first.",
        "Leave some out, or hand them over by name. A method needs `self` as its first parameter.",
    )


def _not_callable(failure: Failure, found: re.Match[str]) -> Explanation:
    what = found[1]
    look = {
        "torch.Size": "`.shape` is no method: leave the parentheses away, or write `.size()`.",
        "Tensor": "A tensor is indexed with brackets: `a[2]`. If a function has the name too, the tensor took it over.",
        "torch.dtype": "`.dtype` is no method: leave the parentheses away.",
        "module": "A module holds functions: call one of them by its name.",
        "NoneType": "Look at where it comes from: something that gives None was taken for a function.",
    }.get(what, "Leave the parentheses away. If a function has the name too, the value has taken it over.")
    return failure.explained(
        "call", f"A {code(what)} cannot be called", f"{_at(failure)} calls something that is a {code(what)}.", look
    )


def _must_be(failure: Failure, found: re.Match[str]) -> Explanation:
    function, argument, wanted, given = found.groups()
    look = (
        f"Put the tensors into a list: `torch.{function}([a, b])`."
        if wanted == "tuple of Tensors"
        else f"Look at what is handed over as {code(argument)}."
    )
    return failure.explained(
        "call",
        f"{code(function)} was handed {code(given)} as {code(argument)}",
        f"{_at(failure)} hands over {code(given)} where {code(function)} takes {code(wanted)}.",
        look,
    )


def _element(failure: Failure, found: re.Match[str]) -> Explanation:
    place, given = found.groups()
    return failure.explained(
        "call",
        f"A {code(given)} stands among the tensors",
        f"{_at(failure)} takes a list of tensors. At place {place}, counted from 0, stands a {code(given)}.",
        "`torch.tensor([...])` makes a tensor of a number.",
    )


def _combination(failure: Failure, found: re.Match[str]) -> Explanation:
    return failure.explained(
        "call",
        f"{code(found[1])} does not take these arguments together",
        f"{_at(failure)} calls {code(found[1])} in a way that it has no form for. torch's message lists the forms "
        "that there "
        "are, and marks what does not fit.",
        "Compare the arguments with each form, type by type. A number where a tensor is wanted is the most common.",
    )


def _operands(failure: Failure, found: re.Match[str]) -> Explanation:
    operator, one, other = found.groups()
    nothing = "NoneType" in (one, other)
    return failure.explained(
        "call",
        f"{code(operator)} is not defined for {code(one)} and {code(other)}",
        f"{_at(failure)} puts {code(operator)} between a {code(one)} and a {code(other)}.",
        "One of the two is None. A function without `return` gives None, and `.grad` is None before backward."
        if nothing
        else "Convert one of them: `torch.tensor(...)` makes a tensor of numbers, `.item()` a number of a tensor.",
    )


def _not_iterable(failure: Failure, found: re.Match[str]) -> Explanation | None:
    if found[2] is None:
        return None
    return failure.explained(
        "call",
        f"A {code(found[1])} has no items",
        f"{_at(failure)} {'goes through' if found[2] == 'iterable' else 'asks for an item of'} a {code(found[1])}.",
        "Look at where it comes from: it is not the list or tuple that this line takes it for.",
    )


_FORMS = (
    (_KEYWORD, _keyword),
    (_MISSING, _missing),
    (_TOO_MANY, _too_many),
    (_NOT_CALLABLE, _not_callable),
    (_MUST_BE, _must_be),
    (_ELEMENT, _element),
    (_COMBINATION, _combination),
    (_OPERANDS, _operands),
    (_NOT_ITERABLE, _not_iterable),
)
