"""What an attack is, and what must become of it."""

import textwrap
from typing import Literal

from msgspec import Struct

# What every attack may use. `got` says that it got what it came for; what is raised says that it was refused.
PRELUDE = """\
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
NUMBERS = {numbers}
def call(name, *arguments):
    result = libc.syscall(NUMBERS[name], *arguments)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
def got(what):
    print("GOT", repr(what)[:200], flush=True)
"""
WRAPPED = """\
try:
{body}
except BaseException as refusal:
    print("DENIED", type(refusal).__name__, str(refusal)[:200])
"""
Must = Literal["denied", "killed", "stopped", "contained"]


class Attack(Struct, frozen=True, kw_only=True):
    """One attack.

    - `denied`: what it asks for is refused, and the snippet goes on.
    - `killed`: refused, or the process ends on the spot: no honest snippet does that.
    - `stopped`: a limit ends it; `reasons` are those that may.
    - `contained`: it does what it likes to its own process, and nobody else notices.
    """

    name: str
    body: str
    must: Must
    reasons: tuple[str, ...] = ()

    def source(self, numbers: dict[str, int]) -> str:
        """The whole snippet; `numbers` are those of the system calls that it names."""
        body = textwrap.dedent(self.body).strip()
        if self.must in ("denied", "killed"):
            body = WRAPPED.format(body=textwrap.indent(body, "    "))
        named = {name: number for name, number in numbers.items() if f'"{name}"' in body}
        return PRELUDE.format(numbers=named) + body + "\n"


def denied(name: str, body: str) -> Attack:
    """What it asks for is refused."""
    return Attack(name=name, body=body, must="denied")


def killed(name: str, body: str) -> Attack:
    """It is refused, or the process ends on the spot."""
    return Attack(name=name, body=body, must="killed")


def stopped(name: str, body: str, *reasons: str) -> Attack:
    """A limit ends it."""
    return Attack(name=name, body=body, must="stopped", reasons=reasons)


def contained(name: str, body: str) -> Attack:
    """It harms only itself."""
    return Attack(name=name, body=body, must="contained")
