"""Answers about one Trace that several rules ask for, found once."""

import weakref
from collections.abc import Callable
from typing import TypeVar

from app.trace.model import Trace

Answer = TypeVar("Answer")


def once(question: Callable[[Trace], Answer]) -> Callable[[Trace], Answer]:
    """`question`, which remembers what it answered for the Trace that it was asked about last."""
    last: list[tuple[weakref.ref[Trace], Answer]] = []

    def answer(trace: Trace) -> Answer:
        for of, found in last[:1]:
            if of() is trace:
                return found
        found = question(trace)
        last[:] = [(weakref.ref(trace), found)]
        return found

    return answer
