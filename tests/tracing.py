"""Trace a snippet in this process: what a child of the sandbox does, without the sandbox."""

import warnings

import torch

from app.trace.model import Reference, Trace
from app.trace.wire import Request, decode_reference, decode_trace, encode
from app.worker.reference import run_reference
from app.worker.run import Run


def _unexpected(_: bytes) -> None:
    raise AssertionError("the run was stopped")


def trace_of(source: str, *, output_bytes: int = 65_536) -> Trace:
    """The Trace of `source`, having crossed the wire."""
    request = Request(kind="trace", source=source, output_bytes=output_bytes)
    run = Run(request, memoryview(bytearray(8)).cast("q"), _unexpected)
    try:
        with warnings.catch_warnings(record=True):  # the snippet's are its own, not the test's
            warnings.simplefilter("default")  # as in a fresh interpreter
            return decode_trace(encode(run.trace()))
    finally:
        torch.set_grad_enabled(True)  # a snippet may leave it off; a child of the sandbox is used once


def reference_of(source: str) -> Reference:
    """The reference run of `source`, having crossed the wire."""
    request = Request(kind="reference", source=source, output_bytes=65_536)
    return decode_reference(encode(run_reference(request)))
