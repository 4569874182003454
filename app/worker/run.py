"""One observed run of a snippet, from its source to its Trace."""

import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Literal

import torch

from app.trace.model import Error, Outcome, Trace
from app.trace.wire import Request
from app.worker import budget
from app.worker.bound import Unobserved, leave_modes
from app.worker.fit import fit
from app.worker.instrument import compile_with_calls
from app.worker.names import clean
from app.worker.output import Output
from app.worker.recorder import Recorder
from app.worker.report import ENVIRONMENT, Report
from app.worker.script import ExitFunctions, as_main, cut_us_out, main_module, recursion_limit_beyond
from app.worker.source import FILENAME, Source
from app.worker.suggestions import suggestion_for

_type_name = type.__dict__["__name__"].__get__


class Run:
    """A snippet, the observers of its run, and what it printed."""

    def __init__(self, request: Request, line_cell: memoryview, send: Callable[[bytes], None]) -> None:
        self._request, self._send = request, send
        self._main = main_module()
        self._stdout = Output("<stdout>", request.output_bytes, self._stop_output)
        self._recorder = Recorder(Source(request.source), self._main.__dict__, line_cell, self._stdout)
        self._stderr = Output("<stderr>", request.output_bytes, self._stop_output, errors="backslashreplace")

    def trace(self) -> Trace:
        """Run the snippet to its end and tell what it did."""
        with as_main(self._main, self._stdout, self._stderr) as exit_functions:
            code = compiled(self._request.source, compile_with_calls)
            outcome = code if isinstance(code, Outcome) else outcome_of(self._recorder.run, code, exit_functions)
        return self._report(outcome)

    def _stop_output(self) -> None:
        self.stop("output", sys._getframe(1))

    def stop(self, reason: Literal["time", "output"], frame: FrameType | None) -> None:
        """End the run here, from deep inside it, with what was seen so far."""
        self._recorder.mode.recording = False
        while frame is not None and frame.f_code.co_filename != FILENAME:
            frame = frame.f_back
        line = frame.f_lineno if frame else self._recorder.steps.run[-1].line if self._recorder.steps.run else None
        self._send(fit(self._report(Outcome(kind="stopped", reason=reason, line=line))))

    def _report(self, outcome: Outcome) -> Trace:
        leave_modes()  # the snippet may have left some on
        stdout, stderr = self._stdout.text(), self._stderr.text()
        try:
            with Unobserved(), torch.inference_mode(mode=False), torch.no_grad():
                return Report(self._recorder).trace(outcome, stdout, stderr)
        except MemoryError:
            stopped = Outcome(kind="stopped", reason="memory", error=outcome.error, line=outcome.line)
            return Trace(environment=ENVIRONMENT, outcome=stopped, stdout=stdout, stderr=stderr)


def compile_plainly(source: str) -> CodeType:
    """Code of `source`. Raises what `compile` raises."""
    return compile(source, FILENAME, "exec", dont_inherit=True)


def compiled(source: str, to_code: Callable[[str], CodeType]) -> CodeType | Outcome:
    """The snippet's code, or the outcome of a snippet that is none."""
    try:
        return to_code(source)
    except SyntaxError as error:
        problem = Error(
            type=_type_name(type(error)),
            message=clean_message(error.msg),
            line=error.lineno if error.lineno and error.lineno > 0 else None,
            column=error.offset if error.offset and error.offset > 0 else None,
        )
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes, lone surrogates, nesting too deep
        problem = Error(type=_type_name(type(error)), message=clean_message(str(error)), line=None)
    return Outcome(kind="raised", error=problem)


def outcome_of(run: Callable[[CodeType], None], code: CodeType, exit_functions: ExitFunctions) -> Outcome:
    """How `run` of `code`, and what it left for the exit, ended."""
    depth = 0
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    try:
        with recursion_limit_beyond(depth):
            run(code)
    except SystemExit as error:
        outcome = Outcome(kind="finished") if error.code in (None, 0) else Outcome(kind="raised", error=error_of(error))
    except BaseException as error:  # noqa: BLE001  # whatever the snippet raised is an outcome
        cut_us_out(error)
        if sys.excepthook is not sys.__excepthook__:
            sys.excepthook(type(error), error, error.__traceback__)
        problem = error_of(error)
        if is_out_of_memory(error, problem.message):
            outcome = Outcome(kind="stopped", reason="memory", error=problem, line=problem.line)
        else:
            outcome = Outcome(kind="raised", error=problem)
    else:
        outcome = Outcome(kind="finished")
    exit_functions.run()
    return outcome


def error_of(error: BaseException) -> Error:
    """`error` in words, with the lines of the snippet's own frames."""
    lines, functions = [], []
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == FILENAME:
            lines.append(traceback.tb_lineno)
            name = traceback.tb_frame.f_code.co_name
            functions.append(None if name == "<module>" else clean(name))
        traceback = traceback.tb_next
    try:
        message = str(error)
    except Exception:  # noqa: BLE001  # the snippet's own __str__
        message = "<exception str() failed>"
    return Error(
        type=clean(_type_name(type(error))),
        message=clean_message(message),
        line=lines[-1] if lines else None,
        frames=tuple(lines[-100:]),
        functions=tuple(functions[-100:]),
        suggestion=suggestion_for(error, message),
    )


def clean_message(message: str) -> str:
    """`message`, bounded, in a form that UTF-8 can hold."""
    return str.__str__(message)[: budget.MESSAGE].encode(errors="backslashreplace").decode()


def is_out_of_memory(error: BaseException, message: str) -> bool:
    """Whether Python or torch's allocator met the memory limit."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "can't allocate memory" in message)
