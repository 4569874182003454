"""A worker without torch, of the same interface as `app/worker/answer.py`: runs a snippet, hostile ones too.

The snippet's own names are `send` (as the worker gets it), `line` and `os`, so that it can answer whatever it likes.
"""

import contextlib
import io
import os
import platform
import signal
import sys
import types
from collections.abc import Callable
from typing import Any

from app.trace import wire
from app.trace.model import Environment, Error, Outcome, Reference, Step, Trace

_ENVIRONMENT = Environment(torch="none", python=platform.python_version(), tapescope="test")


def prepare() -> None:
    """Nothing to import ahead."""


def warm() -> None:
    """Nothing to touch ahead."""


def answer(request: bytes, send: Callable[[bytes], None], line: memoryview) -> None:
    """Run the request's source and send what it printed and how it ended."""
    asked = wire.decode_request(request)
    stdout = io.StringIO()
    steps: list[Step] = []

    def note(frame: types.FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename != "<snippet>":
            return None
        if event == "line":
            line[0] = frame.f_lineno
            steps.append(Step(line=frame.f_lineno))
        return note

    def reply(outcome: Outcome) -> None:
        if asked.kind == "reference":
            send(wire.encode(Reference(outcome=outcome, grads={})))
        trace = Trace(environment=_ENVIRONMENT, outcome=outcome, stdout=stdout.getvalue(), steps=tuple(steps[:1000]))
        send(wire.encode(trace))

    def stop(number: int, frame: types.FrameType | None) -> None:
        reply(Outcome(kind="stopped", reason="time", line=line[0]))

    signal.signal(signal.SIGUSR1, stop)
    try:
        with contextlib.redirect_stdout(stdout):
            code = compile(asked.source, "<snippet>", "exec")
            sys.settrace(note)
            exec(code, {"__name__": "__main__", "send": send, "line": line, "os": os})  # noqa: S102  # a snippet is there to be run
    except Exception as error:  # noqa: BLE001  # whatever the snippet raises is its outcome
        sys.settrace(None)
        raised = Error(type=type(error).__name__, message=str(error)[:1000], line=line[0] or None)
        reply(Outcome(kind="raised", error=raised))
    finally:
        sys.settrace(None)
    reply(Outcome(kind="finished"))
