"""Central differences of a function that can be asked at a few places: what they are, and what they say."""

from collections.abc import Callable
from math import isfinite

from msgspec import Struct

from app.trace.numeric import Verdict

_SMALLER = 8  # the second step is so much smaller than the first: a kink stays, curvature shrinks
_STAYS = 3  # what shrinks by less than this from the first to the second is a kink


class Precision(Struct, frozen=True):
    """How far to step and how closely to compare, for one kind of number."""

    step: float  # relative to the element, or to 1 where that is less
    relative: float
    absolute: float
    epsilon: float  # rounding of one operator


FLOAT64 = Precision(step=6e-6, relative=1e-4, absolute=1e-6, epsilon=2.3e-16)
FLOAT32 = Precision(step=1e-2, relative=2e-2, absolute=2e-3, epsilon=6e-8)


class Judged(Struct, frozen=True):
    """A derivative by differences, and whether it is the one expected."""

    verdict: Verdict
    central: float | None
    ahead: float | None = None
    behind: float | None = None


class _Sides(Struct, frozen=True):
    """Values at both sides of a place, `step` away."""

    step: float
    up: float
    base: float
    down: float

    @property
    def central(self) -> float:
        return (self.up - self.down) / (2 * self.step)

    @property
    def ahead(self) -> float:
        return (self.up - self.base) / self.step

    @property
    def behind(self) -> float:
        return (self.base - self.down) / self.step

    @property
    def bend(self) -> float:
        return abs(self.ahead - self.behind)

    def noise(self, precision: Precision) -> float:
        """What rounding alone can make of the difference."""
        return 16 * precision.epsilon * max(abs(self.up), abs(self.base), abs(self.down)) / self.step


def judge(
    at: Callable[[float], float | None], value: float, base: float, expected: float, precision: Precision
) -> Judged:
    """Whether the derivative of `at` at 0 is `expected`.

    `at` takes how far the element, of this `value`, is moved; None says that the program ended before. Where it bends
    sharply, ask closer by: a curve straightens, a kink does not.
    Source: the step of central differences, W. Press et al., Numerical Recipes, 3rd ed., section 5.7.
    """
    step = precision.step * max(1.0, abs(value))
    sides = _sides(at, base, step)
    if isinstance(sides, _Sides) and not _finite(sides) and 0 < abs(value) < 1:
        sides = _sides(at, base, precision.step * abs(value))  # `log` of a small number: stay on its side of 0
    if sides is None:
        return Judged("ended", None)
    if not _finite(sides):
        return Judged("not-finite", None)
    noise = sides.noise(precision)
    sharp = sides.bend > 100 * precision.absolute + 1e-3 * max(abs(sides.ahead), abs(sides.behind)) + 4 * noise
    if not sharp and _near(sides.central, expected, precision, noise):
        return Judged("agrees", sides.central)
    closer = _sides(at, base, sides.step / _SMALLER)
    if closer is None or not _finite(closer):
        return Judged("kink", sides.central, sides.ahead, sides.behind)
    if sharp and closer.bend > sides.bend / _STAYS:
        return Judged("kink", closer.central, closer.ahead, closer.behind)
    noise = closer.noise(precision)
    for central in (closer.central, sides.central, _extrapolated(sides, closer)):
        if _near(central, expected, precision, noise):
            return Judged("agrees", central)
    return Judged("differs", sides.central)


def _sides(at: Callable[[float], float | None], base: float, step: float) -> _Sides | None:
    up, down = at(step), at(-step)
    return None if up is None or down is None else _Sides(step, up, base, down)


def _finite(sides: _Sides) -> bool:
    return isfinite(sides.up) and isfinite(sides.base) and isfinite(sides.down) and isfinite(sides.central)


def _near(central: float, expected: float, precision: Precision, noise: float) -> bool:
    return near(central, expected, precision.relative, precision.absolute + noise)


def near(one: float, other: float, relative: float, absolute: float) -> bool:
    """Whether two numbers are the same but for rounding."""
    return abs(one - other) <= absolute + relative * max(abs(one), abs(other))


def _extrapolated(sides: _Sides, closer: _Sides) -> float:
    """Richardson's: the error of a central difference goes with the square of the step."""
    return (_SMALLER**2 * closer.central - sides.central) / (_SMALLER**2 - 1)
