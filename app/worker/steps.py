"""One step for each source line run."""

import builtins
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType

from app.worker import budget
from app.worker.bound import frame_above
from app.worker.instrument import BIND, CAUGHT, LINE
from app.worker.names import Names
from app.worker.source import FILENAME


class Steps:
    """The lines run so far, and which of them each living frame of the snippet stands on."""

    def __init__(self, namespace: dict[str, object], names: Names, line_cell: memoryview) -> None:
        self.run: list[tuple[int, str | None, int]] = []  # line, function, depth
        self._namespace, self._names, self._line_cell = namespace, names, line_cell
        self._at: dict[int, tuple[CodeType, int]] = {}  # by id of the frame, which may be reused: hence the code

    def begin(self, line: int) -> int | None:
        """A line of the snippet begins in the frame two above.

        The step that is done with it; None if there are too many steps.
        """
        frame = frame_above(2)
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
            return None
        at[key] = code, step
        self.run.append((line, None, 0) if is_module else (line, code.co_name, self._depth(frame)))
        return before[1] if before else step

    def bound(self, name: str, value: object, frame: FrameType) -> None:
        """A function of the snippet, in `frame`, has just bound `name`."""
        self._names.bound(name, value, self.current(frame)[0], frame.f_code.co_name)

    def look_at_end(self, step: int) -> None:
        """Name what the last line bound, and whatever changed deep inside what names hold."""
        self._names.look_again(self._namespace, step)

    def _depth(self, frame: FrameType) -> int:
        """How many calls of the snippet's functions `frame` is in."""
        depth = 0
        above = frame.f_back
        while above is not None:
            depth += above.f_code.co_filename == FILENAME
            above = above.f_back
        return depth

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


@contextmanager
def calls_to(
    line: Callable[[int], None], bind: Callable[[str, object], None], caught: Callable[[], None]
) -> Iterator[None]:
    """What instrumented code calls; after the run, when code of it may still run, that does nothing."""
    setattr(builtins, LINE, line)
    setattr(builtins, BIND, bind)
    setattr(builtins, CAUGHT, caught)
    try:
        yield
    finally:
        setattr(builtins, LINE, lambda _line: None)
        setattr(builtins, BIND, lambda _name, _value: None)
        setattr(builtins, CAUGHT, lambda: None)
