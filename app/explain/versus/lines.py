"""Which line of one snippet stands for which of the other."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from msgspec import Struct


class LinePair(Struct, frozen=True, kw_only=True):
    """A line on the left, a line on the right, or both; from 1. `same` where their texts are."""

    left: int | None = None
    right: int | None = None
    same: bool = False


def pair_lines(left: str, right: str) -> tuple[LinePair, ...]:
    """All lines of both snippets in order: those that are the same pair, and those changed in the same place."""
    texts, others = _texts(left), _texts(right)
    pairs = tuple(_pairs(texts, others))
    if len(texts) == len(others):
        # one changed line among others that are alike: the place tells more than the text
        in_place = tuple(
            LinePair(left=at, right=at, same=text == other)
            for at, (text, other) in enumerate(zip(texts, others, strict=True), start=1)
        )
        if _same(in_place) >= _same(pairs):
            return in_place
    return pairs


def _same(pairs: Sequence[LinePair]) -> int:
    return sum(pair.same for pair in pairs)


def _texts(source: str) -> list[str]:
    return [line.rstrip() for line in source.rstrip().split("\n")]


def _pairs(left: list[str], right: list[str]) -> Iterator[LinePair]:
    for kind, begin, end, other, last in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        count, others = end - begin, last - other
        for at in range(max(count, others)):
            yield LinePair(
                left=begin + at + 1 if at < count else None,
                right=other + at + 1 if at < others else None,
                same=kind == "equal",
            )
