"""Snippets modelled on what people ask, with what torch does and what we must say of each.

A module for each kind; each has a tuple `CASES`. `test_cases.py` runs them all, traced and in plain torch, and prints
recall, precision and line accuracy.
"""

from importlib import import_module
from pathlib import Path

from msgspec import Struct


class Case(Struct, frozen=True, kw_only=True):
    """One snippet and what is to be found in it, most important first; nothing for a correct program.

    `source` needs no `import torch`: it is line 1. `grads` are gradients that plain torch leaves, by name, where the
    case is about their values.
    """

    name: str
    source: str
    finds: dict[str, tuple[int, ...]] = {}  # rule → lines, the guilty ones first
    raises: str | None = None  # a part of torch's message
    grads: dict[str, list[float]] = {}

    @property
    def snippet(self) -> str:
        """What is run."""
        return f"import torch\n{self.source.strip()}\n"


def all_cases() -> list[Case]:
    """Of every module beside this one."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")
    return [case for name in names for case in import_module(f"{__name__}.{name}").CASES]
