"""One sentence for every moment of a run: what just happened, in the reader's names."""

from app.explain.narrate.marks import Mark
from app.explain.narrate.narrator import Narrator, Telling

__all__ = ["Mark", "Narrator", "Telling"]
