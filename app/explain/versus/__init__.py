"""Two runs beside each other: which lines pair, which moments, where the runs part and in what. Pure functions."""

from app.explain.versus.lines import LinePair, pair_lines
from app.explain.versus.outcomes import GradPair, ending, grad_pairs
from app.explain.versus.pairs import pair_moments
from app.explain.versus.parting import Parting, parting_of, said

__all__ = [
    "GradPair",
    "LinePair",
    "Parting",
    "ending",
    "grad_pairs",
    "pair_lines",
    "pair_moments",
    "parting_of",
    "said",
]
