"""How good the findings are, over all cases that ran."""

from collections import Counter
from collections.abc import Mapping

Lines = tuple[int, ...]


class Score:
    """Counts hits, misses and false alarms, by rule and line."""

    def __init__(self) -> None:
        self.cases = self.correct = self.hits = self.missed = self.false = self.lines = 0

    def add(self, expected: Mapping[str, Lines], found: Mapping[str, Lines]) -> None:
        """One case: rule → lines, as they should be and as they are."""
        self.cases += 1
        self.correct += not expected
        hits = expected.keys() & found.keys()
        self.hits += len(hits)
        self.missed += len(expected.keys() - found.keys())
        self.false += len(found.keys() - expected.keys())
        self.lines += sum(found[rule] == expected[rule] for rule in hits)

    def __str__(self) -> str:
        recall = self.hits / max(self.hits + self.missed, 1)
        precision = self.hits / max(self.hits + self.false, 1)
        lines = self.lines / max(self.hits, 1)
        return (
            f"{self.cases} snippets ({self.correct} correct programs), {self.hits + self.missed} findings expected: "
            f"recall {recall:.1%}, precision {precision:.1%}, lines right {lines:.1%}"
        )


SCORE = Score()


class Fixed:
    """Counts the findings for which a change was run and found to mend, by rule."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self.mended: Counter[str] = Counter()

    def add(self, rule: str, *, mended: bool) -> None:
        """One finding of a rule."""
        self.found[rule] += 1
        self.mended[rule] += mended

    @property
    def share(self) -> float:
        """Of the findings of rules that offer changes, how many got one."""
        able = [rule for rule in self.found if self.mended[rule]]
        return sum(self.mended[rule] for rule in able) / max(sum(self.found[rule] for rule in able), 1)

    def __str__(self) -> str:
        without = ", ".join(f"{rule} {self.found[rule]}" for rule in sorted(self.found) if not self.mended[rule])
        return f"{self.mended.total()} of {self.found.total()} findings got a fix that was run" + (
            f"; none for {without}" if without else ""
        )


FIXED = Fixed()
