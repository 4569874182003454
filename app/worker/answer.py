"""What a child does: takes one request, runs the snippet, answers once.

`prepare` runs in the zygote, before any fork; `warm` and `answer` in the jailed child.
"""

import signal
from collections.abc import Callable
from types import FrameType

from torch._dynamo import trace_rules

from app.trace.wire import Request, decode_request, encode
from app.worker.bound import Unobserved
from app.worker.fit import fit
from app.worker.modules import show_calls
from app.worker.numeric import NumericCheck
from app.worker.preload import preload, seed
from app.worker.reference import run_reference
from app.worker.run import Run

Send = Callable[[bytes], None]

_WARM = """\
import torch
a = torch.tensor([1., 2.], requires_grad=True)
b = (a * a).sigmoid()
c = b.detach()
b.sum().backward()
print(a.grad)
"""


def prepare() -> None:
    """Import all that snippets would import lazily; forward only, one thread."""
    preload()
    show_calls()
    trace_rules.add("app.worker")  # else torch.compile reads our code as a part of the snippet


def warm() -> None:
    """Touch once what every run touches: the copied pages are then the child's own."""
    run = Run(Request(kind="trace", source=_WARM, output_bytes=10_000), memoryview(bytearray(8)).cast("q"), _ignore)
    fit(run.trace())


def _ignore(_: bytes) -> None:
    raise RuntimeError("the warm-up was stopped")


def answer(request: bytes, send: Send, line: memoryview) -> None:
    """Run the request and `send` its whole answer; `send` does not return.

    SIGUSR1 is the soft deadline: what was seen until then is the answer.
    """
    asked = decode_request(request)
    seed()  # Python draws a new seed for `random` at each fork
    if asked.kind == "reference":
        send(fit(run_reference(asked)))
        return
    if asked.kind == "numeric":
        check = NumericCheck(asked)

        def on_late(_signum: int, _frame: FrameType | None) -> None:
            with Unobserved():  # modes of the run that is under way are still on
                send(encode(check.so_far()))

        signal.signal(signal.SIGUSR1, on_late)
        send(encode(check.check()))
        return
    run = Run(asked, line, send)

    def on_deadline(_signum: int, frame: FrameType | None) -> None:
        run.stop("time", frame)

    signal.signal(signal.SIGUSR1, on_deadline)
    send(fit(run.trace()))
