"""One step for each source line run."""

import builtins
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Literal

from app.trace.model import Step
from app.worker import budget
from app.worker.bound import is_grad_enabled, is_inference_mode
from app.worker.clock import Clock
from app.worker.instrument import BIND, CAUGHT, ENTER, LINE, UNBIND
from app.worker.names import Names, clean
from app.worker.source import FILENAME

Mode = Literal["grad", "no_grad", "inference"]


_MODES: dict[tuple[bool, bool], Mode] = {
    (True, False): "grad",
    (False, False): "no_grad",
    (False, True): "inference",
    (True, True): "inference",
}


class Steps:
    """The lines run so far, and which of them each living frame of the snippet stands on."""

    def __init__(self, clock: Clock, namespace: dict[str, object], names: Names, line_cell: memoryview) -> None:
        self.run: list[Step] = []
        self._clock, self._namespace, self._names, self._line_cell = clock, namespace, names, line_cell
        # by id of the frame, which may be reused for one of other code: its step, and which call it is
        self._at: dict[int, tuple[CodeType, int, int]] = {}
        self._frames = 0

    def done(self, frame: FrameType) -> int:
        """The step of `frame` that has just ended, where it had one; else the one that begins next."""
        at = self._at.get(id(frame))
        return at[1] if at is not None and at[0] is frame.f_code else max(len(self.run) - 1, 0)

    def begin(self, line: int, frame: FrameType) -> bool:
        """A line of the snippet begins in `frame`; False if there are too many steps."""
        code = frame.f_code
        at = self._at
        key = id(frame)
        before = at.get(key)
        if before is not None and before[0] is not code:
            before = None
        is_module = code.co_name == "<module>"
        if before and is_module:
            self._names.look(self._namespace, before[1])
        self._line_cell[0] = line
        step = len(self.run)
        if step >= budget.STEPS:
            return False
        clock = self._clock
        clock.now += 1
        mode = _MODES[is_grad_enabled(), is_inference_mode()]
        if is_module:
            at[key] = code, step, 0
            self.run.append(Step(line=line, moment=clock.now, mode=mode))
            return True
        depth, caller = self._callers(frame)
        number = before[2] if before else self._entered()
        at[key] = code, step, number
        function = clean(code.co_name)
        self.run.append(
            Step(line=line, function=function, depth=depth, moment=clock.now, frame=number, caller=caller, mode=mode)
        )
        return True

    def enter(self, frame: FrameType) -> None:
        """A call of a function of the snippet begins in `frame`, which may have been that of an earlier call."""
        self._at[id(frame)] = frame.f_code, self.current(frame.f_back)[0], self._entered()

    def _entered(self) -> int:
        self._frames += 1
        return self._frames

    def bound(self, name: str, value: object, frame: FrameType) -> None:
        """A function of the snippet, in `frame`, has just bound `name`, which may be another frame's."""
        owner = _owner(name, frame)
        if owner is not None:
            function = "" if _is_module(owner) else owner.f_code.co_name
            self._names.bound(name, value, self.current(frame)[0], function, self._number(owner))

    def unbound(self, name: str, frame: FrameType) -> None:
        """A function of the snippet, in `frame`, has just deleted `name`."""
        owner = _owner(name, frame)
        if owner is not None:
            self._names.unbound(name, self._number(owner))

    def _number(self, frame: FrameType) -> int:
        at = self._at.get(id(frame))
        return at[2] if at is not None and at[0] is frame.f_code else self._frames

    def look_at_end(self, step: int) -> None:
        """Name what the last line bound, and whatever changed deep inside what names hold."""
        self._names.look_again(self._namespace, step)

    def _callers(self, frame: FrameType) -> tuple[int, int | None]:
        """How many calls of the snippet's functions `frame` is in, and the step that called it."""
        depth, caller = 0, None
        above = frame.f_back
        while above is not None:
            if above.f_code.co_filename == FILENAME:
                depth += 1
                if caller is None:
                    found = self._at.get(id(above))
                    caller = found[1] if found is not None and found[0] is above.f_code else None
            above = above.f_back
        return depth, caller

    def current(self, frame: FrameType | None) -> tuple[int, FrameType | None]:
        """The step that `frame` belongs to, and the snippet's own frame that it was called from."""
        while frame is not None and frame.f_code.co_filename != FILENAME:
            frame = frame.f_back
        innermost = frame
        while frame is not None:  # a lambda or a comprehension has no step of its own
            found = self._at.get(id(frame))
            if found is not None and found[0] is frame.f_code:
                return found[1], innermost
            frame = frame.f_back
        return max(len(self.run) - 1, 0), innermost


def _is_module(frame: FrameType) -> bool:
    return frame.f_code.co_name == "<module>" and frame.f_code.co_filename == FILENAME


def _owner(name: str, frame: FrameType) -> FrameType | None:
    """The frame whose variable `name` is: `frame`, the top level (`global`), or the nearest around it (`nonlocal`).

    None where that call is over: the variable lives on, but in no frame that could be looked at.
    """
    code, above = frame.f_code, frame.f_back
    if name in code.co_varnames or name in code.co_cellvars:
        return frame
    if name in code.co_freevars:
        while above is not None and not (above.f_code.co_filename == FILENAME and name in above.f_code.co_cellvars):
            above = above.f_back
        return above
    if name in code.co_names:
        while above is not None and not _is_module(above):
            above = above.f_back
        return above
    return frame  # a name that Python mangled


@contextmanager
def calls_to(
    line: Callable[[int], None],
    enter: Callable[[], None],
    bind: Callable[[str, object], None],
    unbind: Callable[[str], None],
    caught: Callable[[], None],
) -> Iterator[None]:
    """What instrumented code calls; after the run, when code of it may still run, that does nothing."""
    setattr(builtins, LINE, line)
    setattr(builtins, ENTER, enter)
    setattr(builtins, BIND, bind)
    setattr(builtins, UNBIND, unbind)
    setattr(builtins, CAUGHT, caught)
    try:
        yield
    finally:
        setattr(builtins, LINE, lambda _line: None)
        setattr(builtins, ENTER, lambda: None)
        setattr(builtins, BIND, lambda _name, _value: None)
        setattr(builtins, UNBIND, lambda _name: None)
        setattr(builtins, CAUGHT, lambda: None)
