"""Which moments of a run can be shown: all of a short one; of a long one the telling, with loops folded.

A stop of the slider is one moment, or many that are folded: then it stands at the last of them.
"""

from collections.abc import Sequence

from app.diagram.tape_lanes import Story, weights_of
from app.diagram.tape_loops import Openness
from app.diagram.tape_moments import Column, columns_between_folds, columns_of
from app.trace.moments import Moments

MOST_STOPS = 300
_OPEN = (Openness(first=8, last=4, most=24), Openness(first=4, last=2, most=12), Openness(first=2, last=2, most=8))


def reel_of(moments: Moments, story: Story, asked: Sequence[int] = ()) -> tuple[Column, ...]:
    """The stops of a run, in order. The passes of loops in which one of the `asked` moments lies are open."""
    weights = weights_of(story, moments)
    for openness in _OPEN if moments.count > MOST_STOPS else ():
        found = columns_between_folds(moments, weights, asked, openness)
        if len(found) <= MOST_STOPS:
            return found
    return columns_of(moments, weights, MOST_STOPS, asked)
