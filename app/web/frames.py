"""The way to an exception through the reader's own lines, innermost first, without torch's and ours in between."""

from msgspec import Struct

from app.trace.model import Error

_LONGEST = 200  # characters of a line
_INNERMOST, _OUTERMOST = 5, 2  # shown of a recursion


class FrameLine(Struct, frozen=True, kw_only=True):
    """One call on the way. `left_out` calls further out are not shown before the next one."""

    line: int
    function: str | None  # None at the top level
    text: str
    left_out: int = 0


def frames_of(error: Error | None, source: str) -> tuple[FrameLine, ...]:
    """Nothing where the exception rose in the only frame that there was: its line is said already."""
    if error is None or len(error.frames) < 2 or len(error.functions) != len(error.frames):
        return ()
    lines = source.splitlines()
    pairs = list(zip(error.frames, error.functions, strict=True))[::-1]
    hidden = max(len(pairs) - _INNERMOST - _OUTERMOST, 0)
    shown = pairs if not hidden else pairs[:_INNERMOST] + pairs[-_OUTERMOST:]
    return tuple(
        FrameLine(
            line=line,
            function=function,
            text=lines[line - 1].strip()[:_LONGEST] if 0 < line <= len(lines) else "",
            left_out=hidden if at == _INNERMOST - 1 else 0,
        )
        for at, (line, function) in enumerate(shown)
    )
