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
from app.worker.preload import preload, seed_again
from app.worker.reference import run_reference
from app.worker.run import Run

Send = Callable[[bytes], None]

# What Python learns when code first runs, it writes beside that code: in the zygote once, in place of 400 copied
# pages and nearly two milliseconds in each child. No backward: autograd's engine is left to the children.
_FORWARD = """\
import torch
a = torch.tensor([1., 2.], requires_grad=True)
b = (a * a).sigmoid()
c = b.detach()
for i in range(3):
    c[0] = 1.0
print(a.grad)
"""
_WARM = """\
import torch
a = torch.tensor([1., 2.], requires_grad=True)
b = (a * a).sigmoid()
c = b.detach()
d = b.data
d.zero_()
for i in range(2):
    c[i] = 1.
out = (a * a).exp()
out.sum().backward()
print(a.grad, a.grad.tolist())
"""


def prepare() -> None:
    """Import all that snippets would import lazily, and rehearse a run; forward only, one thread."""
    preload()
    show_calls()
    trace_rules.add("app.worker")  # else torch.compile reads our code as a part of the snippet
    for _ in range(3):
        _rehearse(_FORWARD)


def warm() -> None:
    """Touch once what every run touches: the copied pages are then the child's own."""
    _rehearse(_WARM)


def _rehearse(source: str) -> None:
    run = Run(Request(kind="trace", source=source, output_bytes=10_000), memoryview(bytearray(8)).cast("q"), _ignore)
    fit(run.trace())


def _ignore(_: bytes) -> None:
    raise RuntimeError("the warm-up was stopped")


def answer(request: bytes, send: Send, line: memoryview) -> None:
    """Run the request and `send` its whole answer; `send` does not return.

    SIGUSR1 is the soft deadline: what was seen until then is the answer.
    """
    asked = decode_request(request)
    seed_again()
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
