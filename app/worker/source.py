"""The snippet's source text: which expression an instruction of it stands for."""

import io
import linecache
from pathlib import Path
from types import CodeType, FrameType

from app.worker import budget

FILENAME = "snippet.py"

Position = tuple[int | None, int | None, int | None, int | None]  # first and last line, first and last column


class Source:
    """The text of the snippet, and the expression at each of its instructions."""

    def __init__(self, text: str) -> None:
        lines = io.StringIO(text, newline=None).readlines()  # as Python splits source, unlike str.splitlines
        self._lines = [line.encode(errors="replace") for line in lines]
        # by id of the code, whose hash is no small matter: where its instructions stand; expressions by their index
        self._known: dict[int, tuple[CodeType, list[Position], dict[int, str | None]]] = {}
        # so that tracebacks and inspect.getsource find it
        for name in (FILENAME, str(Path(FILENAME).absolute())):  # the latter is where pdb looks
            linecache.cache[name] = (len(text), None, lines, name)

    def expression(self, frame: FrameType) -> str | None:
        """The source of the call that `frame` is in the middle of."""
        code, index = frame.f_code, frame.f_lasti // 2
        known = self._known.get(id(code))
        if known is None:
            known = self._known[id(code)] = code, list(code.co_positions()), {}
        _, positions, expressions = known
        if index not in expressions:
            expressions[index] = self._segment(*positions[index]) if 0 <= index < len(positions) else None
        return expressions[index]

    def _segment(self, first: int | None, last: int | None, start: int | None, end: int | None) -> str | None:
        if first is None or last is None or start is None or end is None or last > len(self._lines):
            return None
        lines = self._lines[first - 1 : last]
        if not lines:
            return None
        lines[-1] = lines[-1][:end]  # columns count bytes of UTF-8
        lines[0] = lines[0][start:]
        return " ".join(b"".join(lines).decode(errors="replace").split())[: budget.TEXT]


def literals_of(code: CodeType | None) -> frozenset[int]:
    """The ids of the numbers that the source of `code` spells out, as long as `code` lives."""
    found: set[int] = set()
    todo: list[object] = [code]
    while todo:
        one = todo.pop()
        if isinstance(one, CodeType):
            todo += one.co_consts
        elif isinstance(one, tuple | frozenset):
            todo += one
        elif isinstance(one, float | complex):
            found.add(id(one))
    return frozenset(found)
