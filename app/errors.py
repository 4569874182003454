"""Errors that reach the reader: a type, a sentence and an HTTP status each.

An exception that a snippet raises is none of them: it is the last step of its Trace.
"""


class UserFacingError(Exception):
    """A request that gets no Trace. The message says what happened and what to do next."""

    status = 500

    @property
    def message(self) -> str:
        """The sentence for the reader."""
        return str(self)


class SourceTooLarge(UserFacingError):  # noqa: N818  # it says what happened
    """The snippet is longer than the server takes."""

    status = 413

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        self.size_bytes, self.limit_bytes = size_bytes, limit_bytes
        super().__init__(
            f"The snippet has {size_bytes:,} bytes and was not run; {limit_bytes:,} is the most that is accepted. "
            "Keep the lines that show the question and leave out the rest."
        )


class QueueFull(UserFacingError):  # noqa: N818  # it says what happened
    """More snippets are waiting than the server lets wait: of all readers, or of this one's `own`."""

    status = 429

    def __init__(self, retry_after_s: int, *, own: bool = False) -> None:
        self.retry_after_s, self.own = retry_after_s, own
        whose = "from where you are" if own else "for their turn"
        super().__init__(
            f"Very many snippets are waiting {whose}, so this one was not run. "
            f"Press Run again in about {retry_after_s} s; nothing you wrote is lost."
        )


class SandboxUnavailable(UserFacingError):  # noqa: N818  # it says what happened
    """No snippet can be run now: the sandbox is starting, stopping, or must not be used."""

    status = 503

    def __init__(self, reason: str, retry_after_s: int = 5) -> None:
        self.reason, self.retry_after_s = reason, retry_after_s
        super().__init__(f"The snippet was not run: {reason}. Press Run again in a few seconds.")


class LayersMissing(SandboxUnavailable):
    """A public server lacks a core layer of its sandbox."""

    def __init__(self, missing: dict[str, str]) -> None:
        self.missing = missing
        listed = "; ".join(f"{name} ({reason})" for name, reason in missing.items())
        super().__init__(f"this server is public and its sandbox lacks {listed}")
