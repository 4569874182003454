"""stdout and stderr of the snippet, bounded when they are written."""

import io
from collections.abc import Callable


class _Kept(io.RawIOBase):
    """Bytes that are kept up to a limit; at the first one more, the run ends."""

    def __init__(self, name: str, most_bytes: int, on_overflow: Callable[[], None]) -> None:
        super().__init__()
        self.name, self.mode = name, "wb"
        self.is_full = False
        self.kept = bytearray()
        self._most_bytes, self._on_overflow = most_bytes, on_overflow

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        view = memoryview(data).cast("B")  # type: ignore[arg-type]  # TypeError for what has no bytes
        self.kept += view[: self._most_bytes - len(self.kept)]
        if len(view) and len(self.kept) == self._most_bytes and not self.is_full:
            self.is_full = True
            self._on_overflow()
        return len(view)


class Output(io.TextIOWrapper):
    """A text stream such as a script's stdout, whose bytes are kept; `on_overflow` is called at the limit."""

    def __init__(self, name: str, most_bytes: int, on_overflow: Callable[[], None], errors: str = "strict") -> None:
        self._kept = _Kept(name, most_bytes, on_overflow)
        super().__init__(io.BufferedWriter(self._kept), encoding="utf-8", errors=errors)
        self.mode = "w"  # type: ignore[misc]  # as the interpreter sets it
        self.characters = 0  # written as text, whether they have left the buffer or not

    def write(self, text: str, /) -> int:
        """As every text stream; counts what it took."""
        taken = super().write(text)
        self.characters += taken
        return taken

    def text(self) -> str:
        """All that was written."""
        if not self.closed and not self._kept.is_full:  # when it is, a write is under way, and nothing more is kept
            self.flush()
        return self._kept.kept.decode(errors="replace")
