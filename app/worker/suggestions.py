"""A name that there is, close to one that there is not: what Python says as "Did you mean".

Python works it out where it prints a traceback, and asks `dir` for an object's attributes, which may be code of the
snippet. Here only plain tables of names are read.
"""

import builtins
import difflib
import inspect
import re
import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType, TracebackType

import torch

from app.worker import budget
from app.worker.bound import is_module, is_tensor
from app.worker.names import clean

_CLOSE = 0.7  # as difflib measures it; higher than its own 0.6: a guess that is wrong is worse than none
_MOST_NAMES = 10_000
_IMPORTED = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
_KEYWORD = re.compile(r"(?:(\w+)\.)?(\w+)\(\) got an unexpected keyword argument '(\w+)'")
_MISSING_MODULE = re.compile(r"No module named '(\w+)'$")
_COMMON = ("torch", "numpy", "math", "random", "copy", "collections", "itertools", "functools", "matplotlib")
_TENSORS_ARGUMENTS = ("dtype", "device", "requires_grad", "out", "layout", "generator", "dim", "keepdim", "size")


def suggestion_for(error: BaseException, message: str) -> str | None:
    """What may have been meant; None where nothing is close."""
    wanted, names = _wanted(error, message)
    if not wanted:
        return None
    found = difflib.get_close_matches(wanted, names, n=1, cutoff=_CLOSE)
    return clean(found[0]) if found and found[0] != wanted else None


def _wanted(error: BaseException, message: str) -> tuple[str, list[str]]:
    kind = type(error)
    if kind is NameError:
        return _text(NameError.__dict__["name"].__get__(error)), _bounded(_in_scope(error.__traceback__))
    if kind is AttributeError:
        name = _text(AttributeError.__dict__["name"].__get__(error))
        return name, _bounded(_attributes(AttributeError.__dict__["obj"].__get__(error)))
    if kind is ImportError and (imported := _IMPORTED.search(message)):
        module = sys.modules.get(imported[2])
        return imported[1], _bounded(iter(list(vars(module)) if module is not None else []))
    if kind is ModuleNotFoundError and (missing := _MISSING_MODULE.search(message)):
        return missing[1], list(_COMMON)
    if kind is TypeError and (keyword := _KEYWORD.search(message)):
        return keyword[3], _bounded(_parameters(keyword[1] or keyword[2], error.__traceback__))
    return "", []


def _text(name: object) -> str:
    return name if type(name) is str else ""


def _bounded(names: Iterator[object]) -> list[str]:
    return [
        name
        for name, _ in zip(names, range(_MOST_NAMES), strict=False)
        if type(name) is str and len(name) <= budget.TEXT
    ]


def _in_scope(traceback: TracebackType | None) -> Iterator[object]:
    """The names that the innermost frame could have used."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is not None:
        frame = traceback.tb_frame
        yield from list(frame.f_locals)
        yield from list(frame.f_globals)
    yield from vars(builtins)


def _attributes(thing: object) -> Iterator[object]:
    """The names of `thing`'s attributes, public ones, without asking code of the snippet."""
    if type(thing) is ModuleType:
        yield from _public(vars(thing))
        return
    if not is_tensor(thing) and (is_module(thing) or type.__dict__["__module__"].__get__(type(thing)) == "__main__"):
        for table in (getattr(thing, "__dict__", {}) if is_module(thing) else {}, *_tables(thing)):
            yield from _public(table)
    for owner in type.__dict__["__mro__"].__get__(type(thing)):
        yield from _public(type.__dict__["__dict__"].__get__(owner))


def _tables(module: object) -> Iterator[dict[str, object]]:
    """Where a module keeps its parameters, buffers and submodules."""
    if is_module(module):
        for name in ("_parameters", "_buffers", "_modules"):
            table = module.__dict__.get(name)
            if isinstance(table, dict):
                yield table


def _public(table: object) -> list[object]:
    return [name for name in list(table) if type(name) is str and not name.startswith("_")]  # type: ignore[call-overload]  # a mapping


def _parameters(function: str, traceback: TracebackType | None) -> Iterator[object]:
    """The parameters of the function or class of that name, the snippet's or torch's; else those of most factories."""
    frame = traceback.tb_frame if traceback is not None else None
    for owner in (frame.f_globals if frame else {}, vars(torch.nn), vars(torch.optim), vars(torch.nn.functional)):
        found = owner.get(function)
        found = vars(found).get("__init__") if isinstance(found, type) else found
        if isinstance(found, FunctionType):
            yield from inspect.signature(found).parameters
            return
    yield from _TENSORS_ARGUMENTS
