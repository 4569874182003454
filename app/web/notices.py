"""States that are no result, as notices: what happened, and what to do next."""

from app.errors import QueueFull, SandboxUnavailable, SourceTooLarge, UserFacingError
from app.sandbox.turns import Place
from app.web.address import DamagedLink, LinkTooLarge
from app.web.views import Notice

EMPTY = Notice(kind="empty", title="Nothing to run.", text="Write a snippet, or take one of these:")
BODY_TOO_LARGE = Notice(
    kind="too-large",
    title="That is too large to read.",
    text="Shorten it. If the editor is empty now, your text is one page back in your browser.",
)
BROKEN = Notice(
    kind="broken",
    title="This run could not be shown.",
    text="That is a fault of Tapescope, not of your snippet, which is still below. A shorter one may work meanwhile.",
)


def retry_after_s(error: UserFacingError) -> int | None:
    """When to come again, in whole seconds; None where that would change nothing."""
    if isinstance(error, QueueFull | SandboxUnavailable):
        return max(1, round(error.retry_after_s))
    return None


def in_words(place: Place) -> str:
    """Where a run stands in the queue."""
    if not place.before:
        return "Yours is next."
    runs = "One run is" if place.before == 1 else f"{place.before} runs are"
    return f"{runs} before yours: about {max(1, round(place.about_s))} s."


def notice_of(error: UserFacingError) -> Notice:
    """What the page says of a snippet that was not accepted."""
    if isinstance(error, QueueFull):
        return Notice(kind="busy", title="Many runs right now.", text=str(error), retry_after_s=retry_after_s(error))
    if isinstance(error, SourceTooLarge):
        return Notice(kind="too-large", title="That snippet is too large.", text=str(error))
    if isinstance(error, LinkTooLarge):
        return Notice(kind="too-large", title="The snippet of this link is too large.", text=str(error))
    if isinstance(error, DamagedLink):
        return Notice(kind="damaged", title="This link is damaged.", text=str(error))
    return Notice(
        kind="unavailable",
        title="Nothing can be run right now.",
        text=str(error),
        retry_after_s=retry_after_s(error),
    )
