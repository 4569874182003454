"""Which moment of the run it is."""


class Clock:
    """A moment is a line that began, or a node that backward ran; they are numbered from 1, in the order in time."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = 0
