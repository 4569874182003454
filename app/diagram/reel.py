"""Which moments of a run can be shown: all of a short one; of a long one the telling, with loops folded.

A stop of the slider is one moment, or many that are folded: then it stands at the last of them.
"""

from collections.abc import Iterable, Mapping

from app.diagram.tape_lanes import Story, weights_of
from app.diagram.tape_moments import Column, columns_of
from app.trace.moments import Moments

MOST_STOPS = 300
_ALWAYS = 3  # the weight of what must stay open


def reel_of(moments: Moments, story: Story, asked: Iterable[int] = ()) -> tuple[Column, ...]:
    """The stops of a run, in order. The passes of loops in which one of the `asked` moments lies are open."""
    weights: Mapping[int, int] = weights_of(story, moments)
    wanted = {moment: _ALWAYS for moment in asked if 1 <= moment <= moments.count}
    return columns_of(moments, {**weights, **wanted}, MOST_STOPS)
