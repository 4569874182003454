"""What observing costs: one snippet plain, traced by Tapescope, and traced by a naive tracer, in turns.

Runs in a process of its own with the environment and the frozen heap of a zygote, and prints its
measurements as JSON. CPU seconds of one thread, so that other work on the machine counts less.
"""

import gc
import io
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from unittest import mock

import msgspec
from msgspec import Struct

from app.trace.model import Outcome, Trace
from app.trace.wire import Request
from app.worker.fit import fit
from app.worker.preload import preload, seed
from app.worker.report import Report
from app.worker.run import Run, compile_plainly
from app.worker.source import FILENAME
from tests.bench.naive import Naive
from tests.bench.training import SGD

ROUNDS = 12
MOST_S = 60.0
_clock = time.process_time


class Measured(Struct, kw_only=True):
    """Seconds of CPU, one of each for each round; and what the trace of a round held."""

    plain_s: list[float] = []
    observed_s: list[float] = []  # ours, without report and encoding
    traced_s: list[float] = []  # ours, to the last byte of the answer
    naive_s: list[float] = []
    answer_bytes: int = 0
    held: dict[str, int] = {}
    outputs: set[str] = set()
    naive_operators: int = 0


def main() -> None:
    """Measure until all rounds are done or time is up."""
    preload()
    measured = Measured()
    rounds: list[Callable[[Measured], None]] = [plain, traced, naive]
    for run in rounds:
        run(Measured())  # first touches
    gc.collect()
    gc.freeze()
    latest = time.monotonic() + MOST_S
    for number in range(ROUNDS):
        if number >= 2 and time.monotonic() > latest:
            break
        for run in rounds:
            seed()
            gc.collect()
            gc.freeze()  # what one run leaves is not the next one's to look through
            run(measured)
    sys.stdout.buffer.write(msgspec.json.encode(measured))


def plain(measured: Measured) -> None:
    """The snippet as Python runs it."""
    code, printed = compile_plainly(SGD), io.StringIO()
    begun = _clock()
    with redirect_stdout(printed):
        exec(code, {"__name__": "__main__"})  # noqa: S102  # our own snippet
    measured.plain_s.append(_clock() - begun)
    measured.outputs.add(printed.getvalue())


def traced(measured: Measured) -> None:
    """The snippet as a child of the sandbox runs it, up to the bytes of its answer."""
    reported_s: list[float] = []
    make_report = Report.trace

    def timed(report: Report, outcome: Outcome, stdout: str, stderr: str) -> Trace:
        begun = _clock()
        try:
            return make_report(report, outcome, stdout, stderr)
        finally:
            reported_s.append(_clock() - begun)

    with mock.patch.object(Report, "trace", timed):
        begun = _clock()
        request = Request(kind="trace", source=SGD, output_bytes=65_536)
        trace = Run(request, memoryview(bytearray(8)).cast("q"), _stopped).trace()
        observed = _clock()
        answer = fit(trace)
        ended = _clock()
    measured.observed_s.append(observed - begun - sum(reported_s))
    measured.traced_s.append(ended - begun)
    measured.answer_bytes = len(answer)
    measured.held = {
        "steps": len(trace.steps),
        "operators": len(trace.operations),
        "tensors": len(trace.tensors),
        "nodes": len(trace.nodes),
        "fired": sum(len(call.fired) for call in trace.backwards),
        "writes": len(trace.writes),
    }
    measured.outputs.add(trace.stdout)


def naive(measured: Measured) -> None:
    """The snippet under the naive tracer."""
    printed = io.StringIO()
    begun = _clock()
    tracer = Naive(compile(SGD, FILENAME, "exec"))
    with redirect_stdout(printed):
        tracer.run({"__name__": "__main__"})
    measured.naive_s.append(_clock() - begun)
    measured.naive_operators = len(tracer.operators)
    measured.outputs.add(printed.getvalue())


def _stopped(_: bytes) -> None:
    raise RuntimeError("the run was stopped")


if __name__ == "__main__":
    main()
