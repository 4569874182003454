"""What differs between a plain run of a snippet and its Trace. Nothing should."""

import difflib
from collections.abc import Iterator
from math import isfinite
from typing import Any

from app.trace.model import Final, Scalar, Trace, Values

Told = dict[str, Any]

ALWAYS_LISTED = 64  # elements


def differences(told: Told, trace: Trace) -> Iterator[str]:
    """Each in a sentence: output, how it ended, and every name at the end."""
    for stream in ("stdout", "stderr"):
        if told[stream] != getattr(trace, stream):
            yield f"{stream}:\n{unlike(told[stream], getattr(trace, stream))}"
    yield from of_outcome(told, trace)
    if told.get("final") is None:
        return
    plain, traced = told["final"], trace.final
    if missing := plain.keys() - traced.keys():
        yield f"names missing from the Trace: {sorted(missing)}"
    if extra := traced.keys() - plain.keys():
        yield f"names only in the Trace: {sorted(extra)}"
    for name in plain.keys() & traced.keys():
        yield from (f"{name}: {what}" for what in of_name(plain[name], traced[name], trace))


def of_outcome(told: Told, trace: Trace) -> Iterator[str]:
    """Differences of how the run ended."""
    error, outcome = told.get("error"), trace.outcome
    if outcome.kind == "stopped":
        yield f"stopped for {outcome.reason} on line {outcome.line}: {outcome.error}"
        return
    plain = (error["type"], error["message"]) if error else None
    traced = (outcome.error.type, outcome.error.message) if outcome.error else None
    if plain is not None:
        plain = plain[0], plain[1][:20_000].encode(errors="backslashreplace").decode()
    if plain != traced:
        yield f"raised {plain}, traced {traced}"
    elif error and outcome.error:
        lines = tuple(error["lines"][-100:])
        if outcome.error.line != (lines[-1] if lines else None):
            yield f"raised on line {lines[-1:]}, traced {outcome.error.line}"
        if outcome.error.frames != lines and error["type"] not in SYNTAX:
            yield f"raised through lines {lines}, traced {outcome.error.frames}"


SYNTAX = ("SyntaxError", "IndentationError", "TabError")


def of_name(plain: Told, traced: Final, trace: Trace) -> Iterator[str]:
    """Differences of what one name was bound to at the end."""
    refused = plain["is_leaf"] is None  # a view that autograd does not look at any more
    for what in (
        ("version", "parameter") if refused else ("version", "is_leaf", "requires_grad", "grad_fn", "parameter")
    ):
        if plain[what] != getattr(traced, what):
            yield f"{what} is {plain[what]}, traced {getattr(traced, what)}"
    tensor = trace.tensors.get(traced.tensor or "")
    if tensor is None:
        yield "no tensor"
        return
    yield from of_contents("contents", plain["contents"], tensor.values)
    yield from of_contents(".grad", plain["grad"], traced.grad)


def of_contents(what: str, plain: Told | None, traced: Values | None) -> Iterator[str]:
    """Differences of shape, dtype and bits."""
    if plain is None or traced is None:
        if plain is not None or traced is not None:
            yield f"{what} is {plain}, traced {traced}"
        return
    if plain["dtype"] != traced.dtype:
        yield f"{what} has dtype {plain['dtype']}, traced {traced.dtype}"
    if "shape" in plain and tuple(plain["shape"]) != traced.shape:
        yield f"{what} has shape {plain['shape']}, traced {traced.shape}"
    if traced.flat is None and plain["flat"] and len(plain["flat"]) > ALWAYS_LISTED:
        yield from of_summary(what, plain["flat"], traced)
    elif plain["flat"] is None:
        return  # torch refuses to list it; we read its bytes
    elif plain["flat"] != (listed := None if traced.flat is None else [written(number) for number in traced.flat]):
        yield f"{what} holds {plain['flat']}, traced {listed} {traced.summary}"


def of_summary(what: str, flat: list[str], traced: Values) -> Iterator[str]:
    """Differences of what is summed up because it is too much to list."""
    if traced.summary is None:
        yield f"{what} has {len(flat)} elements, traced none and no summary"
        return
    finite = [number for number in map(float, flat) if isfinite(number)]
    plain = min(finite, default=None), max(finite, default=None), len(flat) - len(finite)
    summary = traced.summary.min, traced.summary.max, traced.summary.not_finite
    if plain != summary:
        yield f"{what} has minimum, maximum, not finite {plain}, traced {summary}"


def written(number: Scalar) -> str:
    """`number` as `repr` writes it in the plain run."""
    if isinstance(number, str):
        return number
    if isinstance(number, tuple):
        return repr(complex(float(number[0]), float(number[1])))
    return repr(number)


def unlike(plain: str, traced: str) -> str:
    """The lines that differ, in the form of a diff from plain to traced."""
    return "\n".join(difflib.unified_diff(plain.splitlines(), traced.splitlines(), "plain", "traced", lineterm="", n=1))
