"""Parts of sentences: names as code, lists of them, values, shapes.

Names are a stranger's: whatever they are, they stay one short stretch of code in one line.
"""

import ast
from collections import Counter
from collections.abc import Sequence
from math import prod

from app.trace.figures import numbers, shape_words
from app.trace.model import Values

LONGEST = 400  # characters of what one moment says
SHOWN_NUMBERS = 4
SHOWN_NAMES = 3
_LONGEST_NAME = 40
_LONGEST_NODE = 60
_CALLED_WITH_DOT = frozenset(["detach", "detach_", "numpy", "item", "tolist", "requires_grad_"])


def cleaned(text: str, most: int = _LONGEST_NAME) -> str:
    """`text` in one line, short, without what cannot be seen and without the mark that would end code."""
    if len(text) <= most and text.isprintable() and "`" not in text and "  " not in text:
        return text.strip()
    seen = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * most])
    line = " ".join(seen.replace("`", "'").split())
    return line if len(line) <= most else line[: most - 1] + "…"


def code(text: str) -> str:
    """`text` as code."""
    return f"`{cleaned(text) or '…'}`"


def node_word(name: str) -> str:
    """A node's name as torch writes it; as code where it could be taken for anything else."""
    return cleaned(name, _LONGEST_NODE) if name.isidentifier() else code(name)


def op_word(op: str) -> str:
    """An operator's name as the reader wrote it: `.detach()`, `sigmoid`."""
    return code(f".{op}()" if op in _CALLED_WITH_DOT else op)


def joined(parts: Sequence[str], most: int = SHOWN_NAMES) -> str:
    """Some words: "a", "a and b", "a, b and c", "a, b, c and 4 more"."""
    shown = list(parts[:most])
    if len(parts) > most:
        return f"{', '.join(shown)} and {len(parts) - most:,} more"
    return " and ".join(part for part in (", ".join(shown[:-1]), *shown[-1:]) if part)


def counted(names: Sequence[str]) -> str:
    """Names in the order in which they came, those that came again with how often: "`linear` twice and `sum`"."""
    count = Counter(names)
    times = {1: "", 2: " twice"}
    return joined([f"{name}{times.get(number, f' {number:,} times')}" for name, number in count.items()])


def clipped(text: str) -> str:
    """`text` in at most LONGEST characters; code that is cut through ends there."""
    if len(text) <= LONGEST:
        return text
    text = text[: LONGEST - 2] + "…"
    return text + "`" if text.count("`") % 2 else text


def sentence(text: str) -> str:
    """`text` with its first letter as a sentence begins."""
    return text[:1].upper() + text[1:]


def elements(shape: Sequence[int]) -> str:
    """How much a tensor holds: "3 elements", "64 × 20 elements", "1 element"."""
    if prod(shape) == 1:
        return "1 element"
    return f"{shape_words(shape)} elements"


def told(values: Values | None) -> str | None:
    """The numbers of a few, the shape of more; None where nothing is known."""
    if values is None:
        return None
    if values.flat and len(values.flat) <= SHOWN_NUMBERS:
        return " ".join(numbers(values.flat))
    return elements(values.shape)


def numbers_of(values: Values | None) -> str | None:
    """The numbers of a few; None where they are more, or not known."""
    if values is None or not values.flat or len(values.flat) > SHOWN_NUMBERS:
        return None
    return " ".join(numbers(values.flat))


def called_in(expression: str | None) -> str | None:
    """The name of what an expression calls last: `step` of `opt.step()`; None where it is no call."""
    if not expression or not expression.endswith(")"):
        return None
    try:
        call = ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    if not isinstance(call, ast.Call):
        return None
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else None
