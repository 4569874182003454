"""How a run ended, in words: what happened, where, and what to do next."""

from collections.abc import Sequence

from msgspec import Struct

from app.explain.diagnosis import Diagnosis
from app.explain.errors.explanation import Explanation
from app.trace.model import Trace
from app.web.prose import plain

_NOTHING_RAN = ("SyntaxError", "IndentationError", "TabError")


class Limits(Struct, frozen=True, kw_only=True):
    """What a run may use, as the page says it."""

    time_s: float
    memory_bytes: int
    output_bytes: int
    source_bytes: int

    @property
    def memory(self) -> str:
        """In words: "1 GiB"."""
        return size(self.memory_bytes)

    @property
    def output(self) -> str:
        """In words: "64 KiB"."""
        return size(self.output_bytes)

    @property
    def source(self) -> str:
        """In words: "20 kB"."""
        return size(self.source_bytes)


class Ending(Struct, frozen=True, kw_only=True):
    """The head of the output: one sentence, what to do next, and the exception as torch worded it."""

    kind: str  # "finished", "raised" or "stopped"
    headline: str
    advice: str | None = None
    error: str | None = None


def ending(trace: Trace, limits: Limits) -> Ending:
    """What the page says over the output."""
    outcome = trace.outcome
    if outcome.kind == "stopped":
        return _stopped(trace, limits)
    if outcome.kind == "finished" or outcome.error is None:
        return Ending(kind="finished", headline="Finished")
    error = outcome.error
    place = f" at line {error.line}" if error.line is not None else ""
    said = f"{error.type}: {error.message}" if error.message else error.type
    if error.type in _NOTHING_RAN and not trace.steps:
        column = f", column {error.column}" if error.line is not None and error.column is not None else ""
        return Ending(kind="raised", headline=f"{error.type}{place}{column}. Nothing ran.", error=said, advice=None)
    return Ending(kind="raised", headline=f"{error.type}{place}", error=said)


def _stopped(trace: Trace, limits: Limits) -> Ending:
    line = trace.outcome.line
    on_line = f" on line {line}" if line is not None else ""
    at_line = f"Line {line}" if line is not None else "The snippet"
    headline, advice = {
        "time": (
            f"Stopped after {limits.time_s:g} s{on_line}.",
            "A shorter loop or a smaller tensor shows the same thing.",
        ),
        "memory": (
            f"Stopped{on_line}: it asked for more than {limits.memory} of memory.",
            "A smaller tensor shows the same thing.",
        ),
        "output": (
            f"Stopped{on_line}: it printed more than {limits.output}.",
            "Print less, or only in the last pass of a loop.",
        ),
        "size": (
            f"Stopped{on_line}: the record of this run grew too large to draw.",
            "Fewer passes of a loop show the same thing.",
        ),
        "crash": (
            f"{at_line} ended the whole process, without an exception.",
            "A crash below Python, os._exit, or a fault of ours in recording it. Take lines away until it runs.",
        ),
    }[trace.outcome.reason or "crash"]
    return Ending(kind="stopped", headline=headline, advice=advice)


def remarks(trace: Trace) -> tuple[str, ...]:
    """What is not in the pictures, and why, where they do not say so themselves."""
    recorded = any(tensor.requires_grad for tensor in trace.tensors.values())
    # of a run that was not recorded to its end, nobody knows
    return ("No backward ran.",) if recorded and not trace.backwards and not trace.truncated else ()


def announcement(end: Ending, diagnoses: Sequence[Diagnosis], explained: Explanation | None = None) -> str:
    """The one sentence that a screen reader hears when a result arrives."""
    ended = end.headline if end.headline.endswith(".") else f"{end.headline}."
    if explained is not None:
        return f"{ended} {plain(explained.title).rstrip('.')}."
    if not diagnoses:
        return f"{ended} Nothing unusual was seen." if end.kind == "finished" else ended
    count = "One diagnosis" if len(diagnoses) == 1 else f"{len(diagnoses)} diagnoses, first"
    return f"{ended} {count}: {plain(diagnoses[0].title).rstrip('.')}."


def size(count: int) -> str:
    """Bytes in the largest unit that divides them: 20,000 is "20 kB", 65,536 is "64 KiB"."""
    for unit, word in ((2**30, "GiB"), (2**20, "MiB"), (10**6, "MB"), (2**10, "KiB"), (10**3, "kB")):
        if count >= unit and count % unit == 0:
            return f"{count // unit:,} {word}"
    return f"{count:,} bytes"
