"""What the server and the zygote say to each other, over a socket that keeps messages apart."""

import socket

import msgspec
from msgspec import Struct

from app.sandbox.jail import JailLayer
from app.sandbox.limits import Limits
from app.sandbox.namespaces import Entered

MESSAGE_BYTES = 64 * 1024

# How far a child has come, as it notes in the page that it shares with the zygote.
FORKED, JAILED, HANDED_OVER = 0, 1, 2


class Setup(Struct, frozen=True, tag=True):
    """The server's first message: what the zygote is to prepare."""

    worker: str  # the module with prepare, warm and answer
    limits: Limits
    namespaces: bool


class Probe(Struct, frozen=True):
    """Instead of running a snippet: put on `layers` and try `attempts` (`probe.py`)."""

    layers: tuple[JailLayer, ...]
    attempts: tuple[str, ...]


class Spawn(Struct, frozen=True, tag=True):
    """Fork a child. A warm one runs the worker's warm-up before it waits for its request."""

    child: int
    warm: bool = False
    probe: Probe | None = None


class Ready(Struct, frozen=True, tag=True):
    """The zygote can fork."""

    missing: dict[JailLayer, str]
    landlock_abi: int
    namespaces: Entered
    huge_bytes: int  # of its heap in huge pages


class Spawned(Struct, frozen=True, tag=True):
    """A child has been forked. With it come its pidfd, its request's writing end and its answer's reading end."""

    child: int


class Refused(Struct, frozen=True, tag=True):
    """No child could be forked: the machine, or the container, has no room for another process."""

    child: int
    reason: str


class Exited(Struct, frozen=True, tag=True):
    """A child is gone. `line` and `progress` are what it noted itself, and may be anything."""

    child: int
    code: int | None  # None if a signal ended it
    signal: int | None
    line: int
    progress: int


class Greeting(Struct, frozen=True, tag=True):
    """Asks for the same in return: a zygote that does not answer can do nothing else either."""

    number: int


Order = Setup | Spawn | Greeting
Report = Ready | Spawned | Refused | Exited | Greeting

encode = msgspec.msgpack.Encoder().encode
decode_order = msgspec.msgpack.Decoder(Order).decode
decode_report = msgspec.msgpack.Decoder(Report).decode


def receive(control: socket.socket) -> tuple[bytes, list[int]]:
    """The next message and the descriptors that came with it; empty once the other side is gone."""
    message, descriptors, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 3)
    return message, descriptors
