"""What a plain run of the snippet as a script would find around it."""

import atexit
import builtins
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import FrameType, ModuleType, TracebackType
from typing import Any

import torch

from app.worker.output import Output
from app.worker.source import FILENAME

_HERE = str(Path(__file__).parent)
_SANDBOX = str(Path(__file__).parents[1] / "sandbox")
_HANDS_TO_MODES = "handle_torch_function"
_OUR_CALLS = 2
_OVERFLOW = "maximum recursion depth exceeded"
_OVERFLOW_IN_A_CALL = f"{_OVERFLOW} while calling a Python object"

ExitFunction = Callable[..., object]


def main_module() -> ModuleType:
    """The module `__main__` of a script, before its first line."""
    main = ModuleType("__main__")
    main.__dict__.update(
        __loader__=SourceFileLoader("__main__", FILENAME),
        __annotations__={},
        __builtins__=builtins,
        __file__=FILENAME,
        __cached__=None,
    )
    return main


class ExitFunctions:
    """Stands in for atexit: what the snippet registers there, and nobody else's."""

    def __init__(self) -> None:
        self._functions: list[tuple[ExitFunction, tuple[object, ...], dict[str, object]]] = []

    def register(self, function: ExitFunction, /, *args: object, **kwargs: object) -> ExitFunction:
        """As `atexit.register`."""
        self._functions.append((function, args, kwargs))
        return function

    def unregister(self, function: ExitFunction, /) -> None:
        """As `atexit.unregister`."""
        self._functions = [entry for entry in self._functions if entry[0] != function]

    def run(self) -> None:
        """Call them, the last one first. One that raises is told on stderr, and the others still run."""
        while self._functions:
            function, args, kwargs = self._functions.pop()
            try:
                function(*args, **kwargs)
            except BaseException:  # noqa: BLE001  # as the interpreter does at its end
                print(f"Exception ignored in atexit callback: {function!r}", file=sys.stderr)  # noqa: T201  # to the stderr of the snippet
                traceback.print_exc()


@contextmanager
def as_main(main: ModuleType, stdout: Output, stderr: Output) -> Iterator[ExitFunctions]:
    """`main` is the script that runs; warnings and tracebacks do not tell of us. Yields its exit functions."""
    kept = sys.modules.get("__main__"), sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__, sys.argv, sys.excepthook
    kept_functions = atexit.register, atexit.unregister
    exit_functions = ExitFunctions()
    sys.modules["__main__"], sys.stdout, sys.stderr, sys.argv = main, stdout, stderr, [FILENAME]
    sys.__stdout__, sys.__stderr__ = stdout, stderr  # type: ignore[misc]  # Final in the stubs
    atexit.register, atexit.unregister = exit_functions.register, exit_functions.unregister  # type: ignore[assignment]  # generic in the stubs
    try:
        with (
            warnings.catch_warnings(),
            warnings_where_a_plain_run_has_them(),
            tracebacks_without_us(),
            variables_that_jit_finds(),
        ):
            yield exit_functions
    finally:
        atexit.register, atexit.unregister = kept_functions
        module, sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__, sys.argv, sys.excepthook = kept  # type: ignore[misc]  # Final in the stubs
        if module is not None:
            sys.modules["__main__"] = module


@contextmanager
def recursion_limit_beyond(frames: int) -> Iterator[None]:
    """A script has the whole limit for itself: the `frames` below it, and the calls to us above it, do not count."""
    get, put, own = sys.getrecursionlimit, sys.setrecursionlimit, frames + _OUR_CALLS
    kept = get()
    put(kept + own)
    sys.getrecursionlimit = lambda: get() - own
    sys.setrecursionlimit = lambda limit, /: put(limit + own)
    try:
        yield
    finally:
        sys.getrecursionlimit, sys.setrecursionlimit = get, put
        put(kept)


def is_ours(filename: str) -> bool:
    """Whether a frame of that file stands in a stack only because the run is observed, or sandboxed."""
    return filename.startswith((_HERE, _SANDBOX, "<frozen runpy>"))


@contextmanager
def warnings_where_a_plain_run_has_them() -> Iterator[None]:
    """torch warns at the innermost Python frame, which under observation is one of ours: tell it of the next one."""
    module = warnings
    show = module._showwarnmsg  # type: ignore[attr-defined]  # private

    def show_there(message: warnings.WarningMessage) -> None:
        frame = _beyond_us(sys._getframe(1)) if is_ours(message.filename) else None
        if frame is None:
            show(message)
            return
        # goes through the reader's own filters, and through Python's once for each line
        warnings.warn_explicit(
            message.message,
            message.category,
            frame.f_code.co_filename,
            frame.f_lineno,
            module=frame.f_globals.get("__name__", "__main__"),
            registry=frame.f_globals.setdefault("__warningregistry__", {}),
        )

    warnings.filterwarnings("always", module=r"app\.worker\.")  # each comes here, where that is decided anew
    module._showwarnmsg = show_there  # type: ignore[attr-defined]  # private
    try:
        yield
    finally:
        module._showwarnmsg = show  # type: ignore[attr-defined]  # private


@contextmanager
def variables_that_jit_finds() -> Iterator[None]:
    """torch.jit.trace names values after variables of the frame that called torch: not of ours, where there are any."""
    module: Any = torch.jit._trace
    kept = module._create_interpreter_name_lookup_fn

    def lookup_of(frames_up: int = 1) -> Callable[[object], str]:
        def name_of(value: object) -> str:
            frame: FrameType | None = sys._getframe()
            for _ in range(frames_up + 1):
                frame = frame.f_back if frame is not None else None
                if frame is not None and is_ours(frame.f_code.co_filename):
                    frame = _beyond_us(frame)
            for name, held in frame.f_locals.items() if frame is not None else ():
                if held is value:
                    return "" if name == "self" else name
            return ""

        return name_of

    module._create_interpreter_name_lookup_fn = lookup_of
    try:
        yield
    finally:
        module._create_interpreter_name_lookup_fn = kept


def _beyond_us(frame: FrameType | None) -> FrameType | None:
    """The frame that stands, in a plain run, where one of ours does: the first of ours from `frame` on, outwards."""
    while frame is not None and not is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    while frame is not None and is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is not None and frame.f_code.co_name == _HANDS_TO_MODES:
        # torch's function asked for a mode, and was then called again by it
        return frame.f_back.f_back if frame.f_back else None
    return frame


Extended = tuple[FrameType, tuple[int, int | None, int | None, int | None]]


@contextmanager
def tracebacks_without_us() -> Iterator[None]:
    """Whatever formats a stack (format_exc, logging, anomaly mode) lists the frames that a plain run has."""
    summary = traceback.StackSummary
    extract = summary._extract_from_extended_frame_gen  # type: ignore[attr-defined]  # private

    def extract_others(frames: Iterator[Extended], **options: object) -> traceback.StackSummary:
        found = list(frames)
        innermost_first = len(found) > 1 and found[0][0].f_back is found[1][0]  # a stack; a traceback goes inwards
        found = found[::-1] if innermost_first else found
        kept = [found[index] for index in _not_ours([entry[0] for entry in found])]
        return extract(iter(kept[::-1] if innermost_first else kept), **options)  # type: ignore[no-any-return]  # private

    summary._extract_from_extended_frame_gen = staticmethod(extract_others)  # type: ignore[attr-defined]  # private
    try:
        yield
    finally:
        summary._extract_from_extended_frame_gen = extract  # type: ignore[attr-defined]  # private


def _not_ours(frames: list[FrameType]) -> list[int]:
    """The indices of those of `frames`, outermost first, that a plain run has too."""
    kept: list[int] = []
    for index, frame in enumerate(frames):
        code = frame.f_code
        if code.co_name == "<module>" and code.co_filename == FILENAME:
            kept.clear()  # below it stands only what runs the snippet
        if not is_ours(code.co_filename):
            kept.append(index)
        elif kept and frames[kept[-1]].f_code.co_name == _HANDS_TO_MODES:
            del kept[-2:]  # torch's function asked for a mode, and is then called again by it
    return kept


def cut_us_out(error: BaseException) -> None:
    """Take our frames out of the traceback of `error`."""
    links: list[TracebackType] = []
    link = error.__traceback__
    while link is not None:
        links.append(link)
        link = link.tb_next
    kept = [links[index] for index in _not_ours([link.tb_frame for link in links])]
    for link, following in zip(kept, [*kept[1:], None], strict=True):
        link.tb_next = following
    error.__traceback__ = kept[0] if kept else None
    innermost = kept[-1].tb_frame.f_code.co_filename if kept else ""
    if isinstance(error, RecursionError) and error.args == (_OVERFLOW_IN_A_CALL,) and innermost == FILENAME:
        error.args = (_OVERFLOW,)  # the call that overflowed was one of ours, in the snippet's own statement


def caught() -> None:
    """An `except` of the snippet begins: called by the snippet itself."""
    error = sys.exc_info()[1]
    if error is not None:
        cut_us_out(error)
