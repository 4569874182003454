"""stdout and stderr of the snippet, bounded when they are written."""

import io
import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import TextIO

from app.worker.source import FILENAME


class Output(io.TextIOBase):
    """A text stream that keeps `most` bytes of UTF-8 and ends the run at the first byte more."""

    def __init__(self, most: int, on_overflow: Callable[[], None]) -> None:
        super().__init__()
        self._parts: list[str] = []
        self._left, self._on_overflow = most, on_overflow

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        """Keep `text`; TypeError for anything but text."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        size = len(text) if text.isascii() else len(text.encode(errors="backslashreplace"))
        if size > self._left:
            self._parts.append(text[: self._left])
            self._left = 0
            self._on_overflow()
        self._left -= min(size, self._left)
        self._parts.append(text)
        return len(text)

    def text(self) -> str:
        """All that was written, in a form that UTF-8 can hold."""
        return "".join(self._parts).encode(errors="backslashreplace").decode()


def warn_at_the_readers_line(stderr: Output) -> None:
    """Print each warning once for each line of the snippet, as a plain run does.

    torch warns at the innermost Python frame, which under observation is one of ours.
    """
    shown: set[tuple[str, str, int]] = set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | Output | None = None,
        line: str | None = None,
    ) -> None:
        if filename.startswith(_OURS):
            frame: FrameType | None = sys._getframe(1)
            while frame is not None and frame.f_code.co_filename != FILENAME:
                frame = frame.f_back
            filename, lineno = (FILENAME, frame.f_lineno) if frame else (filename, lineno)
        key = (str(message), category.__name__, lineno)
        if key not in shown:
            shown.add(key)
            (file or stderr).write(warnings.formatwarning(message, category, filename, lineno, line))

    warnings.showwarning = show


_OURS = __file__.rpartition("/")[0]
