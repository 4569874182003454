"""One observed run of a snippet, from its source to its Trace."""

import atexit
import builtins
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, ModuleType
from typing import Literal

import torch

from app.trace.model import Error, Outcome, Trace
from app.trace.wire import Request
from app.worker import budget
from app.worker.fit import fit
from app.worker.instrument import compile_with_line_calls
from app.worker.names import clean
from app.worker.output import Output, warn_at_the_readers_line
from app.worker.recorder import Recorder
from app.worker.report import ENVIRONMENT, Report
from app.worker.source import FILENAME, Source

_type_name = type.__dict__["__name__"].__get__


class Run:
    """A snippet, the observers of its run, and what it printed."""

    def __init__(self, request: Request, line_cell: memoryview, send: Callable[[bytes], None]) -> None:
        self._request, self._send = request, send
        self.main = ModuleType("__main__")
        self.main.__dict__["__builtins__"] = builtins
        self._recorder = Recorder(Source(request.source), self.main.__dict__, line_cell)
        self.stdout = Output(request.output_bytes, lambda: self.stop("output", None))
        self.stderr = Output(request.output_bytes, lambda: self.stop("output", None))

    def trace(self) -> Trace:
        """Run the snippet to its end and tell what it did."""
        code = compiled(self._request.source, compile_with_line_calls)
        if isinstance(code, Outcome):
            return Trace(environment=ENVIRONMENT, outcome=code)
        with as_main(self.main, self.stdout, self.stderr) as at_exit:
            warn_at_the_readers_line(self.stderr)
            outcome = outcome_of(lambda: self._recorder.run(code), at_exit)
        return self._report(outcome)

    def stop(self, reason: Literal["time", "output"], frame: FrameType | None) -> None:
        """End the run here, from deep inside it, with what was seen so far."""
        self._recorder.mode.recording = False
        while frame is not None and frame.f_code.co_filename != FILENAME:
            frame = frame.f_back
        line = frame.f_lineno if frame else self._recorder.steps.run[-1][0] if self._recorder.steps.run else None
        with torch._C.DisableTorchFunction():
            self._send(fit(self._report(Outcome(kind="stopped", reason=reason, line=line))))

    def _report(self, outcome: Outcome) -> Trace:
        stdout, stderr = self.stdout.text(), self.stderr.text()
        try:
            with torch.no_grad():
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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SyntaxWarnings come again when the line runs in a plain run only
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


@contextmanager
def as_main(main: ModuleType, stdout: Output, stderr: Output) -> Iterator[list[Callable[[], object]]]:
    """What a plain run of the snippet as a script would find around it. Yields what it registers by atexit."""
    kept = sys.modules.get("__main__"), sys.stdout, sys.stderr, sys.argv
    sys.modules["__main__"], sys.stdout, sys.stderr, sys.argv = main, stdout, stderr, [FILENAME]
    register = atexit.register
    at_exit: list[Callable[[], object]] = []

    def remember(function: Callable[..., object], *args: object, **kwargs: object) -> Callable[..., object]:
        at_exit.append(lambda: function(*args, **kwargs))
        return function

    atexit.register = remember  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("always", module=r"app\.worker\.")
            yield at_exit
    finally:
        atexit.register = register
        module, sys.stdout, sys.stderr, sys.argv = kept
        if module is not None:
            sys.modules["__main__"] = module


def outcome_of(run: Callable[[], None], at_exit: list[Callable[[], object]]) -> Outcome:
    """How `run`, and what it left for the exit, ended."""
    try:
        try:
            run()
        finally:
            while at_exit:
                at_exit.pop()()
    except SystemExit as error:
        if error.code in (None, 0):
            return Outcome(kind="finished")
        return Outcome(kind="raised", error=error_of(error))
    except BaseException as error:  # noqa: BLE001  # whatever the snippet raised is an outcome
        problem = error_of(error)
        if is_out_of_memory(error, problem.message):
            return Outcome(kind="stopped", reason="memory", error=problem, line=problem.line)
        return Outcome(kind="raised", error=problem)
    return Outcome(kind="finished")


def error_of(error: BaseException) -> Error:
    """`error` in words, with the lines of the snippet's own frames."""
    lines = []
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == FILENAME:
            lines.append(traceback.tb_lineno)
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
    )


def clean_message(message: str) -> str:
    """`message`, bounded, in a form that UTF-8 can hold."""
    return str.__str__(message)[: budget.MESSAGE].encode(errors="backslashreplace").decode()


def is_out_of_memory(error: BaseException, message: str) -> bool:
    """Whether Python or torch's allocator met the memory limit."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "can't allocate memory" in message)
