"""What torch refused, as the Trace shows it: its message only ever confirms."""

from app.trace.model import Backward, Operation, Trace


def allows(trace: Trace, *texts: str) -> bool:
    """Whether the run's end does not speak against an error with one of `texts`: it says so, or was caught."""
    error = trace.outcome.error
    if trace.outcome.kind != "raised" or error is None:
        return True
    message = error.message.lower()
    return any(text.lower() in message for text in texts)


def refused_operation(trace: Trace, *texts: str) -> Operation | None:
    """The last operator call that raised, where the run's end allows one of `texts`."""
    refused = next((operation for operation in reversed(trace.operations) if operation.raised), None)
    return refused if refused is not None and allows(trace, *texts) else None


def refused_backward(trace: Trace, *texts: str) -> Backward | None:
    """The last backward that raised, where the run's end allows one of `texts`."""
    refused = next((backward for backward in reversed(trace.backwards) if backward.raised), None)
    return refused if refused is not None and allows(trace, *texts) else None
