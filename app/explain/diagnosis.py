"""What a rule reports."""

from typing import Literal

from msgspec import Struct

Evidence = str | int | bool | list[str | int] | None
Severity = Literal["error", "wrong", "warning", "note"]


class Diagnosis(Struct, frozen=True, kw_only=True):
    """One finding of one rule, in the reader's own names and lines.

    Texts are plain: code stands in backticks, and "line 5" names a line of the snippet.
    """

    rule: str  # its name in the list of pitfalls: "write-hidden-by-data"
    severity: Severity
    title: str
    cause: str
    fix: str
    lines: tuple[int, ...]  # the guilty lines first, then where it surfaced
    source: str  # the page of PyTorch's documentation that says why
    evidence: dict[str, Evidence] = {}  # ids and facts of the Trace that show it
    moment: int | None = None  # at which it went wrong; None where no one moment shows it
    refs: tuple[str, ...] = ()  # ids of the tensors, storages, counters and nodes that it is about, the first foremost
