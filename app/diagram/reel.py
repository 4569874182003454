"""Which moments of a run can be shown: all of a short one; of a long one the telling, with loops folded.

A stop of the slider is one moment, or many that are folded: then it stands at the last of them.
"""

from collections.abc import Sequence

from app.diagram.tape_lanes import Story, weights_of
from app.diagram.tape_moments import Column, columns_of
from app.trace.moments import Moments

MOST_STOPS = 300


def reel_of(moments: Moments, story: Story, asked: Sequence[int] = ()) -> tuple[Column, ...]:
    """The stops of a run, in order. The passes of loops in which one of the `asked` moments lies are open."""
    return columns_of(moments, weights_of(story, moments), MOST_STOPS, asked)
